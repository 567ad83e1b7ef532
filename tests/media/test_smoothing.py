"""Smoothing over time, beside SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from cmet_cli.media.smoothing import gaussian, mean, median


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape)


@pytest.mark.parametrize("shape", [(50,), (50, 7), (3, 2), (1, 2), (1,)])
@pytest.mark.parametrize(("sigma", "reach"), [(1.3, 5), (0.4, 2), (6.0, 24)])
def test_a_gaussian_is_scipys(shape, sigma, reach):
    values = noise(*shape)
    exact = ndimage.gaussian_filter1d(values, sigma, axis=0, radius=reach, mode="nearest")
    assert np.abs(gaussian(values, sigma, reach) - exact).max() < 1e-12


@pytest.mark.parametrize("length", [1, 4, 60])
@pytest.mark.parametrize("steps", [3, 5, 10])
def test_running_means_and_medians_are_scipys(length, steps):
    values = noise(length)
    exact = ndimage.uniform_filter1d(values, steps, mode="nearest")
    assert np.abs(mean(values, steps) - exact).max() < 1e-12
    if steps % 2:
        exact = ndimage.median_filter(values, steps, mode="nearest")
        assert np.array_equal(median(values, steps), exact)


def test_a_constant_and_nothing_stay_what_they_are():
    assert np.abs(gaussian(np.full((9, 2), 3.7), 2.0, 8) - 3.7).max() < 1e-14
    assert gaussian(np.zeros((0, 4)), 2.0, 8).shape == (0, 4)
