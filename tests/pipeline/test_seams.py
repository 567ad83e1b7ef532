"""Both seams: a backend and emotions of the test's own go through ``EmotionEditor.edit``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toy import Constant, ToyBackend, ToyConnector, toy_model

from cmet_cli import EditOptions, EmotionEditor
from cmet_cli.emotion.source import Mixture, SpeechEmotion
from cmet_cli.media.clock import Timeline
from cmet_cli.media.probe import probe_video
from cmet_cli.media.reader import FrameReader

GREY = 100  # luma of the picture, with neutral chroma
WHOLE = EditOptions(face_detector="none", paste="crop", lips="video", crf=0, detail="render")


@pytest.fixture(scope="module")
def grey(make_media) -> Path:
    """Half a second of one grey, 32x32, at 25 frames a second, with a loud tone."""
    return make_media(
        "grey.mkv",
        "-f lavfi -i color=c=0x626262:s=32x32:r=25:d=0.48,format=yuv444p "
        "-f lavfi -i sine=f=300:d=0.48:r=16000 -c:v libx264 -qp 0 -c:a pcm_s16le -shortest",
    )


def mean_rgb(path: Path) -> np.ndarray:
    """Mean colour of the middle of each frame, float ``[n, 3]``."""
    info = probe_video(path)
    with FrameReader(info, rgb_size=(info.width, info.height)) as reader:
        return np.stack([frame.planes[0][4:-4, 4:-4].reshape(-1, 3).mean(0) for frame in reader])


@pytest.fixture
def editor(tmp_path) -> EmotionEditor:
    return EmotionEditor(toy_model(tmp_path))


def test_a_backend_of_three_numbers_goes_through_the_whole_edit(editor, grey, tmp_path):
    """Expression is the blue channel: a change of 0.2 is 25.5 of 255, and nothing else moves."""
    output = tmp_path / "bluer.mkv"
    result = editor.edit(grey, Constant(0.2), output, options=WHOLE)
    before, after = mean_rgb(grey), mean_rgb(output)
    assert (result.model, result.frames, result.source) == ("toy", len(before), "frame")
    assert after - before == pytest.approx(np.tile([0, 0, 25.5], (len(before), 1)), abs=1.5)


def test_speech_goes_through_the_connector(editor, grey, voice, tmp_path):
    """(loudest sample of the voice - that of the clip's own sound) x gain, by hand."""
    from cmet_cli.media.audio import decode_audio

    output = tmp_path / "spoken.mkv"
    editor.edit(grey, voice, output, neutral=grey, options=WHOLE)
    asked = np.abs(decode_audio(voice)).max() - np.abs(decode_audio(grey)).max()
    after = mean_rgb(output) - mean_rgb(grey)
    assert after[:, 2] == pytest.approx(asked * ToyConnector.gain * 127.5, abs=1.5)
    connector = editor.model.connector
    # Codes reach it on the backend's own grid: 0.44 s at 20 steps a second, ends included.
    assert [len(codes) for codes in connector.asked] == [10]


def test_lips_come_from_the_sound_on_the_backends_grid(editor, grey, tmp_path):
    """The toy's lip code is loudness, shown as red."""
    options = replace(WHOLE, lips="audio")
    output = tmp_path / "loud.mkv"
    editor.edit(grey, Constant(0.0), output, options=options)
    red = mean_rgb(output)[2:-2, 0]
    loudness = float(editor.backend.lips([np.full(800, 0.125, np.float32)])[0, 0])
    assert red == pytest.approx((loudness + 1) * 127.5, abs=3.0)


def test_intensity_scales_and_mixtures_add():
    codes, timeline = np.zeros((4, 1), np.float32), Timeline(np.arange(4) / 25)
    mixed = Mixture([(0.5, Constant(0.4)), (-1.0, Constant(0.1))])
    assert mixed.delta(codes, timeline) == pytest.approx(np.full((4, 1), 0.1))
    assert Mixture([(1.0, Constant(0.4))]).delta(codes, timeline) == pytest.approx(
        Constant(0.4).delta(codes, timeline)
    )


def test_a_vector_per_frame_is_a_change_per_frame():
    """What a timeline of emotions will be made of."""
    timeline = Timeline(np.arange(5) / 25)
    vectors = np.stack([np.linspace(0, 1, 5), np.zeros(5)], axis=1).astype(np.float32)
    delta = SpeechEmotion(ToyConnector(), vectors).delta(np.zeros((5, 1), np.float32), timeline)
    assert delta[:, 0] == pytest.approx(np.linspace(0, 2, 5), abs=1e-6)


def test_a_backends_complaints_reach_the_result(grey, tmp_path):
    class Complaining(ToyBackend):
        def render(self, source, codes):
            self.warnings.append("half a number was lost")
            return super().render(source, codes)

    model = toy_model(tmp_path)
    model.backend = Complaining()
    editor = EmotionEditor(model)
    result = editor.edit(grey, Constant(0.1), tmp_path / "out.mkv", options=WHOLE)
    assert "half a number was lost" in result.warnings
    # What was complained of before, say in an edit that failed, is not this one's.
    model.backend.warnings[:] = ["an older complaint"]
    again = editor.edit(grey, Constant(0.1), tmp_path / "again.mkv", options=WHOLE)
    assert "an older complaint" not in again.warnings
