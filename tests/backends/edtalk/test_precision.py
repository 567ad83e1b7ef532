"""Reduced precision against float32 on the full-size networks, and what happens where it fails."""

from __future__ import annotations

import logging

import filling
import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode

from cmet_cli.backends.devices import Compute
from cmet_cli.backends.edtalk.backend import EDTalkBackend, shows_nothing
from cmet_cli.backends.edtalk.fast import FastEDTalk
from cmet_cli.backends.edtalk.layers import fold_weights
from cmet_cli.backends.edtalk.model_config import ModelConfig
from cmet_cli.backends.edtalk.networks import EDTalk

LEAST_DB = 45.0


class StoredInHalf(TorchFunctionMode):
    """fp16 as a GPU has it: convolutions of fp16 numbers, summed in float32, kept in fp16.

    The CPU's own fp16 convolutions take a minute a frame.
    """

    def __torch_function__(self, function, types, args=(), kwargs=None):
        convolution = function in (torch.nn.functional.conv2d, torch.conv2d) or (
            function in (torch.nn.functional.conv_transpose2d, torch.conv_transpose2d)
        )
        if not convolution or args[0].dtype != torch.half:
            return function(*args, **(kwargs or {}))
        exact = [a.float() if isinstance(a, torch.Tensor) else a for a in args]
        return function(*exact, **(kwargs or {})).half()


@pytest.fixture(scope="module")
def network() -> EDTalk:
    with torch.device("meta"):
        edtalk = EDTalk()
    filled = filling.filled_state("EDTalk.pt")
    edtalk.load_state_dict({name: filled[name] for name in edtalk.state_dict()}, assign=True)
    return fold_weights(edtalk)


@pytest.fixture(scope="module")
def face() -> torch.Tensor:
    """A picture with edges and slopes everywhere, ``[1, 3, 256, 256]``."""
    rng = np.random.default_rng(3)
    coarse = rng.standard_normal((3, 16, 16))
    return torch.tanh(torch.from_numpy(np.kron(coarse, np.ones((16, 16)))).float())[None]


def backend_of(network: EDTalk, precision: str) -> EDTalkBackend:
    return EDTalkBackend(network, None, ModelConfig(), Compute(torch.device("cpu"), precision, 1))


@pytest.fixture(scope="module")
def exact(network, face):
    backend = backend_of(network, "fp32")
    codes = backend.encode(face) + 0.1
    return codes, backend.render(backend.prepare(face), codes)


def psnr_db(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(10 * torch.log10(4.0 / (a - b).square().mean()))


def test_bf16_renders_the_same_picture(network, face, exact):
    codes, expected = exact
    backend = backend_of(network, "bf16")
    assert psnr_db(backend.render(backend.prepare(face), codes), expected) >= LEAST_DB
    assert backend.warnings == []


def test_fp16_renders_the_same_picture(network, face, exact):
    codes, expected = exact
    backend = backend_of(network, "fp16")
    with StoredInHalf():
        rendered = backend.render(backend.prepare(face), codes)
    assert psnr_db(rendered, expected) >= LEAST_DB


def test_codes_survive_bf16(network, face, exact):
    codes = backend_of(network, "bf16").encode(face) + 0.1
    assert float((codes - exact[0]).abs().max()) < 0.02


@pytest.mark.parametrize("damage", ["nan", "black"])
def test_a_frame_that_breaks_down_is_done_again_in_fp32(
    network, face, exact, damage, monkeypatch, caplog
):
    codes, expected = exact
    backend = backend_of(network, "bf16")
    render = FastEDTalk.render_moving

    def broken_in_half(networks, source, codes):
        frames, moved = render(networks, source, codes)
        if source.features[0].dtype == torch.bfloat16:
            frames = torch.full_like(frames, float("nan") if damage == "nan" else -1.5)
        return frames, moved

    monkeypatch.setattr(FastEDTalk, "render_moving", broken_in_half)
    with caplog.at_level(logging.WARNING, "cmet_cli"):
        frames = backend.render(backend.prepare(face), codes)
    assert torch.allclose(frames, expected, atol=1e-4)
    assert "fp32" in caplog.text
    assert len(backend.warnings) == 1


def test_which_frames_show_nothing():
    frames = torch.zeros(4, 3, 8, 8)
    frames[1] = -1.0
    frames[2, 0, 0, 0] = float("inf")
    frames[3, :, 4, 4] = -0.5
    assert shows_nothing(frames).tolist() == [False, True, True, False]
