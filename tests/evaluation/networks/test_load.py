"""Which networks are found where, and what is said of the others."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from standin_networks import PLACES, write_networks, write_onnx

from cmet_cli.errors import CheckpointError, WeightsError
from cmet_cli.evaluation.networks import load as library
from cmet_cli.evaluation.networks.load import OF_A_TAKE, load_networks
from cmet_cli.weights.registry import YUNET_FILE

CPU = torch.device("cpu")
YUNET = Path(__file__).parents[4] / "shared" / "models" / YUNET_FILE
needs_yunet = pytest.mark.skipif(not YUNET.is_file(), reason="no YuNet beside the checkout")


@pytest.fixture(autouse=True)
def nowhere_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CMET_WEIGHTS_DIR", raising=False)
    monkeypatch.setattr("cmet_cli.weights.folder.default_folder", lambda: tmp_path / "none")


def test_an_empty_folder_has_none_and_names_them_all(tmp_path):
    found = load_networks(tmp_path, CPU)
    assert not found.any
    assert [name.split(" ")[0] for name in found.missing] == list(PLACES)


def test_only_what_is_asked_for_is_loaded(tmp_path):
    write_networks(tmp_path, ("i3d", "syncnet"))
    found = load_networks(tmp_path, CPU, only=OF_A_TAKE)
    assert found.sync is not None
    assert found.videos is None
    assert not any("i3d" in name for name in found.missing)
    assert load_networks(tmp_path, CPU, only=("i3d",)).videos is not None


def test_a_missing_package_is_told_and_the_rest_loaded(tmp_path, monkeypatch):
    write_networks(tmp_path, ("i3d", "syncnet"))
    monkeypatch.setitem(__import__("sys").modules, "python_speech_features", None)
    found = load_networks(tmp_path, CPU)
    assert found.videos is not None
    assert found.sync is None
    assert any("python_speech_features" in name for name in found.missing)


def test_a_damaged_file_is_an_error(tmp_path):
    place = tmp_path / PLACES["syncnet"]
    place.parent.mkdir()
    place.write_bytes(b"not tensors")
    with pytest.raises(CheckpointError, match="syncnet"):
        load_networks(tmp_path, CPU)


@needs_yunet
def test_an_onnx_file_that_is_not_the_published_one_never_reaches_opencv(tmp_path):
    (tmp_path / YUNET_FILE).symlink_to(YUNET)
    write_networks(tmp_path, ("expression",))
    with pytest.raises(WeightsError, match="not the published file"):
        load_networks(tmp_path, CPU)


@needs_yunet
def test_faces_are_judged_with_yunets_landmarks(tmp_path, monkeypatch):
    (tmp_path / YUNET_FILE).symlink_to(YUNET)
    write_networks(tmp_path, ("expression", "sface"))
    monkeypatch.setattr(library, "check_file", lambda *_: "")
    found = load_networks(tmp_path, CPU)
    assert found.expression is not None
    assert found.identity is not None
    write_onnx(tmp_path / "mine.onnx", 2)
    (tmp_path / "mine.onnx.json").write_text('{"labels": ["happy", "sad"]}')
    mine = load_networks(tmp_path, CPU, tmp_path / "mine.onnx")
    assert mine.expression.name == "mine"


def test_a_classifier_without_landmarks_says_what_it_needs(tmp_path):
    with pytest.raises(WeightsError, match="yunet"):
        load_networks(tmp_path, CPU, tmp_path / "mine.onnx")
