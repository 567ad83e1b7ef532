"""``--only evaluation``: the judging networks, of a model, a space and a pickle of the old kind."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
import torch
from hub_server import HubServer
from standin_networks import PLACES, filled

from cmet_cli.errors import CheckpointError
from cmet_cli.evaluation.networks.i3d import I3D
from cmet_cli.evaluation.networks.load import evaluation_shapes, load_networks
from cmet_cli.evaluation.networks.syncnet import SyncNet
from cmet_cli.weights import download as library
from cmet_cli.weights import receive
from cmet_cli.weights.registry import EVALUATION_FILES, FILES, NAMES
from cmet_cli.weights.verify import check_folder

BY_NAME = {entry.name: entry for entry in (*FILES, *EVALUATION_FILES)}


def pickled(content, **options) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def published():
    counted = filled(I3D(), 2) | {"Conv3d_1a_7x7.bn.num_batches_tracked": torch.tensor(9)}
    contents = {
        "yunet": b"onnx",
        "expression": b"onnx",
        "sface": b"onnx",
        "inception": pickled({"fc.bias": torch.ones(3)}),
        "i3d": pickled(counted),
        "syncnet": pickled(filled(SyncNet(), 2), _use_new_zipfile_serialization=False),
    }
    return {
        (BY_NAME[name].repo_type, BY_NAME[name].repo, BY_NAME[name].published): data
        for name, data in contents.items()
    }


@pytest.fixture(autouse=True)
def stand_in_digests(monkeypatch):
    """The registry's digests are those of the real files, which no test has."""
    for name in ("FILES", "EVALUATION_FILES"):
        plain = [replace(e, sha256=None, size=None) for e in getattr(library, name)]
        monkeypatch.setattr(library, name, tuple(plain))
    monkeypatch.setattr(receive, "cached_file", lambda entry, revision: None)


def test_one_name_fetches_all_of_them_and_an_edit_needs_none(published, tmp_path):
    with HubServer(published) as hub:
        report = library.download_weights(
            tmp_path, only=("evaluation",), endpoint=hub.url, expected=evaluation_shapes()
        )
        asked = hub.requests
        again = library.download_weights(tmp_path, only=("evaluation",), endpoint=hub.url)
    assert not report.warnings
    assert set(report.fetched) == {BY_NAME["yunet"].kept, *PLACES.values()}
    assert (len(again.present), hub.requests) == (6, asked)
    assert {c.state for c in check_folder(tmp_path, ("evaluation",))} == {"ok"}
    (tmp_path / BY_NAME["yunet"].kept).unlink()  # a stand-in; OpenCV never gets one
    networks = load_networks(tmp_path, torch.device("cpu"), only=("i3d", "syncnet"))
    assert networks.videos is not None
    assert networks.sync is not None
    # An edit's own files are another matter.
    assert not {e.name for e in FILES} & {e.name for e in EVALUATION_FILES}
    assert all(entry.name in NAMES for entry in EVALUATION_FILES)


def test_a_single_one_by_its_name(published, tmp_path):
    with HubServer(published) as hub:
        report = library.download_weights(tmp_path, only=("syncnet",), endpoint=hub.url)
    assert report.fetched == [PLACES["syncnet"]]
    states = {c.detail: c.state for c in check_folder(tmp_path, ("syncnet", "i3d"))}
    assert states == {"": "ok", "no i3d weights": "missing"}
    assert not any("i3d" in c.detail for c in check_folder(tmp_path))


def test_another_network_under_a_known_name_is_refused(published, tmp_path):
    entry = BY_NAME["i3d"]
    wrong = {("space", entry.repo, entry.published): pickled(filled(SyncNet(), 2))}
    with HubServer(wrong) as hub, pytest.raises(CheckpointError, match="Conv3d_1a_7x7"):
        library.download_weights(
            tmp_path, only=("i3d",), endpoint=hub.url, expected=evaluation_shapes()
        )
    assert not (tmp_path / PLACES["i3d"]).exists()
