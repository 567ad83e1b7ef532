"""Whether a container takes a stream is tried without a file that anything could leave behind."""

from __future__ import annotations

import tempfile

from cmet_cli.media import writer
from cmet_cli.media.probe import probe_video


def test_the_trial_has_no_name(talking, tmp_path, monkeypatch):
    """A signal between the start of ffmpeg and the watch over it left one, once in sixty times."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    real, seen = writer.run_short, []

    def watching(arguments, **options):
        seen.append(list(tmp_path.iterdir()))
        run = real(arguments, **options)
        seen.append(list(tmp_path.iterdir()))
        return run

    monkeypatch.setattr(writer, "run_short", watching)
    plan = writer.plan_streams(probe_video(talking), "mp4")
    assert ("c:a", "copy") in plan.options
    assert seen == [[], []]
