"""A picture that goes on as long as new speech does."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from cmet_cli.faces.placement import Placement
from cmet_cli.media.clock import Timeline
from cmet_cli.pipeline.retime import MELT_S, _placement, fitted

BASE = Fraction(1, 1000)
N = 20


def faces(ticks=None, shots=None, last=0):
    ticks = list(range(0, 40 * N, 40)) if ticks is None else ticks
    place = Placement.everywhere(len(ticks), 64)
    if shots is not None:
        place = Placement(**{**vars(place), "shots": np.array(shots)})
    timeline = Timeline.from_ticks(ticks, BASE, last)
    return SimpleNamespace(ticks=ticks, timeline=timeline, placements=(place,))


def fit(kind, length_s, **more):
    """-> script and ticks, where all others are shown as long as usual."""
    found = fitted_whole(kind, length_s, **more)
    assert found is None or found.last_ticks == 0
    return found and found[:2]


def fitted_whole(kind, length_s, **more):
    info = SimpleNamespace(time_base=BASE, frame_rate=Fraction(25))
    return fitted(kind, faces(**more), info, length_s)


@pytest.mark.parametrize("kind", ["video", "loop", "bounce", "hold"])
def test_shorter_speech_leaves_the_picture_as_it_is(kind):
    assert fit(kind, 0.3) is None
    assert fit(kind, 0.8) is None


def test_the_picture_decides_unless_asked():
    assert fit("video", 5.0) is None


def test_a_cut_ends_with_the_speech():
    script, ticks = fit("cut", 0.39)
    assert script.indices.tolist() == list(range(10))
    assert ticks == list(range(0, 400, 40))
    assert fit("cut", 3.0) is None
    assert len(fit("cut", 0.0)[1]) == 1


def test_a_cut_within_a_last_frame_that_is_shown_long_shortens_it():
    found = fitted_whole("cut", 2.0, last=5000)
    assert (len(found.ticks), found.last_ticks) == (N, 2000 - 40 * (N - 1))
    assert fitted_whole("cut", 0.39, last=5000).last_ticks == 0
    assert fitted_whole("cut", 9.0, last=5000) is None


def test_a_loop_melts_as_long_however_long_the_last_frame_is_shown():
    plain, long = (fitted_whole("loop", 12.0, last=last).script for last in (0, 5000))
    shares = [script.shares[:N] for script in (plain, long)]
    assert np.array_equal(*shares)
    assert np.count_nonzero(shares[0]) > 4


@pytest.mark.parametrize("kind", ["loop", "bounce", "hold"])
@pytest.mark.parametrize("length_s", [0.9, 1.7, 4.33])
def test_longer_pictures_last_as_long_as_the_speech(kind, length_s):
    script, ticks = fit(kind, length_s)
    lasts_s = (ticks[-1] + 40 - ticks[0]) / 1000
    assert length_s <= lasts_s < length_s + 0.041
    assert len(ticks) == len(script.indices)
    assert (np.diff(ticks) == 40).all()
    assert script.indices[:10].tolist() == list(range(10))


def test_a_bounce_turns_without_a_jump():
    script, _ = fit("bounce", 5.0)
    assert (np.abs(np.diff(script.indices)) == 1).all()
    assert set(script.indices) == set(range(N))
    assert not (script.partners >= 0).any()


def test_a_held_picture_holds_its_last_frame():
    script, _ = fit("hold", 1.2)
    assert (script.indices[N:] == N - 1).all()


def test_a_loop_s_end_melts_into_its_beginning():
    script, _ = fit("loop", 2.0)
    melting = min(round(MELT_S / 0.04), N // 3)
    at = np.flatnonzero(script.partners >= 0)
    # What is melted into goes on where it melted to.
    assert script.partners[at[:melting]].tolist() == list(range(melting))
    assert script.indices[at[melting - 1] + 1] == melting
    assert (np.diff(script.shares[at[:melting]]) > 0).all()
    last_pass = script.indices[at[-1] + 1 :]
    assert (np.diff(last_pass) == 1).all()


def test_a_loop_over_cuts_cuts():
    script, _ = fit("loop", 2.0, shots=[0] * 12 + [1] * 8)
    assert not (script.partners >= 0).any()
    place = _placement(faces(shots=[0] * 12 + [1] * 8).placements[0], script)
    # The first shot shown again is another one: nothing is remembered from before.
    assert place.shots[0] != place.shots[N] != place.shots[N - 1]


def test_variable_steps_come_back_in_the_other_order():
    uneven = [0, 20, 60, 160, 200]
    script, ticks = fit("bounce", 0.5, ticks=uneven)
    assert script.indices.tolist()[:8] == [0, 1, 2, 3, 4, 3, 2, 1]
    assert np.diff(ticks)[:7].tolist() == [20, 40, 100, 40, 40, 100, 40]


def test_one_frame_can_only_stand():
    for kind in ("loop", "bounce", "hold"):
        script, ticks = fit(kind, 0.3, ticks=[0])
        assert not script.indices.any()
        assert ticks == list(range(0, 300, 40))
