"""Painting on the device beside painting with OpenCV, both on the CPU: the same pictures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from faces_in_pictures import neutral_clip, write_video
from in_torch import mini_in_torch
from test_detail import ShiftBackend, planes, same
from toy import Constant, toy_model
from words import lips_apart

from cmet_cli import EditOptions, EmotionEditor
from cmet_cli.backends.devices import Compute
from cmet_cli.faces.placement import Placement
from cmet_cli.media.clock import Timeline
from cmet_cli.media.probe import VideoInfo, probe_video
from cmet_cli.media.reader import Frame, FrameReader
from cmet_cli.pipeline import device_join, encode, paint
from cmet_cli.pipeline.codes import FaceEdit, change_for, edit_codes
from cmet_cli.pipeline.on_device import pixel_device
from cmet_cli.pipeline.paint import FacePainter, PaintSettings
from cmet_cli.pipeline.preview import encode_stretch
from cmet_cli.pipeline.render import whole_frames

CPU = torch.device("cpu")
N, CUT = 8, 5
OPTIONS = EditOptions(detail="source", lips="video", crf=0)
TIMELINE = Timeline(np.arange(N) / 25)


@pytest.fixture(scope="module")
def mini() -> EmotionEditor:
    return EmotionEditor(mini_in_torch())


@pytest.fixture(scope="module")
def person(tmp_path_factory) -> Path:
    """A drawn person that no training has seen, who leaves the picture to the left a little."""
    clip = neutral_clip(100_001, N)
    frames = np.full((N, 360, 480, 3), 120, np.uint8)
    for i in range(N):
        frames[i, 20:340, :300] = clip.frame(i, 320)[:, 20:]
    return write_video(tmp_path_factory.mktemp("p") / "person.mkv", frames)


@dataclass(frozen=True)
class Shown:
    info: VideoInfo
    frames: list[Frame]
    edit: FaceEdit


def shown(mini: EmotionEditor, video: Path, emotion: str, words: bool = False) -> Shown:
    """Two shots, a head that moves in its square, a face that fades in; words: which part its lips
    wider and wider, then shut them."""
    info = probe_video(video)
    with FrameReader(info) as reader:
        frames = list(reader)
    still = Placement.everywhere(N, 320)
    squares = np.stack([140 + np.linspace(0, 3, N), np.full(N, 180.4), np.full(N, 320.0)], 1)
    where = replace(
        still,
        squares=squares.astype(np.float32),
        head_offsets=np.linspace(0, 0.03, 2 * N, dtype=np.float32).reshape(2, N).T.copy(),
        weights=np.clip(np.arange(N) / 3, 0, 1).astype(np.float32),
        shots=(np.arange(N) >= CUT).astype(int),
    )
    face = encode_stretch(info, frames, where, mini.backend)
    change, layout = change_for(mini.model.mixture(emotion), OPTIONS, TIMELINE), mini.backend.layout
    if words:
        further = np.where(np.arange(N) < N - 3, np.linspace(0, 0.7, N), -0.3)
        change = replace(change, lips=face.codes[:, layout.lip_slice] + lips_apart(layout, further))
    return Shown(info, frames, edit_codes(face, TIMELINE, change, layout))


def painters(mini: EmotionEditor, scene: Shown, settings: PaintSettings) -> list[FacePainter]:
    """On the host and on the device."""
    return [
        FacePainter(scene.info, scene.edit, settings, mini.backend, device=device)
        for device in (None, CPU)
    ]


def painted(painter: FacePainter, frames: list[Frame], at_once: int) -> list[tuple]:
    """In groups, as an edit does it."""
    out = []
    for start in range(0, len(frames), at_once):
        group = frames[start : start + at_once]
        faces = painter.render([f for f in group if painter.active(f.index)])
        out += [after for _, after in whole_frames(group, [painter], [faces])]
    return out


@pytest.mark.parametrize(
    ("layout", "emotion", "more"),
    [
        ("yuv420p", "happy", {}),
        ("yuv422p10le", "surprised", {"keep_lips": True}),
        ("yuv444p", "surprised", {"areas": ("upper", "mouth"), "source": "frame"}),
    ],
)
def test_the_planes_are_those_of_opencv(mini, person, make_media, layout, emotion, more):
    video = make_media(f"there_{layout}.mkv", f"-i {person} -c:v libx264 -qp 0 -pix_fmt {layout}")
    scene = shown(mini, video, emotion)
    settings = PaintSettings(**({"source": "first", "paste": "face"} | more))
    both = painters(mini, scene, settings)
    assert_alike(scene, both, level=4 if "10" in layout else 1)


@pytest.mark.parametrize("emotion", ["happy", "sad"])
def test_words_come_first_there_too(mini, person, emotion):
    scene = shown(mini, person, emotion, words=True)
    both = painters(mini, scene, PaintSettings("first", "face"))
    assert all(face.then.words is None for face in both[1].render(scene.frames))
    words = [face.words for face in both[1].render(scene.frames)]
    assert max(w.said - w.filmed for w in words if w) > 0.35
    assert_alike(scene, both, level=1)


def test_lips_of_a_run_may_part_in_either_way(mini, person):
    """By words in some frames, by the renderer's motion in others."""
    scene = shown(mini, person, "happy", words=True)
    scene = replace(scene, edit=replace(scene.edit, codes=scene.edit.driven))
    scene.edit.face.placement.weights[:] = 1.0
    scene.edit.face.placement.shots[:] = 0
    out = []
    for painter in painters(mini, scene, PaintSettings("first", "face")):
        faces = painter.render(scene.frames[1:])
        some = [replace(f, words=None) if k in (3, 4) else f for k, f in enumerate(faces)]
        planes = {f.index: f.planes for f in scene.frames}
        done = [painter.paint_all(planes, run) for run in (faces, some)]
        out.append([np.stack([d[f.index][0] for f in scene.frames[1:]]) for d in done])
    (words, host), (_, device) = ([np.asarray(planes, int) for planes in found] for found in out)
    assert np.abs(host - words)[3:5].max() > 20, "it makes a difference here"
    assert (np.abs(host - device) > 1).mean() < 1e-4


