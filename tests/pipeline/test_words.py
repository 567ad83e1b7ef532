"""Words that are put into a mouth come before the emotion, and part its lips as far as they say."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from faces_in_pictures import write_video
from words import lips_apart

from cmet_cli import EditOptions, EmotionEditor
from cmet_cli.faces.placement import Placement
from cmet_cli.lab.avatar.face import draw
from cmet_cli.lab.avatar.face_state import FaceState
from cmet_cli.lab.avatar.identity import Identity
from cmet_cli.media.clock import Timeline
from cmet_cli.media.probe import VideoInfo, probe_video
from cmet_cli.media.reader import Frame, FrameReader
from cmet_cli.options import RuntimeOptions
from cmet_cli.pipeline import steps
from cmet_cli.pipeline.codes import FaceEdit, change_for, edit_codes
from cmet_cli.pipeline.paint import FacePainter, PaintSettings
from cmet_cli.pipeline.preview import encode_stretch

N, SIDE = 6, 256
TIMELINE = Timeline(np.arange(N) / 25)
SETTINGS = PaintSettings("first", "face")
#: How much further words part lips, frame by frame.
FURTHER = np.array([0.0, 0.02, 0.2, 0.35, 0.5, 0.65])
MOUTH = (slice(165, 222), slice(78, 178))
DARKER = 30


@dataclass(frozen=True)
class Scene:
    info: VideoInfo
    frames: list[Frame]
    still: FaceEdit


@pytest.fixture(scope="module")
def mini() -> EmotionEditor:
    return EmotionEditor.from_weights(
        model="mini", runtime=RuntimeOptions(device="cpu", precision="fp32")
    )


@pytest.fixture(scope="module")
def scene(mini, tmp_path_factory) -> Scene:
    """Somebody drawn with lips that meet, who stays as they are."""
    picture = draw(Identity.from_seed(100_006), FaceState.of(opening=0.0), SIDE)
    path = tmp_path_factory.mktemp("shut") / "shut.mkv"
    write_video(path, np.repeat(picture[None], N, 0))
    info = probe_video(path)
    with FrameReader(info) as reader:
        frames = list(reader)
    face = encode_stretch(info, frames, Placement.everywhere(N, SIDE), mini.backend)
    codes = face.codes
    return Scene(info, frames, FaceEdit(face, codes, codes[:, :1], codes))


def spoken(mini: EmotionEditor, scene: Scene, emotion: str, intensity: float) -> FaceEdit:
    options, layout = EditOptions(detail="source", intensity=intensity), mini.backend.layout
    change = change_for(mini.model.mixture(emotion), options, TIMELINE)
    face = scene.still.face
    lips = face.codes[:, layout.lip_slice] + lips_apart(layout, FURTHER)
    return edit_codes(face, TIMELINE, replace(change, lips=lips), layout)


def painted(mini: EmotionEditor, scene: Scene, edit: FaceEdit) -> np.ndarray:
    """Luma ``[n, H, W]``."""
    painter = FacePainter(scene.info, edit, SETTINGS, mini.backend)
    planes = {f.index: f.planes for f in scene.frames}
    active = [f for f in scene.frames if painter.active(f.index)]
    planes |= painter.paint_all(planes, painter.render(active))
    return np.stack([planes[i][0] for i in range(N)])


def gaps(luma: np.ndarray) -> np.ndarray:
    """Where something else than lips is seen in the mouth, bool ``[n, h, w]``."""
    mouth = luma[:, MOUTH[0], MOUTH[1]].astype(int)
    return mouth < mouth[0] - DARKER


@pytest.mark.parametrize(("emotion", "intensity"), [("happy", 0.0), ("happy", 1.0), ("sad", 1.0)])
def test_the_further_words_part_lips_the_wider_the_mouth(mini, scene, emotion, intensity):
    """Whatever the emotion; before, a mouth was shut up to a point and then a slab."""
    edit = spoken(mini, scene, emotion, intensity)
    seen = gaps(painted(mini, scene, edit)).sum((1, 2))
    assert (np.diff(seen[1:]) > 100).all(), seen
    assert seen[1] < 10


def test_a_smile_does_not_widen_what_words_open(mini, scene):
    """Corners that rise are no opening."""
    plain, happy = (
        gaps(painted(mini, scene, spoken(mini, scene, "happy", by)))[-1] for by in (0, 1)
    )
    widths = [np.flatnonzero(mouth.any(0)) for mouth in (plain, happy)]
    assert len(widths[1]) < 1.45 * len(widths[0])
    assert happy.sum() < 1.35 * plain.sum()


def test_the_emotion_is_done_to_what_the_words_made(mini, scene):
    """Step by step the same as one video after the other."""
    edit = spoken(mini, scene, "happy", 1.0)
    both = painted(mini, scene, edit)
    words = FacePainter(scene.info, replace(edit, codes=edit.driven), SETTINGS, mini.backend)
    planes = {f.index: f.planes for f in scene.frames}
    faces = words.render([f for f in scene.frames if words.active(f.index)])
    said = planes | words.paint_all(planes, faces)
    rest = FacePainter(
        scene.info,
        replace(edit, face=replace(edit.face, codes=edit.driven)),
        SETTINGS,
        mini.backend,
    )
    # Rendered from the same source, on top of what the words made.
    felt = rest.render(scene.frames)
    shown = [replace(f, planes=said[f.index]) for f in scene.frames]
    faces = [
        replace(face, original=rest.crop(frame, rest.square(frame)))
        for face, frame in zip(felt, shown, strict=True)
    ]
    out = rest.paint_all(said, faces)
    wanted = np.stack([out[i][0] for i in range(N)])
    assert np.abs(both.astype(int) - wanted).max() <= 2
    assert np.abs(both.astype(int) - np.stack([said[i][0] for i in range(N)])).max() > 40


def test_one_step_where_one_is_enough(mini, scene, monkeypatch):
    def taken(edit: FaceEdit) -> int:
        (face, *_) = FacePainter(scene.info, edit, SETTINGS, mini.backend).render(scene.frames)
        return 1 + (face.then is not None)

    edit = spoken(mini, scene, "happy", 1.0)
    assert taken(edit) == 2
    assert taken(replace(edit, codes=edit.driven)) == 1, "words alone"
    assert taken(replace(edit, driven=edit.face.codes)) == 1, "an emotion alone"
    monkeypatch.setattr(steps, "DRAWS_NEW_PX", mini.backend.crop.size_px)
    assert taken(edit) == 1, "a renderer that draws the mouth itself"


def test_words_are_told_where_they_are_known(mini, scene):
    def words(edit: FaceEdit) -> list[float | None]:
        faces = FacePainter(scene.info, edit, SETTINGS, mini.backend).render(scene.frames)
        return [f.words and f.words.said - f.words.filmed for f in faces]

    edit = spoken(mini, scene, "happy", 1.0)
    none, *told = words(edit)
    assert none is None
    assert told == pytest.approx(FURTHER[1:], abs=1e-3)
    assert words(replace(edit, driven=edit.face.codes, codes=edit.face.codes)) == [None] * N


def jaws(mini: EmotionEditor, scene: Scene, drop: float) -> FaceEdit:
    """A jaw that drops by so much of a widest opening, and nothing else."""
    layout, edit = mini.backend.layout, scene.still
    assert layout.jaw is not None
    codes = edit.codes.copy()
    codes[:, layout.expression_slice] += layout.jaw.felt * np.float32(drop / layout.jaw.parts)
    return replace(edit, codes=codes)


def test_a_jaw_that_an_emotion_drops_parts_lips_too(mini, scene):
    """As far as the codes say, as words do; before, only where the renderer opened enough."""
    seen = [gaps_beside(scene, painted(mini, scene, jaws(mini, scene, by))) for by in (0.15, 0.3)]
    assert seen[0] > 150
    assert seen[1] > 1.3 * seen[0]
    faces = FacePainter(scene.info, jaws(mini, scene, 0.2), SETTINGS, mini.backend)
    words = faces.render(scene.frames)[0].words
    assert words.said == pytest.approx(0.2 * steps.FELT_PLAINLY, abs=1e-3)
    assert words.filmed == 0
    shut = FacePainter(scene.info, jaws(mini, scene, -0.2), SETTINGS, mini.backend)
    assert shut.render(scene.frames)[0].words is None


def gaps_beside(scene: Scene, luma: np.ndarray) -> int:
    """How much of the last frame's mouth is darker than it was filmed."""
    filmed = scene.frames[-1].planes[0]
    return int((luma[-1][MOUTH].astype(int) < filmed[MOUTH].astype(int) - DARKER).sum())
