"""Frame times, the 25 Hz grid between them, and sound cut to it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from cmet_cli.media.clock import Timeline, interpolate, sound_on_grid


def test_ticks_become_seconds_and_the_grid_starts_with_the_first_frame():
    timeline = Timeline.from_ticks([3000, 6003, 9006], Fraction(1, 30_000))
    assert timeline.times_s == pytest.approx([0.1, 0.2001, 0.3002])
    assert timeline.grid_s == pytest.approx(0.1 + np.arange(7) / 25)  # past the last frame
    assert timeline.grid_s[-1] >= timeline.times_s[-1]


def test_a_video_on_the_grid_is_the_grid_despite_rounding():
    timeline = Timeline(np.arange(1000) / 25 + 1e-9)
    assert len(timeline.grid_s) == 1000
    values = np.random.default_rng(0).normal(size=(1000, 3)).astype(np.float32)
    assert np.array_equal(timeline.to_grid(values), values)  # nothing is smoothed
    assert np.array_equal(timeline.from_grid(values), values)


def test_the_last_frame_lasts_the_mean_step():
    assert Timeline(np.array([0.0, 0.1, 0.4])).duration_s == pytest.approx(0.6)
    assert Timeline(np.array([5.0])).duration_s == pytest.approx(0.04)


def test_one_frame_has_a_grid_of_one():
    timeline = Timeline(np.array([2.5]))
    assert timeline.grid_s.tolist() == [2.5]
    assert timeline.to_grid(np.array([[7.0]])).tolist() == [[7.0]]


@pytest.mark.parametrize("rate", [12.5, 24, 30, 60])
def test_what_is_linear_in_time_survives_both_ways(rate):
    timeline = Timeline(0.2 + np.arange(40) / rate)
    line = np.stack([timeline.times_s, 3 - 2 * timeline.times_s], 1)
    on_grid = timeline.to_grid(line)
    inside = timeline.grid_s <= timeline.times_s[-1]
    assert on_grid[inside, 0] == pytest.approx(timeline.grid_s[inside], abs=1e-6)
    back = timeline.from_grid(np.stack([timeline.grid_s, 3 - 2 * timeline.grid_s], 1))
    assert back == pytest.approx(line, abs=1e-5)


def test_values_are_held_beyond_the_ends():
    out = interpolate(np.array([-1.0, 0.5, 9.0]), np.array([0.0, 1.0]), np.array([[2.0], [4.0]]))
    assert out.ravel().tolist() == [2.0, 3.0, 4.0]
    assert out.dtype == np.float32


def frames_from(first_s: float, frames: int) -> Timeline:
    return Timeline(first_s + np.arange(frames) / 25)


@pytest.mark.parametrize(
    ("first_s", "expected"),
    [
        (0.0, [1, 2, 3, 4, 5, 6, 7, 8]),
        (0.04, [5, 6, 7, 8, 9, 0, 0, 0]),  # the picture starts later, the sound ends earlier
        (-0.04, [0, 0, 0, 0, 1, 2, 3, 4]),  # the picture starts before the sound's zero
        (0.4, [0] * 8),
        (-4.0, [0] * 8),
    ],
)
def test_sound_is_cut_or_padded_to_the_pictures_span(first_s, expected):
    wave = np.arange(1, 10, dtype=np.float32)
    cut = np.concatenate(list(sound_on_grid([wave], frames_from(first_s, 2), 100)))
    assert cut.tolist() == expected


@pytest.mark.parametrize("first_s", [-4.0, -0.04, 0.0, 0.03, 0.04, 0.5, 4.0])
@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_sound_in_chunks_is_cut_the_same(first_s, size):
    wave = np.arange(1, 60, dtype=np.float32)
    chunks = [wave[i : i + size] for i in range(0, len(wave), size)]
    for frames in (1, 2, 30):
        timeline = frames_from(first_s, frames)
        pieces = list(sound_on_grid(chunks, timeline, 100))
        assert all(len(p) for p in pieces)
        whole = list(sound_on_grid([wave], timeline, 100))
        assert np.array_equal(np.concatenate(pieces), np.concatenate(whole))


def test_another_grid_has_its_own_steps():
    """A backend of 20 steps a second: half a second is 11 steps, 8000 + 800 samples."""
    timeline = Timeline(np.arange(13) / 24, grid_hz=20)
    assert len(timeline.grid_s) == 11
    assert sum(map(len, sound_on_grid([np.ones(16_000, np.float32)], timeline, 16_000))) == 8800
    assert timeline.to_grid(timeline.times_s[:, None])[:, 0] == pytest.approx(
        timeline.grid_s, abs=1e-6
    )


def test_nothing_is_decoded_past_the_picture():
    def endless():
        while True:
            yield np.ones(100, np.float32)

    assert sum(map(len, sound_on_grid(endless(), frames_from(0.0, 10), 16_000))) == 6400


def test_a_picture_that_goes_on_after_the_sound_gets_silence_in_bounded_pieces():
    sizes = [len(c) for c in sound_on_grid([], frames_from(0.0, 25 * 600), 16_000)]
    assert sum(sizes) == 600 * 16_000
    assert max(sizes) <= 160_000
