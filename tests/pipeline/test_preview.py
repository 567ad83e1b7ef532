"""What a preview shows: the right moments, before and after, of the right person."""

from __future__ import annotations

import weakref
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from faces_in_pictures import HEIGHT, WIDTH, scene, write_video, write_wave
from toy import Constant, toy_model

from cmet_cli import EditOptions, EmotionEditor
from cmet_cli.errors import FaceError, UsageError
from cmet_cli.media import reader
from cmet_cli.pipeline import preview
from cmet_cli.pipeline.codes import FaceEdit, change_for, edit_codes
from cmet_cli.pipeline.preview import LABEL_PX, PICTURE_HEIGHT_PX, moments, read_moments

EXAMPLE = Path(__file__).parents[2] / "examples" / "neutral.mp4"
WHOLE = EditOptions(face_detector="none", paste="crop", lips="video", detail="render")


@pytest.fixture
def editor(tmp_path) -> EmotionEditor:
    return EmotionEditor(toy_model(tmp_path))


@pytest.fixture(scope="module")
def ramp(tmp_path_factory) -> Path:
    """One second that grows brighter from frame to frame, with three seconds of sound."""
    folder = tmp_path_factory.mktemp("ramp")
    levels = (60 + 4 * np.arange(25)).astype(np.uint8)
    frames = np.broadcast_to(levels[:, None, None, None], (25, 48, 64, 3))
    sound = write_wave(folder / "long.wav", np.sin(np.arange(48_000) / 20).astype(np.float32))
    return write_video(folder / "ramp.mkv", np.ascontiguousarray(frames), sound=sound)


