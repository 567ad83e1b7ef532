"""Classifiers of expressions: the published one, others by path, and files that are none."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from standin_networks import write_onnx

from cmet_cli.errors import CheckpointError, UsageError
from cmet_cli.evaluation.networks.expression import ExpressionJudge, read_description
from cmet_cli.evaluation.networks.faces import TEMPLATE, around, upright
from cmet_cli.evaluation.networks.identity import IdentityJudge
from cmet_cli.faces.detection import Detection


class Fixed:
    """Finds the same face in every picture, none in a black one."""

    def __call__(self, picture):
        if not picture.any():
            return None
        return Detection.of((20, 10, 80, 100), 1.0, (TEMPLATE + (4, 2)).astype(np.float32))


@pytest.fixture
def network(tmp_path):
    write_onnx(tmp_path / "seven.onnx", 7)
    return tmp_path / "seven.onnx"


def faces(n, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, 128, 128, 3), np.uint8)


def test_upright_brings_landmarks_onto_the_template():
    turned = (TEMPLATE - 56) @ np.array([[0.0, 1.6], [-1.6, 0.0]]) + (100, 90)
    picture = np.zeros((200, 200, 3), np.uint8)
    for x, y in np.rint(turned).astype(int):
        picture[y - 2 : y + 3, x - 2 : x + 3] = 255
    found = upright(picture, turned, 112)
    for x, y in np.rint(TEMPLATE).astype(int):
        assert found[y, x].mean() > 200


def test_around_is_the_square_about_the_box():
    picture = np.zeros((100, 100, 3), np.uint8)
    picture[20:60, 30:50] = 200
    found = around(picture, Detection.of((30, 20, 20, 40), 1.0), 80)
    assert found[40, 40].mean() == 200
    assert found[40, 5].mean() == 0
    assert found[:, 40].mean() > 190


def test_logits_are_the_mean_over_frames_that_show_a_face(network):
    judge = ExpressionJudge.load(network, Fixed(), published=True)
    pictures = faces(3)
    one = [judge.logits(pictures[i : i + 1]) for i in range(3)]
    np.testing.assert_allclose(judge.logits(pictures), np.mean(one, 0), rtol=1e-6)
    with_black = np.concatenate([pictures, np.zeros_like(pictures[:2])])
    np.testing.assert_allclose(judge.logits(with_black), np.mean(one, 0), rtol=1e-6)
    assert judge.logits(np.zeros_like(pictures)) is None


def test_a_face_goes_in_scaled_in_its_colours_order(network):
    judge, seen = ExpressionJudge.load(network, Fixed(), published=True), []
    spy = SimpleNamespace(setInput=seen.append, forward=lambda: np.zeros((1, 7)))
    face = faces(1)[0, :112, :112]
    replace(judge, network=spy).run(face)
    np.testing.assert_allclose(seen[0][0], face.transpose(2, 0, 1) / 127.5 - 1, atol=1e-6)
    grey = replace(judge.described, colour="GREY")
    replace(judge, network=spy, described=grey).run(face)
    assert np.ptp(seen[1][0], axis=0).max() == 0


def test_identity_is_shown_faces_in_bgr(tmp_path):
    write_onnx(tmp_path / "sface.onnx", 128)
    judge, seen = IdentityJudge(tmp_path / "sface.onnx", Fixed()), []
    judge._network = SimpleNamespace(feature=lambda face: seen.append(face) or np.ones((1, 128)))
    red = np.zeros((1, 128, 128, 3), np.uint8)
    red[..., 0] = 200
    judge(red, red)
    assert seen[0][..., 2].mean() > 150
    assert seen[0][..., 0].max() == 0


def test_probabilities_and_names(network):
    judge = ExpressionJudge.load(network, Fixed(), published=True)
    logits = np.array([0, 0, 0, 3.0, 0, 0, 0])
    assert judge.named(logits) == "happy"
    total = sum(judge.probability(logits, name) for name in judge.described.labels)
    assert total == pytest.approx(1)
    assert math.isnan(judge.probability(logits, "contempt"))


def test_another_classifier_is_described_beside_its_file(tmp_path):
    path = tmp_path / "mine.onnx"
    write_onnx(path, 3, 64)
    described = {"labels": ["Anger", "neutral", "Surprise"], "size_px": 64, "colour": "BGR"}
    described |= {"mean": [0, 0, 0], "std": [1, 1, 1], "crop": "square"}
    (tmp_path / "mine.onnx.json").write_text(json.dumps(described))
    judge = ExpressionJudge.load(path, Fixed(), published=False)
    assert judge.described.labels == ("angry", "neutral", "surprised")
    flipped = faces(1)[..., ::-1].copy()
    assert not np.allclose(judge.logits(faces(1)), judge.logits(flipped))


@pytest.mark.parametrize(
    "text",
    [
        None,
        "no json",
        "[]",
        "{}",
        '{"labels": ["a"], "size": 3}',
        '{"labels": ["a"], "size_px": 4}',
        '{"labels": ["a"], "std": [0, 1, 1]}',
        '{"labels": ["a"], "mean": [0, 1]}',
        '{"labels": ["a"], "mean": "abc"}',
        '{"labels": ["a"], "colour": "red"}',
        '{"labels": 3}',
        '{"labels": "abc"}',
        '{"labels": ["a", "A"]}',
        '{"labels": ["a", " "]}',
        '{"labels": ["a"], "size_px": 1e400}',
        '{"labels": ["a"], "std": [1e-300, 1, 1]}',
    ],
)
def test_a_description_that_is_missing_or_wrong_is_one_line(tmp_path, text):
    if text is not None:
        (tmp_path / "x.onnx.json").write_text(text)
    with pytest.raises(UsageError, match=r"x\.onnx\.json") as caught:
        read_description(tmp_path / "x.onnx")
    assert "\n" not in caught.value.message
    assert "labels" in caught.value.hint


def test_numbers_that_are_none_are_no_result(network):
    judge = ExpressionJudge.load(network, Fixed(), published=True)
    sick = SimpleNamespace(setInput=lambda _: None, forward=lambda: np.full((1, 7), np.nan))
    with pytest.raises(CheckpointError, match="NaN"):
        replace(judge, network=sick).logits(faces(1))


def test_outputs_and_labels_must_be_as_many(tmp_path):
    write_onnx(tmp_path / "five.onnx", 5)
    with pytest.raises(CheckpointError, match="5 outputs, but 7 labels"):
        ExpressionJudge.load(tmp_path / "five.onnx", Fixed(), published=True)


@pytest.mark.parametrize("damage", ["empty", "text", "cut"])
def test_what_is_no_network_is_refused(network, damage):
    whole = network.read_bytes()
    network.write_bytes(
        {"empty": b"", "text": b"hello" * 99, "cut": whole[: len(whole) // 2]}[damage]
    )
    with pytest.raises(CheckpointError, match=r"seven\.onnx"):
        ExpressionJudge.load(network, Fixed(), published=True)
    with pytest.raises(CheckpointError, match=r"seven\.onnx"):
        IdentityJudge(network, Fixed())


def test_identity_is_one_for_the_same_pictures_and_less_for_others(tmp_path):
    write_onnx(tmp_path / "sface.onnx", 128)
    judge = IdentityJudge(tmp_path / "sface.onnx", Fixed())
    assert judge(faces(2), faces(2)) == pytest.approx(1, abs=1e-5)
    half = faces(2)
    half[:, :, 64:] = 0
    assert judge(faces(2), half) < 0.99
    assert math.isnan(judge(faces(2), np.zeros_like(faces(2))))
