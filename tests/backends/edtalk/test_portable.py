"""The networks that ship, by their graphs and by torch: the same numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from cmet_cli.backends.base import MovingBackend, PreparingBackend
from cmet_cli.backends.compute import HOST, Compute
from cmet_cli.backends.edtalk.portable import PortableEDTalk
from cmet_cli.backends.loader import load_backend
from cmet_cli.media.audio import decode_audio
from cmet_cli.weights.folder import inspect_folder, mini_folder

EXAMPLES = Path(__file__).parents[3] / "examples"
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def both():
    """(backend, connector) on the host's arrays, and in torch."""
    weights = inspect_folder(mini_folder())
    host = load_backend(weights, Compute(HOST, "fp32", 0))
    return host, load_backend(weights, Compute(torch.device("cpu"), "fp32", 0))


def pictures(count: int) -> np.ndarray:
    """Smooth ones, as faces are."""
    coarse = RNG.uniform(-1, 1, (count, 3, 8, 8)).astype(np.float32)
    smooth = torch.nn.functional.interpolate(torch.from_numpy(coarse), 64, mode="bicubic")
    return smooth.clamp(-1, 1).numpy()


def test_it_is_a_backend_of_the_same_face(both):
    (host, connector), (plain, plain_connector) = both
    assert isinstance(host, PortableEDTalk)
    assert isinstance(host, MovingBackend)
    assert isinstance(host, PreparingBackend)
    for name in ("name", "source", "crop", "frame_rate_hz"):
        assert getattr(host, name) == getattr(plain, name)
    assert host.layout.dim == plain.layout.dim
    assert host.compute.batch_size == plain.compute.batch_size > 1
    assert str(host.compute.device) == "cpu"
    assert (connector.gain, connector.speech_dim) == (
        plain_connector.gain, plain_connector.speech_dim,
    )  # fmt: skip
    change = RNG.normal(size=10).astype(np.float32)
    assert host.expected_motion(change) == plain.expected_motion(change) > 0


@pytest.mark.parametrize("count", [1, 2, 7])
def test_codes_are_torch_s(both, count):
    (host, _), (plain, _) = both
    images = pictures(count)
    theirs = plain.encode(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(host.encode(images), theirs, atol=1e-4)
    codes, source = host.encode_and_prepare(images)
    np.testing.assert_allclose(codes, theirs, atol=1e-4)
    assert host.prepared_bytes(source) == sum(part.nbytes for part in source.parts) > 0


@pytest.mark.parametrize(("sources", "frames"), [(1, 1), (1, 5), (5, 5)])
def test_pictures_and_motion_are_torch_s(both, sources, frames):
    (host, _), (plain, _) = both
    images = pictures(sources)
    codes = np.repeat(host.encode(images), frames // sources, axis=0)
    codes += RNG.normal(size=codes.shape).astype(np.float32) * 0.2
    mine, moved = host.render_moving(host.prepare(images), codes)
    in_torch = plain.prepare(torch.from_numpy(images))
    theirs, motion = plain.render_moving(in_torch, torch.from_numpy(codes))
    assert mine.shape == (frames, 3, 64, 64)
    np.testing.assert_allclose(mine, theirs.numpy(), atol=1e-3)
    np.testing.assert_allclose(moved, motion.numpy(), atol=1e-3)
    assert np.ptp(mine) > 0.5
    np.testing.assert_array_equal(host.render(host.prepare(images), codes), mine)


@pytest.mark.parametrize("frames", [0, 1, 5, 13])
@pytest.mark.parametrize("varies", [False, True])
def test_changes_are_torch_s_window_by_window(both, frames, varies):
    (_, host), (_, plain) = both
    codes = RNG.normal(size=(frames, 10)).astype(np.float32)
    shape = (frames, host.speech_dim) if varies else (host.speech_dim,)
    speech = RNG.normal(size=shape).astype(np.float32)
    mine = host.predict(codes, speech)
    assert mine.shape == (frames, 10)
    np.testing.assert_allclose(mine, plain.predict(codes, speech), atol=1e-4)


@pytest.mark.parametrize("samples", [0, 639, 70 * 640 + 11])
def test_lips_are_torch_s(both, samples):
    """Of more windows than one call takes, and of none."""
    (host, _), (plain, _) = both
    wave = decode_audio(EXAMPLES / "voices/happy.wav")[:samples]
    mine = host.lips([wave[:1000], wave[1000:]])
    assert mine.shape == (samples // 640, host.layout.lip)
    assert mine.dtype == np.float32
    np.testing.assert_allclose(mine, plain.lips([wave]), atol=2e-3)
