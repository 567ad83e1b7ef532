"""Paired comparison: known numbers."""

from __future__ import annotations

import pytest

from cmet_cli.errors import UsageError
from cmet_cli.lab.evaluation.paired import compare


def test_known_numbers():
    found = compare([0.0, 0.0, 0.0, 0.0, 0.0], [1.0, 2.0, 3.0, 4.0, 5.0])
    assert found.mean == 3.0
    assert found.standard_error == pytest.approx(0.7071, abs=1e-4)  # sqrt(2.5 / 5)
    assert (found.low, found.high) == pytest.approx((1.0368, 4.9632), abs=1e-4)  # t = 2.7764
    assert (found.ahead, found.seeds) == (5, 5)
    assert found.sign_p == pytest.approx(0.0625)
    assert found.beyond_chance


def test_what_seeds_share_is_taken_off():
    """Seeds far apart, a small steady step: their spread must not hide it."""
    before = [0.1, 0.5, 0.9, 0.3]
    found = compare(
        before, [value + step for value, step in zip(before, (3, 4, 3, 4), strict=True)]
    )
    assert found.beyond_chance
    assert found.standard_error == pytest.approx(0.2887, abs=1e-4)


def test_a_change_that_goes_both_ways_is_chance():
    found = compare([0.5] * 4, [0.6, 0.4, 0.6, 0.5])
    assert not found.beyond_chance
    assert (found.ahead, found.sign_p) == (2, pytest.approx(1.0))  # the equal pair is left out


def test_a_fall_beyond_chance_is_one_too():
    found = compare([3.0, 4.0, 5.0], [1.0, 2.1, 2.9])
    assert found.high < 0
    assert found.beyond_chance


def test_nothing_changes():
    found = compare([0.5, 0.6], [0.5, 0.6])
    assert (found.mean, found.low, found.high, found.sign_p) == (0, 0, 0, 1)
    assert not found.beyond_chance


@pytest.mark.parametrize(("before", "after"), [([1.0], [2.0]), ([1.0, 2.0], [1.0])])
def test_too_few_or_unequal(before, after):
    with pytest.raises(UsageError, match="two seeds"):
        compare(before, after)