def assert_alike(scene: Shown, both: list[FacePainter], level: int) -> None:
    """What is painted on the device is what is painted on the host, but for some rounding."""
    host, device = both
    pairs = zip(painted(host, scene.frames, 1), painted(device, scene.frames, 3), strict=True)
    changed = differing = far = 0
    for frame, (a, b) in zip(scene.frames, pairs, strict=True):
        for old, one, other in zip(frame.planes, a, b, strict=True):
            assert other.dtype == old.dtype
            assert np.array_equal(other[:, 400:], old[:, 400:])
            apart = np.abs(one.astype(int) - other.astype(int))
            changed += (one != old).sum()
            differing, far = differing + (apart > 0).sum(), far + (apart > level).sum()
    assert changed > 0.03 * sum(p.size for f in scene.frames for p in f.planes)
    # What falls between two of OpenCV's thirty-seconds of a pixel may go either way.
    assert differing < 3e-3 * changed
    assert far < 3e-4 * changed


@pytest.mark.parametrize("bound", [{"at_once": lambda _: 2}, {"SLOTS": 2}])
def test_few_frames_at_a_time_are_the_same_frames(mini, person, monkeypatch, bound):
    """As many as memory has room for, and as are recorded together."""
    scene = shown(mini, person, "surprised")
    scene.edit.face.placement.weights[:] = 1.0
    settings = PaintSettings("first", "face")
    together, few = (painters(mini, scene, settings)[1] for _ in range(2))
    wanted = painted(together, scene.frames, N)
    counts = []
    repaint = device_join.repaint
    monkeypatch.setattr(
        device_join, "repaint", lambda p, *more: counts.append(len(p)) or repaint(p, *more)
    )
    for name, value in bound.items():
        monkeypatch.setattr(device_join, name, value)
    found = painted(few, scene.frames, N)
    assert sum(counts) == N
    assert max(counts) == 2
    for frame, a, b in zip(scene.frames, wanted, found, strict=True):
        assert np.mean(a[0] != frame.planes[0]) > 0.02
        apart = np.abs(a[0].astype(int) - b[0].astype(int))
        assert apart.max() <= 1
        assert np.mean(apart > 0) < 1e-3


