"""Deterministic stand-in weights: the filling rule under which the golden figures were made.

The shapes come from ``data/state_dicts.json`` (every tensor of the published files), not from our
modules, so that a module with a wrong name or shape cannot fill itself right.
"""

from __future__ import annotations

import json
import math
import zlib
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

DATA = Path(__file__).parent / "data"
LEFT_AS_BUILT = ("kernel", ".pe", "num_batches_tracked")


@lru_cache(maxsize=1)
def published_tensors() -> dict:
    return json.loads((DATA / "state_dicts.json").read_text())


def _normal(salt: str, name: str, shape: tuple[int, ...]) -> np.ndarray:
    rng = np.random.default_rng(zlib.crc32(f"{salt}:{name}".encode()))
    return rng.standard_normal(shape, dtype=np.float32)


def fill_tensor(name: str, shape: tuple[int, ...], network: str, salt: str = "cmet") -> np.ndarray:
    """One tensor by the rule. ``network`` is ``EDTalk.pt``, ``Audio2Lip.pt`` or ``connector``."""
    x = _normal(salt, name, shape)
    if name.endswith("running_var"):
        return 1 + 0.1 * np.abs(x)
    if name.endswith("running_mean"):
        return 0.1 * x
    if len(shape) <= 1 or name.endswith((".activate.bias", "to_rgbs.0.bias")):
        near_one = name.endswith("modulation.bias") or (
            name.endswith("weight") and not name.endswith("noise.weight")
        )
        return (1 + 0.1 * x) if near_one else 0.1 * x
    if name.endswith("bias"):
        return 0.1 * x
    if (
        ".fineadainresblock." in name
        or network == "Audio2Lip.pt"
        or (network == "connector" and not name.endswith("modality.weight"))
    ):
        x = x / np.float32(math.sqrt(np.prod(shape[1:])))
    if name.startswith("dec.to_flows.") and name.endswith(".conv.weight"):
        x = x * np.float32(0.02)
    return x


def _as_built(name: str, shape: tuple[int, ...]) -> np.ndarray:
    if name.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    if name.endswith("kernel"):
        kernel = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64.0
        return (kernel * (1 if name.startswith("enc.") else 4)).astype(np.float32)
    n, width = shape[1:]
    angle = np.arange(n)[:, None] * np.exp(np.arange(0, width, 2) * (-math.log(10000.0) / width))
    return np.stack([np.sin(angle), np.cos(angle)], -1).reshape(1, n, width).astype(np.float32)


@lru_cache(maxsize=4)
def filled_state(network: str, salt: str = "cmet") -> dict[str, torch.Tensor]:
    """The whole published state of one network, filled. Treat as read-only: it is cached."""
    state = {}
    for name, (shape, _dtype) in published_tensors()[network]["tensors"].items():
        build = _as_built(name, tuple(shape)) if name.endswith(LEFT_AS_BUILT) else None
        array = fill_tensor(name, tuple(shape), network, salt) if build is None else build
        state[name] = torch.from_numpy(np.asarray(array))
    return state


def image(name: str, salt: str = "cmet") -> torch.Tensor:
    """A blocky random picture ``[1, 3, 256, 256]`` in (-1, 1)."""
    rng = np.random.default_rng(zlib.crc32(f"{salt}:{name}".encode()))
    blocks = np.kron(rng.standard_normal((3, 16, 16)), np.ones((16, 16)))
    return torch.from_numpy(np.tanh(blocks).astype(np.float32))[None]


def vec(name: str, *shape: int, salt: str = "cmet") -> torch.Tensor:
    return torch.from_numpy(_normal(salt, name, shape))


def chirp(salt: str = "cmet") -> torch.Tensor:
    """The golden waveform: a chirp, a gated tone and a little noise, 1.37 s at 16 kHz."""
    n = int(16000 * 1.37)
    t = np.arange(n) / 16000
    noise = np.random.default_rng(zlib.crc32(f"{salt}:wav".encode())).standard_normal(n)
    wave = (
        0.4 * np.sin(2 * np.pi * (140 * t + 40 * t**2))
        + 0.2 * np.sin(2 * np.pi * 900 * t) * (np.sin(2 * np.pi * 3 * t) > 0)
        + 0.02 * noise
    )
    return torch.from_numpy(np.float32(wave))
