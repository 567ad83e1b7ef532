"""The real detectors on real pictures, and the factory that chooses among them."""

import os
import sys

import cv2
import numpy as np
import pytest
from face_media import CROPPED, UNCROPPED, YUNET, frames, needs_media
from mutations import mutated

from cmet_cli.errors import UsageError, WeightsError
from cmet_cli.faces.detectors import WholePicture, make_detector


def test_yunet_without_its_file_names_the_file(tmp_path):
    missing = tmp_path / "face.onnx"
    with pytest.raises(WeightsError, match=r"face\.onnx"):
        make_detector("yunet", missing)
    with pytest.raises(WeightsError, match="yunet"):
        make_detector("yunet", None)


@pytest.mark.parametrize("content", [b"", b"not a network at all"])
def test_a_damaged_file_is_named(tmp_path, content):
    damaged = tmp_path / "broken.onnx"
    damaged.write_bytes(content)
    for kind in ("yunet", "auto"):
        with pytest.raises(WeightsError, match=r"broken\.onnx"):
            make_detector(kind, damaged)


def test_a_truncated_file_is_named(tmp_path):
    if not YUNET.is_file():
        pytest.skip("no shared models here")
    damaged = tmp_path / "half.onnx"
    damaged.write_bytes(YUNET.read_bytes()[:100_000])
    with pytest.raises(WeightsError, match=r"half\.onnx"):
        make_detector("yunet", damaged)


def test_a_mutated_file_is_refused_unread(tmp_path):
    """OpenCV ended the process on some of these."""
    if not YUNET.is_file():
        pytest.skip("no shared models here")
    damaged, data = tmp_path / "mutated.onnx", YUNET.read_bytes()
    for seed in range(60):
        damaged.write_bytes(mutated(data, seed))
        if damaged.read_bytes() != data:
            with pytest.raises(WeightsError, match="not the published one"):
                make_detector("yunet", damaged)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' names are text")
def test_a_folder_of_no_text(tmp_path):
    """OpenCV's own reading ended the process here."""
    if not YUNET.is_file():
        pytest.skip("no shared models here")
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    (folder / "face.onnx").write_bytes(YUNET.read_bytes())
    assert make_detector("yunet", folder / "face.onnx").name == "yunet"


def test_auto_falls_back_to_haar(tmp_path):
    assert make_detector("auto", tmp_path / "absent.onnx").name == "haar"
    assert make_detector("auto", None).name == "haar"


def test_an_unknown_kind_is_a_usage_error():
    with pytest.raises(UsageError, match="mtcnn"):
        make_detector("mtcnn", None)


def test_none_takes_the_middle_square():
    (face,) = WholePicture().detect(np.zeros((90, 160, 3), np.uint8))
    assert face.box == (35.0, 0.0, 90.0, 90.0)


@needs_media
@pytest.mark.parametrize("kind", ["yunet", "haar"])
def test_a_box_scales_with_the_picture(kind):
    detector = make_detector(kind, YUNET)
    picture = frames(UNCROPPED)[0]
    (small,) = detector.detect(picture)
    double = cv2.resize(picture, (1350, 1350), interpolation=cv2.INTER_CUBIC)
    (large,) = detector.detect(double)
    np.testing.assert_allclose(np.array(large.box) / 3, small.box, atol=0.05 * small.h)


@needs_media
@pytest.mark.parametrize(("kind", "least"), [("yunet", 15), ("haar", 12)])
@pytest.mark.parametrize("size", [64, 128])
def test_a_tight_small_crop_still_shows_its_face(kind, least, size):
    detector = make_detector(kind, YUNET)
    seen = 0
    for whole in frames(CROPPED)[::12]:  # 15 pictures
        tight = whole[40:210, 50:206]
        picture = cv2.resize(tight, (size * 156 // 170, size), interpolation=cv2.INTER_AREA)
        for face in detector.detect(picture):
            seen += 0.3 * size < face.x + face.w / 2 < 0.7 * size and face.h > 0.7 * size
    assert least <= seen <= 15


@needs_media
def test_yunet_landmarks_lie_in_the_face_in_order():
    (face,) = make_detector("yunet", YUNET).detect(frames(UNCROPPED)[0])
    marks = face.landmarks
    assert marks.shape == (5, 2)
    assert marks.dtype == np.float32
    assert marks[0, 0] < marks[2, 0] < marks[1, 0]  # eye, nose, eye
    assert marks[:2, 1].max() < marks[2, 1] < marks[3:, 1].min()  # eyes, nose, mouth
    assert (marks > (face.x, face.y)).all()
    assert (marks < (face.x + face.w, face.y + face.h)).all()


@needs_media
def test_haar_finds_nothing_where_there_is_no_upright_face():
    detector = make_detector("haar", None)
    for picture in frames(UNCROPPED)[::50]:
        assert detector.detect(np.ascontiguousarray(picture[::-1])) == []
    noise = np.random.default_rng(0).integers(0, 256, (360, 640, 3), np.uint8)
    assert detector.detect(noise) == []
