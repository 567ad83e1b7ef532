"""Saved features and folder configurations as untrusted input."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
import standin
from mutations import mutated

from cmet_cli.emotion.speech.clips import load_feature
from cmet_cli.emotion.speech.emotion2vec import Emotion2vec
from cmet_cli.emotion.speech.funasr_config import read_model_conf
from cmet_cli.errors import CheckpointError, MediaError

SEEDS = range(200)


def stored(array) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def header(text: str) -> bytes:
    """A .npy file of one kilobyte with any header."""
    line = text.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\1\0" + len(line).to_bytes(2, "little") + line + bytes(1024)


def refused(path, data: bytes, dim: int = 12) -> str:
    path.write_bytes(data)
    with pytest.raises(MediaError) as error:
        load_feature(path, dim)
    assert str(path) in error.value.message
    assert "\n" not in error.value.message
    return error.value.message


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4"])
def test_features_of_any_float_kind_are_read(tmp_path, dtype):
    values = np.arange(12, dtype=dtype)
    np.save(tmp_path / "f.npy", values)
    feature = load_feature(tmp_path / "f.npy", 12)
    assert feature.dtype == np.float32
    assert np.array_equal(feature, np.arange(12))


def test_mutated_features_are_read_or_refused_in_one_line(tmp_path):
    path, data, messages = tmp_path / "f.npy", stored(np.ones(12, np.float32)), []
    for seed in SEEDS:
        path.write_bytes(mutated(data, seed))
        try:
            feature = load_feature(path, 12)
            assert feature.shape == (12,)
            assert np.isfinite(feature).all()
        except MediaError as error:
            messages.append(error.message)
    assert not any("\n" in message for message in messages)
    bad = len(messages)
    assert bad > len(SEEDS) // 2


@pytest.mark.parametrize(
    "text",
    [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-12,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (" + "9" * 40 + ",)}",
        "{'descr': '|O', 'fortran_order': False, 'shape': (12,)}",
        "{'descr': '<f4', 'fortran_order': 5, 'shape': 12}",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (12,)}",
        "(" * 100,
        "__import__('os')",
        "{",
        "",
    ],
)
def test_headers_that_lie(tmp_path, text):
    refused(tmp_path / "f.npy", header(text))


def test_arrays_that_are_no_features(tmp_path):
    path = tmp_path / "f.npy"
    assert "expected a finite float" in refused(path, stored(np.full(12, np.nan, np.float32)))
    assert "expected a finite float" in refused(path, stored(np.full(12, 1e300)))
    assert "expected a finite float" in refused(path, stored(np.arange(12)))
    assert "too many" in refused(path, stored(np.zeros(10**5)))
    refused(path, pickled := stored(np.array([{}] * 12, object)))
    assert len(pickled) < 4096
    squeezed = io.BytesIO()
    with zipfile.ZipFile(squeezed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", bytes(1 << 20))
    refused(path, squeezed.getvalue())
    refused(path, b"")


# ---------------------------------------------------------------- a FunASR folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return standin.write_speech_folder(
        tmp_path_factory.mktemp("speech"), embed_dim=64, depth=1, prenet_depth=1
    )


@pytest.fixture
def configured(folder, tmp_path):
    """The folder again, its configuration changed by replacing text."""

    def change(old: str, new: str):
        (tmp_path / "model.pt").write_bytes((folder / "model.pt").read_bytes())
        text = (folder / "config.yaml").read_text()
        assert old in text
        (tmp_path / "config.yaml").write_text(text.replace(old, new))
        return tmp_path

    return change


SPEC = "[(512, 10, 5)] + [(512, 3, 2)] * 4 + [(512,2,2)] + [(512,2,2)]"


def test_a_configuration_is_not_run(configured, tmp_path):
    """FunASR evaluates this entry as Python."""
    marker = tmp_path / "ran"
    code = f'__import__("pathlib").Path("{marker}").touch() or {SPEC}'
    with pytest.raises(CheckpointError, match="feature_encoder_spec"):
        Emotion2vec(configured(SPEC, code))
    assert not marker.exists()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("embed_dim: 64", "embed_dim: 1000000000"),
        ("embed_dim: 64", "embed_dim: 4096"),
        ("embed_dim: 64", "embed_dim: -1"),
        ("embed_dim: 64", "embed_dim: lots"),
        ("embed_dim: 64", "embed_dim: .nan"),
        ("prenet_depth: 1", "prenet_depth: 1000000"),
        ("conv_pos_groups: 16", "conv_pos_groups: 0"),
        ("conv_pos_groups: 16", "conv_pos_groups: 7"),
        ("model: Emotion2vec", "model: Other"),
        ("model_conf:", "model_conf: 5\nother:"),
        ("modalities:", "modalities: []\n  other:"),
        ("norm_eps: 1.0e-05", "norm_eps: ${oc.env:HOME}"),
        (SPEC, "[(512, 10, 5)] * 1000000000"),
    ],
)
def test_configurations_that_cannot_be_built(configured, old, new):
    with pytest.raises(CheckpointError, match=r"config\.yaml") as error:
        Emotion2vec(configured(old, new)).feature(np.ones(800, np.float32))
    assert "\n" not in error.value.message


def test_a_configuration_that_multiplies_without_end(folder, tmp_path):
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    path = tmp_path / "config.yaml"
    path.write_text("model: Emotion2vec\n" + "\n".join(rows))
    with pytest.raises(CheckpointError, match="aliases"):
        read_model_conf(path, folder / "model.pt")


def test_mutated_configurations_are_read_or_refused(folder, tmp_path):
    path, data = tmp_path / "config.yaml", (folder / "config.yaml").read_bytes()
    messages = []
    for seed in range(60):
        path.write_bytes(mutated(data, seed))
        try:
            read_model_conf(path, folder / "model.pt")
        except CheckpointError as error:
            messages.append(error.message)
    assert messages
    assert not any("\n" in message for message in messages)
