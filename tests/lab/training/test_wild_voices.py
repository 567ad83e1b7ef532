"""Voices and recordings that differ far more than the avatar world's."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from cmet_cli.lab.avatar.emotions import EMOTIONS, PROSODY, Prosody, prosody
from cmet_cli.lab.avatar.voice import SAMPLE_RATE_HZ, Voice
from cmet_cli.lab.training.recording import Recording, RecordingRanges
from cmet_cli.lab.training.wild_voices import (
    NEUTRALS,
    VoiceRanges,
    WildConfig,
    acting,
    spoken,
    style_numbers,
    style_of,
    wild_voice,
)

NOTHING = RecordingRanges(
    equaliser_db=0, p_low_pass=0, p_high_pass=0, p_room=0, p_noise=0, p_clip=0, p_codec=0
)


def chirp() -> np.ndarray:
    t = np.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    return (0.3 * np.sin(2 * np.pi * (80 + 3500 * t) * t)).astype(np.float32)


def heard(ranges: RecordingRanges, wave: np.ndarray, strength: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(3)
    return Recording(ranges, strength, rng)(wave, rng)


def test_nothing_done_leaves_the_sound():
    wave = chirp()
    for ranges, strength in ((NOTHING, 1.0), (RecordingRanges(), 0.0)):
        # The band's own edges, below 60 Hz and at 8 kHz, may take a little.
        np.testing.assert_allclose(heard(ranges, wave, strength), wave, atol=0.02)


def test_noise_is_as_loud_as_asked():
    noisy = dataclasses.replace(NOTHING, p_noise=1, noise_db=(12.0, 12.0))
    wave = chirp()
    added = heard(noisy, wave) - heard(NOTHING, wave)
    ratio_db = 20 * np.log10(wave.std() / added.std())
    assert ratio_db == pytest.approx(12, abs=1)


def test_a_room_rings_on_and_dies_away():
    room = dataclasses.replace(NOTHING, p_room=1, decay_s=(0.4, 0.4), direct_db=(0.0, 0.0))
    click = np.zeros(SAMPLE_RATE_HZ, np.float32)
    click[100] = 1
    power = np.square(heard(room, click))
    early, late = power[800:1600].sum(), power[4000:4800].sum()
    assert 10 * np.log10(early / late) == pytest.approx(30, abs=6)  # 0.2 s of 60 dB in 0.4 s


def test_a_low_pass_takes_the_treble_only():
    narrow = dataclasses.replace(NOTHING, p_low_pass=1, low_pass_hz=(4000.0, 4000.0))
    white = np.random.default_rng(0).standard_normal(SAMPLE_RATE_HZ).astype(np.float32)
    gain = np.abs(np.fft.rfft(heard(narrow, white))) / np.abs(np.fft.rfft(white))
    assert gain[500:3000].mean() == pytest.approx(1, abs=0.05)
    assert gain[6000:].mean() < 0.1


@pytest.mark.parametrize("what", ["p_clip", "p_codec"])
def test_clipping_and_codecs_change_little_but_something(what):
    wave = chirp() + 0.1 * np.random.default_rng(1).standard_normal(SAMPLE_RATE_HZ)
    much = dataclasses.replace(NOTHING, clip_rms=(1.2, 1.2), codec_db=(20.0, 20.0))
    changed = heard(dataclasses.replace(much, **{what: 1}), wave.astype(np.float32))
    away = (changed - heard(NOTHING, wave)).std() / wave.std()
    assert 0.01 < away < 0.5


def test_a_tame_speaker_is_one_of_the_world():
    rng = np.random.default_rng(0)
    assert wild_voice(7, VoiceRanges(), 0.0, rng) == Voice.from_seed(7)
    pulls = np.array([acting("happy", 0.0, rng) for _ in range(20)])
    levels = np.array(
        [style_numbers(prosody("happy", n)) - style_numbers(Prosody()) for n in (1, 2, 3)]
    )
    assert np.abs(pulls[:, None] - levels).max(-1).min(1).max() < 1e-9


def test_wild_speakers_differ_more():
    rng = np.random.default_rng(0)
    voices = [wild_voice(seed, VoiceRanges(), 1.0, rng) for seed in range(200)]
    pitches = np.array([voice.pitch_hz for voice in voices])
    assert pitches.min() < 85
    assert pitches.max() > 240
    pulls = np.array([acting("angry", 1.0, rng) for _ in range(200)])
    assert (pulls.std(0)[:2] > 0.1).all()  # pitch and its range, logarithms
    assert pulls.mean(0)[0] > 0.1


def test_numbers_of_a_style_go_both_ways():
    for emotion in EMOTIONS:
        again = dataclasses.astuple(style_of(style_numbers(PROSODY[emotion])))
        np.testing.assert_allclose(again, dataclasses.astuple(PROSODY[emotion]), atol=1e-3)


def test_a_speaker_is_neutral_first_and_the_same_again():
    config = WildConfig(speakers=2, seconds=0.8, wildness=(1.0, 1.0))
    emotions, waves, styles = spoken(config, 0)
    assert (emotions[:NEUTRALS] == 0).all()
    assert len(set(emotions[NEUTRALS:])) == len(emotions) - NEUTRALS
    assert {len(wave) for wave in waves} == {round(0.8 * SAMPLE_RATE_HZ)}
    assert styles.shape == (len(emotions), 11)
    assert all(np.isfinite(wave).all() for wave in waves)
    np.testing.assert_array_equal(spoken(config, 0)[1][3], waves[3])
    assert not np.array_equal(spoken(config, 1)[1][3], waves[3])
