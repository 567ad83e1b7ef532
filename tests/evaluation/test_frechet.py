"""The Fréchet distance against its definition and against torch-fidelity."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.linalg
from torch_fidelity.metric_fid import fid_statistics_to_metric

from cmet_cli.evaluation.frechet import Cloud, frechet_distance


def cloud(rows, step=None):
    made = Cloud()
    for start in range(0, len(rows), step or len(rows)):
        made.add(rows[start : start + (step or len(rows))])
    return made


def clouds(n, m, dim, seed=0):
    rng = np.random.default_rng(seed)
    mix = rng.standard_normal((dim, dim)) / dim**0.5
    return rng.standard_normal((n, dim)), 0.3 + rng.standard_normal((m, dim)) @ mix


def by_definition(a, b):
    """With roots of whole matrices, of symmetric ones alone: good where they are singular, too."""

    def root(matrix):
        values, vectors = scipy.linalg.eigh(matrix)
        return vectors * np.sqrt(np.clip(values, 0, None)) @ vectors.T

    one, other = np.cov(a.T), np.cov(b.T)
    shared = np.trace(root(root(one) @ other @ root(one)))
    apart = np.square(a.mean(0) - b.mean(0)).sum()
    return apart + np.trace(one) + np.trace(other) - 2 * shared


@pytest.mark.parametrize(("n", "m"), [(300, 200), (12, 9), (300, 9)])
def test_is_what_it_is_defined_as(n, m):
    a, b = clouds(n, m, 40)
    assert frechet_distance(cloud(a), cloud(b)) == pytest.approx(by_definition(a, b), rel=1e-6)


def test_agrees_with_torch_fidelity():
    a, b = clouds(400, 300, 32)
    theirs = fid_statistics_to_metric(
        *({"mu": x.mean(0), "sigma": np.cov(x.T)} for x in (a, b)), verbose=False
    )
    ours = frechet_distance(cloud(a), cloud(b))
    assert ours == pytest.approx(next(iter(theirs.values())), rel=1e-6)


@pytest.mark.parametrize("step", [1, 7, 50])
def test_what_comes_in_parts_is_the_same_cloud(step):
    a, b = clouds(130, 100, 40)
    whole, parts = cloud(a), cloud(a, step)
    np.testing.assert_allclose(parts.mean, a.mean(0), atol=1e-12)
    np.testing.assert_allclose(parts.root.T @ parts.root, np.cov(a.T), atol=1e-10)
    assert len(parts.root) <= 41  # no more rows than dimensions are kept for long
    assert frechet_distance(parts, cloud(b)) == pytest.approx(frechet_distance(whole, cloud(b)))


def test_of_a_cloud_with_itself_it_is_nought_and_a_shift_counts_squared():
    a, _ = clouds(60, 2, 20)
    assert frechet_distance(cloud(a), cloud(a)) == pytest.approx(0, abs=1e-8)
    assert frechet_distance(cloud(a), cloud(a + 0.5)) == pytest.approx(20 * 0.25, rel=1e-8)


def test_one_alone_has_no_spread():
    a, b = clouds(1, 5, 8)
    assert math.isnan(frechet_distance(cloud(a), cloud(b)))
    assert math.isnan(frechet_distance(Cloud(), cloud(b)))
