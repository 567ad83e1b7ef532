"""A last frame that is shown longer than the others, as slides and still ends have it."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from cmet_cli import EditOptions, EmotionEditor
from cmet_cli.media.clock import Timeline
from cmet_cli.media.probe import probe_video
from cmet_cli.media.program import bundled_ffmpeg
from cmet_cli.media.reader import FrameReader
from cmet_cli.pipeline.find import _shown_last

EXAMPLES = Path(__file__).parents[2] / "examples"
HAPPY = EXAMPLES / "voices" / "happy.wav"
FRAMES, SHOWN_S = 12, 1.4


def ffmpeg(*words):
    subprocess.run([bundled_ffmpeg(), "-loglevel", "error", "-y", *map(str, words)], check=True)


@pytest.fixture(scope="module")
def editor():
    return EmotionEditor.from_weights(model="mini")


def slides(path, frames=FRAMES):
    """Frames of 0.04 s, the last one of 1.4 s; silent."""
    longer = f"setts=pts=PTS:dts=DTS:duration='round(if(eq(N,{frames - 1}),{SHOWN_S},0.04)/TB)'"
    source = ["-i", EXAMPLES / "neutral.mp4", "-frames:v", frames, "-an", "-bf", 0]
    ffmpeg(*source, "-bsf:v", longer, path)
    return path


@pytest.fixture(scope="module")
def still_end(tmp_path_factory):
    path = slides(tmp_path_factory.mktemp("last") / "slides.mp4")
    with FrameReader(probe_video(path), timestamps=True) as reader:
        for _ in reader:
            pass
        if not reader.last_ticks:
            pytest.skip("this ffmpeg does not tell how long frames are shown")
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_it_is_shown_as_long_in_the_result(editor, still_end, tmp_path, suffix):
    output = tmp_path / f"out{suffix}"
    result = editor.edit(still_end, output=output, options=EditOptions(emotion="happy"))
    length_s = (FRAMES - 1) * 0.04 + SHOWN_S
    assert result.duration_s == pytest.approx(length_s, abs=1e-3)
    assert probe_video(output).duration_s == pytest.approx(length_s, abs=0.011)
    times = [
        editor.read(path, EditOptions()).faces.timeline.times_s for path in (still_end, output)
    ]
    assert np.allclose(*times, atol=2e-3)


@pytest.mark.parametrize("frames", [13, 14, 15, 16])
def test_also_where_another_frame_is_decoded_last(editor, still_end, tmp_path, frames):
    output = tmp_path / "out.mp4"
    result = editor.edit(
        slides(tmp_path / "in.mp4", frames), output=output, options=EditOptions(emotion="happy")
    )
    length_s = (frames - 1) * 0.04 + SHOWN_S
    assert result.duration_s == pytest.approx(length_s, abs=1e-3)
    assert probe_video(output).duration_s == pytest.approx(length_s, abs=0.011)


@pytest.mark.parametrize(
    ("told", "length_s", "shown"),
    [
        (1400, 1.84, 1400),
        (3000, 0.48, 0),  # with B-frames ffmpeg may tell a gap's length of the last frame
        (3000, 1.84, 1410),  # no longer than the file, which is told to a hundredth
        (40, 0.48, 0),
        (50, 9.0, 0),  # hardly longer than the others
        (3000, None, 0),
    ],
)
def test_what_is_told_of_it_is_believed_as_far_as_the_file_is_long(told, length_s, shown):
    info = SimpleNamespace(time_base=Fraction(1, 1000), frame_rate=None, duration_s=length_s)
    assert _shown_last(list(range(0, 480, 40)), told, info) == shown
    assert _shown_last([0], told, info) == told


def test_a_cut_ends_within_it(editor, still_end, tmp_path):
    speech, output = tmp_path / "words.wav", tmp_path / "out.mp4"
    ffmpeg("-i", HAPPY, "-t", 1.0, speech)
    options = EditOptions(speech=speech, fit="cut", emotion="happy")
    result = editor.edit(still_end, output=output, options=options)
    assert (result.frames, result.duration_s) == (FRAMES, pytest.approx(1.0, abs=0.01))
    assert probe_video(output).duration_s == pytest.approx(1.0, abs=0.03)


def test_another_face_is_shown_as_long(editor, still_end, tmp_path):
    picture, output = tmp_path / "p.png", tmp_path / "out.mp4"
    ffmpeg("-i", EXAMPLES / "neutral.mp4", "-frames:v", 1, picture)
    result = editor.edit(still_end, output=output, options=EditOptions(identity_image=picture))
    assert result.duration_s == pytest.approx((FRAMES - 1) * 0.04 + SHOWN_S, abs=1e-3)


def test_speech_that_fits_into_it_is_whole(editor, still_end, tmp_path):
    speech, output = tmp_path / "words.wav", tmp_path / "out.mp4"
    ffmpeg("-i", HAPPY, "-t", 1.6, speech)
    result = editor.edit(still_end, output=output, options=EditOptions(speech=speech))
    assert not any("is left out" in warning for warning in result.warnings)
    assert result.frames == FRAMES
    whole = editor.edit(
        still_end,
        output=tmp_path / "longer.mp4",
        options=EditOptions(speech=HAPPY, emotion="happy", fit="hold"),
    )
    assert whole.frames > FRAMES


def test_a_single_frame_lasts_as_long_as_its_file_says(editor, still_end, tmp_path):
    picture, one, output = (tmp_path / name for name in ("p.png", "one.mp4", "out.mp4"))
    ffmpeg("-i", still_end, "-frames:v", 1, picture)
    ffmpeg("-loop", 1, "-framerate", "1/2", "-i", picture, "-frames:v", 1, one)
    result = editor.edit(one, output=output, options=EditOptions(emotion="happy"))
    assert result.duration_s == pytest.approx(2.0, abs=0.01)
    assert probe_video(output).duration_s == pytest.approx(2.0, abs=0.02)


def test_a_timeline_ends_when_its_last_frame_does():
    times_s = np.arange(5) * 0.04
    assert Timeline(times_s).end_s == pytest.approx(0.2)
    assert Timeline(times_s, last_s=1.0).end_s == pytest.approx(1.16)
    assert Timeline(times_s, last_s=1.0).step_s == pytest.approx(0.04)
    assert Timeline(times_s[:1], last_s=1.0).duration_s == 1.0
