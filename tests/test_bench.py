"""``cmet bench``: what it says of a machine."""

from __future__ import annotations

import json

import pytest
import torch
from toy import ToyBackend

from cmet_cli import bench
from cmet_cli.backends import winograd
from cmet_cli.backends.devices import Compute
from cmet_cli.backends.loader import published_order
from cmet_cli.bench import Tracked, measure
from cmet_cli.model import load_model
from cmet_cli.options import RuntimeOptions


@pytest.fixture(scope="module")
def backend(tiny_weights):
    return load_model(tiny_weights, runtime=RuntimeOptions("cpu", "fp32")).backend


def test_every_part_is_timed(backend):
    found = measure(backend, 0.4, against_published=True)
    assert found.frames == 10
    parts = {"decode", "crop", "encode codes", "render", "flow and join", "write", "whole edit"}
    assert set(found.per_second) == parts
    assert all(rate > 0 for rate in found.per_second.values())
    assert found.per_second["whole edit"] < min(
        found.per_second[part] for part in ("decode", "encode codes", "render", "write")
    )
    assert found.gflop > 0
    assert 0 < found.share_of_peak < 1.5
    assert found.ratio is not None
    assert found.ratio > 0
    assert found.as_dict()["model"] == "tiny"


def test_gflop_are_those_of_plain_convolutions(backend, monkeypatch):
    """Whatever is done with fewer multiplications: or the share of the peak would say nothing."""
    monkeypatch.setattr(bench, "peak_gflops", lambda *_: 1.0)

    def gflop() -> float:
        found = bench.Measured("here", "tiny", "fp32", 1, 1, {"encode codes": 1.0, "render": 1.0})
        bench._compare_with_peak(backend, found)
        return found.gflop

    plain = gflop()
    for least in ("LARGE", "DEEP"):
        monkeypatch.setattr(winograd, least, 0)
    monkeypatch.setattr(winograd, "_tried", lambda _: True)
    assert gflop() == plain > 0


def test_a_backend_without_a_published_order_is_compared_with_none():
    assert published_order(ToyBackend()) is None


def test_what_is_timed_has_a_face_to_join_whatever_the_weights_are(backend):
    tracked = Tracked(backend)
    side = backend.crop.size_px
    images = torch.rand(1, 3, side, side) * 2 - 1
    codes = torch.zeros(2, backend.layout.dim)
    codes[1, -1] = 1
    frames, motion = tracked.render_moving(tracked.prepare(images), codes)
    assert torch.equal(frames[0], images[0])
    assert motion.shape == (2, side, side, 2)
    assert tracked.crop is backend.crop


def test_the_command_keeps_and_compares(cmet, tmp_path, tiny_weights):
    words = ("bench", "--weights-dir", tiny_weights, "--seconds", "0.3", "--precision", "fp32")
    first = cmet(*words, "--save", "b.json", "--json")
    assert first.returncode == 0, first.stderr
    kept = json.loads((tmp_path / "b.json").read_text())
    assert json.loads(first.stdout) == kept
    again = cmet(*words, "--compare", "b.json")
    assert again.returncode == 0, again.stderr
    assert "ratio to before" in again.stderr
    assert "of 720p in" in again.stdout
    refused = cmet(*words, "--save", "b.json")
    assert refused.returncode == 2
    (tmp_path / "x.json").write_text("[]")
    assert "no result of cmet bench" in cmet(*words, "--compare", "x.json").stderr


def test_the_published_sizes_are_filled_where_their_weights_are_not(cmet):
    run = cmet("bench", "--model", "cmet", "--seconds", "0", "--json")
    assert run.returncode == 2  # too short a clip is told before the networks are made
    assert "0.2" in run.stderr


def test_filled_networks_are_the_published_sizes():
    from cmet_cli.backends.loader import filled_backend

    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    backend = filled_backend(Compute(torch.device("cpu"), "fp32", 1))
    assert torch.equal(torch.rand(3), expected)  # nobody else's random numbers are used up
    assert (backend.crop.size_px, backend.layout.dim) == (256, 36)


def test_a_clip_shorter_than_a_batch_is_not_counted_as_one(monkeypatch):
    """Rates are of the frames there are."""
    runtime = RuntimeOptions(device="cpu", precision="fp32", batch_size=512)
    backend = load_model(None, "mini", runtime).backend

    def a_second(work, repeats=1):
        work()
        return 1.0

    monkeypatch.setattr(bench, "median_s", a_second)
    found = measure(backend, 0.4, False)
    assert found.frames == 10
    rates = {name: found.per_second[name] for name in ("crop", "encode codes", "render")}
    assert set(rates.values()) == {10.0}
