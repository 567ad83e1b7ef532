"""From file to file: only the chosen person changes, and every command counts people alike."""

import json

import cv2
import numpy as np
import pytest
from face_media import CROPPED, UNCROPPED, YUNET, drawn, frames, needs_media, write_video

from cmet_cli import EditOptions, EmotionEditor
from cmet_cli.backends.edtalk.crop_calibration import EDTALK_CROP
from cmet_cli.media.probe import probe_video
from cmet_cli.media.reader import FrameReader
from cmet_cli.options import RuntimeOptions, no_progress
from cmet_cli.pipeline.find import follow_faces
from cmet_cli.weights.folder import find_yunet
from cmet_cli.weights.registry import YUNET_FILE


@pytest.fixture(scope="module")
def dialogue(tmp_path_factory):
    """A, B, A: the same place and size, eight frames each."""
    path = tmp_path_factory.mktemp("dialogue") / "aba.mkv"
    return write_video(path, [*drawn(12, 8), *drawn(3, 8), *drawn(12, 8)])


def changed(before, after):
    """bool per frame: whether any number of it differs."""
    with FrameReader(probe_video(before)) as old, FrameReader(probe_video(after)) as new:
        return np.array(
            [
                any((p != q).any() for p, q in zip(x.planes, y.planes, strict=True))
                for x, y in zip(old, new, strict=True)
            ]
        )


@pytest.mark.parametrize(("face", "edited"), [(None, "A"), (2, "B"), ("all", "AB")])
def test_a_reverse_shot_passes_untouched(dialogue, tiny_weights, voice, tmp_path, face, edited):
    editor = EmotionEditor.from_weights(tiny_weights, runtime=RuntimeOptions(device="cpu"))
    options = EditOptions(face_detector="haar", face=face, crf=0, lips="video", detail="render")
    output = tmp_path / "out.mkv"
    result = editor.edit(dialogue, voice, output, neutral=voice, options=options)
    shots = np.repeat(["A", "B", "A"], 8)
    np.testing.assert_array_equal(changed(dialogue, output), [s in edited for s in shots])
    assert result.frames_edited == sum(s in edited for s in shots)
    said = [w for w in result.warnings if "somebody else" in w]
    expected = {
        "A": ["1 shot shows somebody else (8 frames); passed through"],
        "B": ["2 shots show somebody else (16 frames); passed through"],
        "AB": [],
    }
    assert said == expected[edited]


def test_the_sheet_and_the_edit_count_people_alike(dialogue, cmet, tmp_path):
    shown = cmet("faces", dialogue, "-o", "who.png", "--face-detector", "haar", "--json")
    assert shown.returncode == 0, shown.stderr
    rows = json.loads(shown.stdout)["faces"]
    assert [(row["number"], row["frames"]) for row in rows] == [(1, 16), (2, 8)]
    found = follow_faces(probe_video(dialogue), "haar", None, no_progress)
    for row in rows:
        (placement,) = found.choose(row["number"], EDTALK_CROP).placements
        assert placement.present.sum() == row["frames"]
    assert found.placements == ()  # a choice leaves the map as it was
    picture = cv2.imread(str(tmp_path / "who.png"))
    assert picture.shape[1] == 2 * 320  # the two never meet: a picture each


def test_every_command_finds_the_detector_in_the_same_place(tmp_path, monkeypatch):
    """A model folder without YuNet does not hide the one that lies elsewhere."""
    elsewhere, model = tmp_path / "elsewhere", tmp_path / "model"
    elsewhere.mkdir()
    model.mkdir()
    (elsewhere / YUNET_FILE).write_bytes(b"onnx")
    monkeypatch.setenv("CMET_WEIGHTS_DIR", str(elsewhere))
    assert find_yunet(model) == find_yunet(None) == elsewhere / YUNET_FILE
    (model / YUNET_FILE).write_bytes(b"onnx")
    assert find_yunet(model) == model / YUNET_FILE


@needs_media
def test_filmed_people_in_a_file(tmp_path, monkeypatch):
    monkeypatch.setenv("CMET_WEIGHTS_DIR", str(YUNET.parent))
    one = [cv2.resize(picture, (450, 450)) for picture in frames(CROPPED)[:40]]
    path = write_video(tmp_path / "real.mkv", [*one[:20], *frames(UNCROPPED)[:20], *one[20:]])
    found = follow_faces(probe_video(path), "auto", None, no_progress)
    assert found.detector == "yunet"
    chosen = found.choose(1, EDTALK_CROP)
    np.testing.assert_array_equal(chosen.placements[0].present, np.repeat([True, False, True], 20))
    assert chosen.warnings == ("1 shot shows somebody else (20 frames); passed through",)