def test_codes_and_sharpness_are_those_of_opencv(mini, person):
    reading = mini.read(person, replace(OPTIONS, face_detector="none"))
    found = encode.encode_faces(
        reading.info, reading.faces, mini.backend, lambda *_: None, device=CPU
    )
    for there, here in zip(found, reading.people, strict=True):
        assert np.abs(there.codes - here.codes).max() < 1e-2 * np.abs(here.codes).max()
        assert there.sharpness == pytest.approx(here.sharpness, rel=1e-3)


def test_two_edits_of_one_place_are_done_one_after_the_other(mini, person):
    """The second paints over what the first has painted."""
    scene = shown(mini, person, "happy")
    scene.edit.face.placement.weights[:] = 1.0
    both = [painters(mini, scene, PaintSettings("first", "face")) for _ in range(2)]
    seen = []
    for pair in zip(*both, strict=True):
        faces = [p.render(scene.frames[:3]) for p in pair]
        seen.append([after for _, after in whole_frames(scene.frames[:3], list(pair), faces)])
    once = painted(both[0][0], scene.frames[:3], 3)
    for a, b, c in zip(*seen, once, strict=True):
        assert np.mean(a[0] != b[0]) < 1e-3
        assert np.mean(a[0] != c[0]) > 0.02


def edited(monkeypatch, editor: EmotionEditor, *request, **how) -> None:
    """A whole edit on the device."""
    with monkeypatch.context() as patch:
        for module in (paint, encode):
            patch.setattr(module, "pixel_device", lambda *_: CPU)
        editor.edit(*request, **how)


def test_asking_for_nothing_changes_nothing(mini, person, voice, tmp_path, monkeypatch):
    output = tmp_path / "out.mkv"
    options = replace(OPTIONS, intensity=0.0, face_detector="none")
    edited(monkeypatch, mini, person, voice, output, neutral=voice, options=options)
    assert same(person, output)


def test_the_same_rendering_twice_gives_the_frames_themselves(mini, person):
    scene = shown(mini, person, "happy")
    device = painters(mini, scene, PaintSettings("first", "face"))[1]
    faces = [
        replace(face, edited=face.neutral, motion=torch.zeros_like(face.motion))
        for face in device.render(scene.frames[:4])
    ]
    after = device.paint_all({f.index: f.planes for f in scene.frames}, faces)
    for frame in scene.frames[:4]:
        pairs = zip(after[frame.index], frame.planes, strict=True)
        assert all(a is b for a, b in pairs)


def test_a_renderer_that_does_not_tell_its_motion(person, tmp_path, monkeypatch):
    """Flow is OpenCV's then, and the rest is done on the device."""
    model = toy_model(tmp_path)
    model.backend = ShiftBackend()
    options = replace(OPTIONS, face_detector="none")
    here, there = tmp_path / "here.mkv", tmp_path / "there.mkv"
    EmotionEditor(model).edit(person, Constant(2.0), here, options=options)
    edited(monkeypatch, EmotionEditor(model), person, Constant(2.0), there, options=options)
    before, one, other = (np.stack([p[0] for p in planes(v)]) for v in (person, here, there))
    changed = (one != before).mean()
    assert changed > 0.02
    assert (one != other).mean() < 5e-3 * changed


def test_a_face_that_is_not_followed_is_left_alone(mini, person):
    scene = shown(mini, person, "happy")
    device = painters(mini, scene, PaintSettings("first", "face"))[1]
    noise = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0)) * 255
    faces = [replace(face, neutral=noise) for face in device.render(scene.frames[:4])]
    after = device.paint_all({f.index: f.planes for f in scene.frames}, faces)
    assert all(after[f.index] is f.planes for f in scene.frames[:4])


def test_cuda_alone_works_on_pixels():
    for name, expected in (("cuda:1", "cuda:1"), ("cpu", "None"), ("mps", "None")):
        assert str(pixel_device(Compute(torch.device(name), "fp32", 8))) == expected