def pictures(path: Path, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """(before, after) of each column, RGB uint8."""
    sheet = cv2.imread(str(path))[..., ::-1]
    assert sheet.shape[0] == 2 * PICTURE_HEIGHT_PX + LABEL_PX
    columns = np.split(sheet, count, axis=1)
    return [(c[:PICTURE_HEIGHT_PX], c[PICTURE_HEIGHT_PX:-LABEL_PX]) for c in columns]


def test_originals_above_edits_below_at_the_times_told(editor, ramp, tmp_path):
    """Sound that outlasts the picture made the last moments fall past its end."""
    times = editor.preview(ramp, Constant(0.2), tmp_path / "p.png", frames=4, options=WHOLE)
    assert times == pytest.approx([0.12, 0.36, 0.6, 0.84], abs=0.02)
    for time_s, (before, after) in zip(times, pictures(tmp_path / "p.png", 4), strict=True):
        assert before.mean() == pytest.approx(60 + 4 * round(time_s * 25), abs=2)
        inside = (after.astype(float) - before)[60:-60, 60:-60]
        assert inside[..., 2].mean() == pytest.approx(25.5, abs=2)
        assert abs(inside[..., :2].mean()) < 1.5


def test_each_moment_is_the_edits_own_frame(editor, ramp, tmp_path):
    """With a change that depends on nothing before it, preview and edit agree."""
    from cmet_cli.media.probe import probe_video

    editor.preview(ramp, Constant(-0.3), tmp_path / "p.png", frames=1, options=WHOLE)
    editor.edit(ramp, Constant(-0.3), tmp_path / "o.mkv", options=replace(WHOLE, crf=0))
    info = probe_video(tmp_path / "o.mkv")
    with reader.FrameReader(info, rgb_size=(64, 48), only=[range(12, 13)]) as frames:
        (frame,) = frames
    assert frame.index == 12
    ((_, after),) = pictures(tmp_path / "p.png", 1)
    small = cv2.resize(after, (64, 48), interpolation=cv2.INTER_AREA)
    assert np.abs(small[8:-8, 8:-8].astype(int) - frame.planes[0][8:-8, 8:-8]).max() <= 3


def test_no_frame_is_decoded_at_full_size_twice(editor, ramp, tmp_path, monkeypatch):
    """Overlapping lead-ins share their frames."""
    read: list[int] = []
    original = reader.FrameReader._read_frame

    def counting(self):
        frame = original(self)
        if frame is not None and len(frame.planes) > 1:
            read.append(frame.index)
        return frame

    monkeypatch.setattr(reader.FrameReader, "_read_frame", counting)
    editor.preview(ramp, Constant(0.1), tmp_path / "p.png", frames=8, options=WHOLE)
    assert len(read) == len(set(read))
    assert max(read) <= 24


def test_frames_are_let_go_of_between_moments(ramp):
    """Twenty-four moments of a large picture would be gigabytes."""
    from cmet_cli.media.probe import probe_video

    spans = [range(0, 4), range(3, 8), range(12, 16), range(20, 24)]
    alive, most = [], 0
    for moment in read_moments(probe_video(ramp), spans):
        assert [f.index for f in moment.frames] == list(moment.span)
        alive += [weakref.ref(f) for f in moment.frames]
        most = max(most, len({id(r()) for r in alive if r() is not None}))
        del moment
    assert most <= 5 + 2  # a stretch, and what it shares with the next one


def test_numbers_mean_the_same_people_as_in_an_edit(editor, tmp_path):
    """Face 2 of the clip stands right; in the first stretch only face 1 is there."""
    frames = scene({12: (10, 40), 16: (265, 40)}, 40)
    frames[:20, :, 240:] = 120
    video = write_video(tmp_path / "two.mkv", frames)
    options = EditOptions(face_detector="haar", face=2, lips="video")
    editor.preview(video, Constant(0.4), tmp_path / "p.png", frames=4, options=options)
    shown = pictures(tmp_path / "p.png", 4)
    changed = [np.abs(a.astype(int) - b).max(-1) > 8 for b, a in shown]
    width = round(WIDTH * PICTURE_HEIGHT_PX / HEIGHT)
    assert [bool(c[:, : width // 2].any()) for c in changed] == [False] * 4
    assert [bool(c[:, width // 2 :].any()) for c in changed] == [False, False, True, True]


def test_moments_lie_within_the_picture_whatever_its_clock():
    late = 5.0 + np.arange(50) / 25
    spans = moments(late, 3)
    assert [late[s[-1]] for s in spans] == pytest.approx([5.32, 5.96, 6.6], abs=0.05)
    assert all(s[0] >= 0 and late[s[-1]] - late[s[0]] <= 0.6 + 1e-9 for s in spans)
    assert moments(np.array([3.0]), 2) == [range(0, 1), range(0, 1)]


@pytest.mark.parametrize(
    ("count", "name", "words"),
    [(0, "p.png", "1 to 24"), (25, "p.png", "1 to 24"), (2, "p.jpg", "png")],
)
def test_wrong_requests(editor, ramp, tmp_path, count, name, words):
    with pytest.raises(UsageError, match=words):
        editor.preview(ramp, Constant(0), tmp_path / name, frames=count, options=WHOLE)


def test_moments_without_the_face_say_so(editor, tmp_path):
    frames = scene({12: (140, 40)}, 60)
    frames[10:] = 120
    video = write_video(tmp_path / "gone.mkv", frames)
    options = EditOptions(face_detector="haar", lips="video")
    with pytest.raises(FaceError, match="no face at any of the 1 moments"):
        editor.preview(video, Constant(0.1), tmp_path / "p.png", frames=1, options=options)
    assert not (tmp_path / "p.png").exists()


GAPE = 0.75 / 0.35  # in expression codes: what *surprised* once asked for, over its spread


def test_what_is_said_at_other_moments_tells_where_lips_meet(tmp_path, monkeypatch):
    """The model that ships, on a drawn speaker whose lips meet at some of the moments, with a jaw
    that drops further than any of its own emotions has it."""
    small, asked = EmotionEditor.from_weights(model="mini"), EditOptions()
    layout, drops, alone = small.backend.layout, [], []
    gaping = Constant(np.float32(GAPE) * layout.jaw.felt)

    def told(face, timeline, change, layout):
        edit, other = (
            edit_codes(face, timeline, c, layout) for c in (change, replace(change, said=None))
        )
        drops.append(drop(edit))
        alone.append(drop(other))
        return edit

    def drop(edit: FaceEdit) -> np.ndarray:
        return (edit.codes - edit.face.codes)[:, layout.expression_slice] @ layout.jaw.felt

    monkeypatch.setattr(preview, "edit_codes", told)
    small.preview(EXAMPLE, gaping, tmp_path / "p.png", frames=5, options=asked)
    reading = small.read(EXAMPLE, asked)
    change = change_for(gaping, asked, reading.faces.timeline)
    whole = drop(edit_codes(reading.people[0], reading.faces.timeline, change, layout))
    times_s = reading.faces.timeline.times_s
    far = {True: 0.0, False: 0.0}
    for span, with_others, by_itself in zip(moments(times_s, 5), drops, alone, strict=True):
        # A moment does not see what comes after it.
        own = whole[span.start : span.stop][2:-6]
        for others, found in ((True, with_others), (False, by_itself)):
            far[others] = max(far[others], float(np.abs(found[2:-6] - own).max()))
    assert far[True] < 0.3
    assert far[False] > 0.6
