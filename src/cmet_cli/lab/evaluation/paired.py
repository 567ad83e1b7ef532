"""Comparing two settings that were run on the same seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import UsageError


@dataclass(frozen=True)
class Paired:
    """What a change did, seed by seed.

    mean: of the differences; standard_error: of that mean; low, high: its 95 % interval by
    Student's t; ahead: seeds in which the value rose, of ``seeds``; sign_p: of the two-sided exact
    sign test, equal pairs left out (with five seeds it cannot fall below 0.0625).
    """

    mean: float
    standard_error: float
    low: float
    high: float
    ahead: int
    seeds: int
    sign_p: float

    @property
    def beyond_chance(self) -> bool:
        """Whether the interval leaves out nought."""
        return self.low > 0 or self.high < 0


def compare(before: Sequence[float], after: Sequence[float]) -> Paired:
    """``after`` against ``before``, one value a seed in the same order.

    Raises :class:`UsageError` for fewer than two pairs: nothing can be said of their spread.
    """
    from scipy import stats

    if len(before) != len(after) or len(before) < 2:
        raise UsageError(f"pairs of two seeds or more, got {len(before)} and {len(after)} values")
    change = np.asarray(after, np.float64) - np.asarray(before, np.float64)
    mean, n = float(change.mean()), len(change)
    error = float(change.std(ddof=1) / np.sqrt(n))
    reach = float(stats.t.ppf(0.975, n - 1)) * error
    up, down = int((change > 0).sum()), int((change < 0).sum())
    sign_p = float(stats.binomtest(up, up + down).pvalue) if up + down else 1.0
    return Paired(mean, error, mean - reach, mean + reach, up, n, sign_p)
