"""Graphs written for a model that somebody trained: of its networks, and only of those."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch

from cmet_cli.backends.compute import HOST, Compute
from cmet_cli.backends.loader import load_backend
from cmet_cli.emotion.speech.choose import load_speech_encoder
from cmet_cli.lab.portable import export
from cmet_cli.weights import graphs
from cmet_cli.weights.folder import inspect_folder
from cmet_cli.weights.graphs import GRAPHS, is_portable


@pytest.mark.slow
def test_a_model_s_graphs_give_its_numbers(tiny_weights, tmp_path, monkeypatch):
    folder = tmp_path / "own"
    monkeypatch.setattr(graphs, "mini_folder", lambda: folder)
    shutil.copytree(tiny_weights, folder)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config["jaw"] = {"spoken": [0.1] * 20, "felt": [1.0] + [0.0] * 9}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    assert not is_portable(inspect_folder(folder))
    written = export(folder)
    assert {path.name for path in written.iterdir()} == {*GRAPHS, "made_of.json"}
    weights = inspect_folder(folder)
    assert is_portable(weights)
    assert not any(b"/site-packages/" in path.read_bytes() for path in written.iterdir())

    host, mine = load_backend(weights, Compute(HOST, "fp32", 2))
    plain, theirs = load_backend(weights, Compute(torch.device("cpu"), "fp32", 2))
    rng = np.random.default_rng(0)
    images = rng.uniform(-1, 1, (3, 3, 32, 32)).astype(np.float32)
    codes, source = host.encode_and_prepare(images)
    np.testing.assert_allclose(codes, plain.encode(torch.from_numpy(images)).numpy(), atol=1e-4)
    in_torch = plain.prepare(torch.from_numpy(images))
    expected = plain.render(in_torch, torch.from_numpy(codes)).numpy()
    np.testing.assert_allclose(host.render(source, codes), expected, atol=1e-3)
    own, speech = rng.normal(size=(7, 10)).astype(np.float32), rng.normal(size=12)
    speech = speech.astype(np.float32)
    np.testing.assert_allclose(mine.predict(own, speech), theirs.predict(own, speech), atol=1e-4)
    wave = rng.normal(size=16_000).astype(np.float32) / 10
    np.testing.assert_allclose(host.lips([wave]), plain.lips([wave]), atol=2e-3)
    ears = [load_speech_encoder(weights, d) for d in (HOST, torch.device("cpu"))]
    np.testing.assert_allclose(*(ear.feature(wave) for ear in ears), atol=5e-3)
