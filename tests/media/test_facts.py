"""What is read off ffmpeg's log is ffmpeg's word, not the file's."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest

from cmet_cli.media.facts import facts_from_log
from cmet_cli.media.program import find_ffmpeg

EXAMPLE = Path(__file__).parents[2] / "examples" / "neutral.mp4"


@pytest.mark.parametrize(
    "words",
    [
        "Stream mapping: explained",
        "Output #0, null",
        "Duration: 00:00:01.00, start: 0.000000",
        "displaymatrix: rotation of 90.00 degrees",
        "HDR10+ or HDR Dynamic Metadata",
        "two lines\n  Duration: 00:00:01.00\nStream mapping:\n  Stream #0:7: Subtitle: mov_text",
    ],
)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_titles_of_any_words(tmp_path, words, suffix):
    told = tmp_path / f"told{suffix}"
    copy = [find_ffmpeg(), "-v", "error", "-i", str(EXAMPLE), "-c", "copy"]
    tags = ["-metadata", f"title={words}", "-metadata:s:v", f"title={words}"]
    subprocess.run([*copy, *tags, str(told)], check=True)
    plain = tmp_path / f"plain{suffix}"
    subprocess.run([*copy, str(plain)], check=True)
    assert asdict(facts_from_log(told)) == asdict(facts_from_log(plain))


@pytest.mark.parametrize("name", ["hdr10+.mp4", "Output #0, Stream mapping:.mp4"])
def test_names_of_any_words(tmp_path, name):
    named = tmp_path / name
    shutil.copy(EXAMPLE, named)
    assert asdict(facts_from_log(named)) == asdict(facts_from_log(EXAMPLE))
    assert [kind for kind, _ in facts_from_log(named).kinds] == ["Video", "Audio"]
