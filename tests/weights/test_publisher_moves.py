"""The C-MET repository cannot be pinned: what is said when it moves, and what may be new in it."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys

import pytest
import standin
import torch
from hub_server import COMMIT, HubServer

from cmet_cli.backends.devices import Compute
from cmet_cli.backends.loader import load_backend, published_shapes
from cmet_cli.errors import CheckpointError, WeightsError
from cmet_cli.weights import download as library
from cmet_cli.weights import receive
from cmet_cli.weights.checkpoint import read_tensors
from cmet_cli.weights.folder import inspect_folder
from cmet_cli.weights.record import RECORD_FILE, read_records
from cmet_cli.weights.registry import CMET_REPO, FILES

KEYS = {"edtalk": "gen", "audio2lip": "audio2lip", "connector": "state_dict"}
PATHS = {name: next(f for f in FILES if f.name == name).published for name in KEYS}
LATER = "beef" + "0" * 36


@pytest.fixture(scope="module")
def checkpoints():
    return {name: standin.checkpoint(name) for name in KEYS}


@pytest.fixture(autouse=True)
def no_cache(monkeypatch):
    monkeypatch.setattr(receive, "cached_file", lambda entry, revision: None)


def published(checkpoints, name, **changed):
    """One file of the repository, its tensors changed; ``None`` takes one away."""
    tensors = checkpoints[name][KEYS[name]] | changed
    content = checkpoints[name] | {KEYS[name]: {k: v for k, v in tensors.items() if v is not None}}
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return {("model", CMET_REPO, PATHS[name]): buffer.getvalue()}


def download(hub, folder, *only):
    return library.download_weights(
        folder, only=only, endpoint=hub.url, expected=published_shapes()
    )


def test_the_revision_is_recorded_and_a_move_is_said(checkpoints, tmp_path):
    files = published(checkpoints, "audio2lip") | published(checkpoints, "connector")
    with HubServer(files) as hub:
        assert not download(hub, tmp_path, "audio2lip").warnings
        assert read_records(tmp_path)["audio2lip.safetensors"].revision == COMMIT
        hub.commit = LATER
        warnings = download(hub, tmp_path, "connector").warnings
        assert len(warnings) == 1
        assert "has moved" in warnings[0]
        assert COMMIT[:12] in warnings[0]
        assert LATER[:12] in warnings[0]
        assert read_records(tmp_path)["connector.safetensors"].revision == LATER
        assert not download(hub, tmp_path, "audio2lip", "connector").warnings  # nothing fetched


def test_a_move_during_one_download_is_said(checkpoints, tmp_path):
    files = published(checkpoints, "audio2lip") | published(checkpoints, "connector")

    def moving(handler):
        handler.hub.commit = LATER if PATHS["connector"] in handler.path else COMMIT
        return False

    with HubServer(files, hostile=moving) as hub:
        assert "has moved" in download(hub, tmp_path, "audio2lip", "connector").warnings[0]


@pytest.mark.parametrize("name", KEYS)
def test_new_names_are_listed_and_left_out(checkpoints, tmp_path, name):
    files = published(checkpoints, name, stranger=torch.zeros(3))
    with HubServer(files) as hub:
        (warning,) = download(hub, tmp_path, name).warnings
    assert "tensor 'stranger' not used" in warning
    assert PATHS[name] in warning
    assert "stranger" not in read_tensors(tmp_path / f"{name}.safetensors")


@pytest.mark.parametrize("name", ["audio2lip", "connector"])
def test_missing_and_misshapen_tensors_are_fatal_at_the_download(checkpoints, tmp_path, name):
    first = next(iter(checkpoints[name][KEYS[name]]))
    for change, words in ((None, "missing tensor"), (torch.zeros(2, 3, 4, 5, 6), "has shape")):
        files = published(checkpoints, name, **{first: change})
        with HubServer(files) as hub, pytest.raises(CheckpointError, match=words):
            download(hub, tmp_path, name)
        assert not (tmp_path / RECORD_FILE).exists()


def write_published(folder, checkpoints, **strangers):
    for name in KEYS:
        path = folder / PATHS[name]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(published(checkpoints, name, **strangers.get(name, {})).popitem()[1])
    return folder


def test_the_published_layout_loads_with_new_names_and_says_so(checkpoints, tmp_path, caplog):
    new = {name: {"stranger": torch.zeros(1)} for name in KEYS}
    folder = write_published(tmp_path, checkpoints, **new)
    with caplog.at_level(logging.WARNING, "cmet_cli"):
        load_backend(inspect_folder(folder), Compute(torch.device("cpu"), "fp32", 1))
    said = [r.getMessage() for r in caplog.records if "stranger" in r.getMessage()]
    assert len(said) == 3
    first = next(iter(checkpoints["connector"]["state_dict"]))
    write_published(tmp_path, checkpoints, connector={first: None})
    with pytest.raises(CheckpointError, match="missing tensor"):
        load_backend(inspect_folder(folder), Compute(torch.device("cpu"), "fp32", 1))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"files": 5}',
        '{"files": [5]}',
        '{"files": [{"kept": []}]}',
        "[" * 100_000,
        "\xff",
        '{"files": [{"kept": "../../x"}]}',
    ],
)
def test_a_damaged_record_is_one_error(tmp_path, text):
    (tmp_path / RECORD_FILE).write_text(text, "latin-1")
    with pytest.raises(WeightsError, match="not a readable record") as error:
        read_records(tmp_path)
    assert "\n" not in error.value.message


@pytest.mark.parametrize(
    ("field", "value"),
    [("kept", "../a"), ("kept", "/etc/passwd"), ("kept", 5), ("size", "5"), ("sha256", None)],
)
def test_a_record_of_other_kinds_is_refused(tmp_path, field, value):
    texts = ("name", "repo", "published", "revision", "sha256", "kept", "kept_sha256")
    row = dict.fromkeys(texts, "x") | {"size": 1, "kept_size": 1}
    (tmp_path / RECORD_FILE).write_text(json.dumps({"files": [row]}))
    assert len(read_records(tmp_path)) == 1
    (tmp_path / RECORD_FILE).write_text(json.dumps({"files": [row | {field: value}]}))
    with pytest.raises(WeightsError, match="not a readable record"):
        read_records(tmp_path)


@pytest.mark.parametrize("module", ["registry", "record", "folder", "verify", "hub"])
def test_looking_at_folders_imports_no_torch(module):
    """Hashing a file included: ``sha256_of`` is in ``record``."""
    code = f"import sys, cmet_cli.weights.{module}; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
