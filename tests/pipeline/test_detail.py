"""``--detail source``: the video's own pixels, through the whole edit."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from faces_in_pictures import neutral_clip, scene, write_video
from toy import WHOLE_BOX, Constant, ToyBackend, toy_model

from cmet_cli import EditOptions, EmotionEditor
from cmet_cli.backends.base import CropSpec
from cmet_cli.emotion.source import SpeechEmotion
from cmet_cli.media.audio import decode_audio
from cmet_cli.media.clock import Timeline
from cmet_cli.media.probe import probe_video
from cmet_cli.media.reader import FrameReader

SOURCE = EditOptions(detail="source", lips="auto", crf=0)
N = 12


def planes(path: Path) -> list[tuple[np.ndarray, ...]]:
    with FrameReader(probe_video(path)) as reader:
        return [frame.planes for frame in reader]


def luma(path: Path) -> np.ndarray:
    return np.stack([p[0] for p in planes(path)])


def same(a: Path, b: Path) -> bool:
    before, after = planes(a), planes(b)
    return len(before) == len(after) and all(
        np.array_equal(x, y)
        for one, two in zip(before, after, strict=True)
        for x, y in zip(one, two, strict=True)
    )


@pytest.fixture(scope="module")
def mini() -> EmotionEditor:
    return EmotionEditor.from_weights(model="mini")


@pytest.fixture(scope="module")
def person(tmp_path_factory) -> Path:
    """A drawn person whom no training has seen, 256 px, the whole picture."""
    clip = neutral_clip(100_001, N)
    frames = np.stack([clip.frame(i, 256) for i in range(N)])
    return write_video(tmp_path_factory.mktemp("p") / "person.mkv", frames)


@dataclass
class ShiftBackend(ToyBackend):
    """Expression is how far to the right, in pixels of the crop, a picture is shown.

    shown: what it takes every picture for; None: the picture itself.
    """

    crop: CropSpec = field(default_factory=lambda: CropSpec(64, WHOLE_BOX))
    shown: torch.Tensor | None = None

    def encode(self, images):
        return torch.zeros(len(images), 3)

    def render(self, source, codes):
        source = source if self.shown is None else self.shown.expand_as(source)
        moved = [
            torch.roll(s, round(float(c[2])), dims=-1) for s, c in zip(source, codes, strict=True)
        ]
        return torch.stack(moved)


@pytest.fixture(scope="module")
def textured(tmp_path_factory) -> Path:
    """Soft noise, 256x256: every place can be told from the next."""
    noise = np.random.default_rng(0).standard_normal((256, 256, 3)).astype(np.float32)
    soft = sum(cv2.GaussianBlur(noise, (0, 0), s) * s for s in (1.5, 4, 9))
    picture = np.clip(128 + 35 * soft / soft.std(), 0, 255).astype(np.uint8)
    return write_video(tmp_path_factory.mktemp("t") / "t.mkv", np.stack([picture] * 4))


def shift_editor(root: Path, **changes) -> EmotionEditor:
    model = toy_model(root)
    model.backend = ShiftBackend(**changes)
    return EmotionEditor(model)


@pytest.mark.parametrize("layout", ["yuv420p", "yuv444p10le"])
def test_asking_for_nothing_changes_nothing(mini, person, voice, tmp_path, make_media, layout):
    video = make_media(f"person_{layout}.mkv", f"-i {person} -c:v libx264 -qp 0 -pix_fmt {layout}")
    output = tmp_path / "out.mkv"
    result = mini.edit(video, voice, output, neutral=voice, options=replace(SOURCE, intensity=0.0))
    assert result.frames_edited == N
    assert result.lips == "video"
    assert same(video, output)


def test_the_frames_own_pixels_move_by_what_the_rendering_moved(textured, tmp_path):
    """Three of 64 pixels are twelve of 256, sharper than any 64-pixel rendering could show."""
    output, options = tmp_path / "out.mkv", replace(SOURCE, face_detector="none")
    shift_editor(tmp_path).edit(textured, Constant(3.0), output, options=options)
    before, after = luma(textured)[0].astype(int), luma(output)[0].astype(int)
    inner = slice(64, -64)
    expected = np.roll(before, 12, axis=1)
    assert np.abs(after - expected)[inner, inner].mean() < 4.0
    assert np.abs(after - before)[inner, inner].mean() > 15.0
    sharp = [cv2.Laplacian(p.astype(np.float32), cv2.CV_32F)[inner, inner].var()
             for p in (expected, after)]  # fmt: skip
    assert sharp[1] > 0.8 * sharp[0]


def test_a_rendering_of_something_else_leaves_the_frame_alone(textured, tmp_path):
    other = torch.from_numpy(np.random.default_rng(5).uniform(-1, 1, (1, 3, 64, 64))).float()
    editor, output = shift_editor(tmp_path, shown=other), tmp_path / "out.mkv"
    options = replace(SOURCE, face_detector="none")
    editor.edit(textured, Constant(3.0), output, options=options)
    assert same(textured, output)


def test_a_smile_is_sharp_and_lifts_the_corners_of_the_mouth(mini, person, tmp_path):
    output = tmp_path / "happy.mkv"
    voice = Path(__file__).parents[2] / "examples/voices/happy.wav"
    neutral = voice.with_name("neutral.wav")
    mini.edit(person, voice, output, neutral=neutral, options=SOURCE)
    before, after = luma(person), luma(output)
    face = (slice(60, 210), slice(60, 196))

    def sharpness(frames: np.ndarray) -> float:
        return np.mean([cv2.Laplacian(f, cv2.CV_32F)[face].var() for f in frames])

    assert 0.85 < sharpness(after) / sharpness(before) < 1.25
    # By the encoder of the model: the expression moves the way that was asked for.
    own, new = (mini.read(p, SOURCE).people[0].codes for p in (person, output))
    at = mini.backend.layout.expression_slice
    ear = mini.speech_encoder.feature
    asked = SpeechEmotion(
        mini.model.connector, ear(decode_audio(voice)) - ear(decode_audio(neutral))
    ).delta(own[:, at], Timeline(np.arange(N) / 25))
    got, wanted = (new - own)[:, at].mean(0), asked.mean(0)
    likeness = got @ wanted / np.linalg.norm(got) / np.linalg.norm(wanted)
    assert likeness > 0.6


def test_only_the_face_changes_in_a_wide_picture(mini, tmp_path):
    video = write_video(tmp_path / "wide.mkv", scene({12: (250, 40)}, N))
    voice = Path(__file__).parents[2] / "examples/voices/surprised.wav"
    output = tmp_path / "out.mkv"
    options = replace(SOURCE, face_detector="haar")
    mini.edit(video, voice, output, neutral=voice.with_name("neutral.wav"), options=options)
    changed = (luma(video) != luma(output)).any(0)
    rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    assert columns[0] > 250
    assert columns[-1] < 450
    assert rows[0] > 40
    assert 0.02 < changed.mean() < 0.25


def test_an_edit_keeps_the_sound_so_its_lips_are_as_filmed():
    assert EditOptions().lips_from == "video"
    assert EditOptions(detail="render", lips="auto").lips_from == "video"
    assert EditOptions(detail="source", lips="audio").lips_from == "audio"
