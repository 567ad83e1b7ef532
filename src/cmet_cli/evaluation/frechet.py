"""The Fréchet distance between two clouds of features, exact also where a cloud has fewer members
than dimensions (FID: Heusel et al., NeurIPS 2017; FVD: Unterthiner et al., 2018)."""

from __future__ import annotations

import math

import numpy as np


class Cloud:
    """Mean and covariance of features that come a few at a time.

    Kept as rows whose Gram matrix is the scatter, never more of them than dimensions: so a clip of
    a hundred frames costs little, and a data set no memory.
    """

    def __init__(self) -> None:
        self.n, self._mean, self._rows = 0, np.zeros(0), np.zeros((0, 0))

    def add(self, features: np.ndarray) -> None:
        """features: float ``[n, D]``, n > 0."""
        more = np.asarray(features, np.float64)
        mean, n = more.mean(0), len(more)
        if not self.n:
            self._mean, self._rows = np.zeros_like(mean), np.zeros((0, len(mean)))
        # The scatter of both together: each about its own mean, and that of the two means.
        apart = (mean - self._mean) * math.sqrt(self.n * n / (self.n + n))
        rows = np.concatenate([self._rows, more - mean, apart[None]])
        if len(rows) > rows.shape[1]:
            rows = np.asarray(np.linalg.qr(rows, mode="r"))
        self._rows = rows
        self.n += n
        self._mean = self._mean + (mean - self._mean) * (n / self.n)

    @property
    def mean(self) -> np.ndarray:
        """float64 ``[D]``."""
        return self._mean

    @property
    def root(self) -> np.ndarray:
        """float64 ``[k, D]`` whose Gram matrix is the (unbiased) covariance."""
        return self._rows / math.sqrt(max(self.n - 1, 1))


def frechet_distance(one: Cloud, other: Cloud) -> float:
    """Squared distance of means, and of spreads; NaN where either has fewer than two members.

    The trace of the root of a product of covariances is the sum of the singular values of the
    product of their roots, so that no matrix root is taken.
    """
    if min(one.n, other.n) < 2:
        return math.nan
    a, b = one.root, other.root
    shared = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    apart = np.square(one.mean - other.mean).sum()
    return float(apart + np.square(a).sum() + np.square(b).sum() - 2 * shared)
