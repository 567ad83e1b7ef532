"""The ear that ships, by its graph: it hears what it hears in torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from cmet_cli.backends.compute import HOST
from cmet_cli.emotion.speech.choose import load_speech_encoder
from cmet_cli.emotion.speech.portable import PortableSpeechEncoder
from cmet_cli.emotion.speech.tracks import _quantile, _weighted_median
from cmet_cli.media.audio import decode_audio
from cmet_cli.weights.folder import inspect_folder, mini_folder

VOICES = Path(__file__).parents[3] / "examples/voices"


@pytest.fixture(scope="module")
def ears():
    weights = inspect_folder(mini_folder())
    host = load_speech_encoder(weights, HOST)
    return host, load_speech_encoder(weights, torch.device("cpu"))


@pytest.mark.parametrize("name", ["happy", "sad", "neutral"])
@pytest.mark.parametrize("seconds", [0.2, 0.5, 1.7, 3.0])
def test_features_are_torch_s(ears, name, seconds):
    """Pauses too, in which there is nothing to take a logarithm of."""
    host, plain = ears
    assert isinstance(host, PortableSpeechEncoder)
    assert (host.name, host.dim) == (plain.name, plain.dim)
    wave = decode_audio(VOICES / f"{name}.wav")[: int(16_000 * seconds)]
    wave[4000:5000] = 0
    mine, theirs = host.feature(wave), plain.feature(wave)
    assert mine.shape == (host.dim,)
    assert mine.dtype == np.float32
    np.testing.assert_allclose(mine, theirs, atol=5e-3 * np.abs(theirs).max())


def test_silence_is_a_feature_too(ears):
    host, plain = ears
    wave = np.zeros(16_000, np.float32)
    np.testing.assert_allclose(host.feature(wave), plain.feature(wave), atol=1e-2)


@pytest.mark.parametrize("count", [1, 2, 20, 241])
def test_quantiles_that_have_a_graph(count):
    values = torch.from_numpy(np.random.default_rng(count).normal(size=count).astype(np.float32))
    torch.testing.assert_close(_quantile(values, 0.95), torch.quantile(values, 0.95))


def test_medians_that_have_a_graph():
    values = torch.tensor([3.0, 1.0, 2.0, 5.0])
    assert _weighted_median(values, torch.tensor([1.0, 1.0, 1.0, 1.0])) == 2
    assert _weighted_median(values, torch.tensor([0.0, 0.1, 0.1, 9.0])) == 5
    assert _weighted_median(values, torch.zeros(4)) == 1
