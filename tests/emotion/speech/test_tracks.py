"""Pitch, loudness and tilt over time, on sounds whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cmet_cli.emotion.speech.mini import level_wave
from cmet_cli.emotion.speech.tracks import TRACKS, speech_tracks
from cmet_cli.lab.avatar.emotions import Prosody
from cmet_cli.lab.avatar.phones import random_sentence
from cmet_cli.lab.avatar.voice import SAMPLE_RATE_HZ, Voice, speak

VOICED = 2
PLAIN = Prosody()


def voice(pitch_hz: float, style: Prosody = PLAIN, seconds: float = 2.0) -> torch.Tensor:
    who = Voice(1, pitch_hz, 1.0, 0.0, 0.0, 1.0)
    wave, _ = speak(random_sentence(4, 3 * seconds), who, style, np.random.default_rng(2), seconds)
    return torch.from_numpy(wave)


def middle(tracks: torch.Tensor, number: int) -> float:
    return float(tracks[number][tracks[VOICED] > 0.5].median())


@pytest.mark.parametrize("pitch_hz", [90.0, 140.0, 220.0, 330.0])
def test_the_pitch_is_found(pitch_hz):
    tracks = speech_tracks(voice(pitch_hz))
    assert tracks.shape == (TRACKS, 1 + 2 * SAMPLE_RATE_HZ // 200)
    assert 160 * 2 ** middle(tracks, 0) == pytest.approx(pitch_hz, rel=0.12)
    assert (tracks[VOICED] > 0.5).float().mean() > 0.4


def test_noise_and_silence_have_no_pitch():
    noise = torch.from_numpy(np.random.default_rng(0).standard_normal(16000).astype(np.float32))
    assert (speech_tracks(0.1 * noise)[VOICED] > 0.5).float().mean() < 0.1
    for wave in (torch.zeros(16000), torch.zeros(300), torch.full((16000,), 0.5)):
        assert torch.isfinite(speech_tracks(level_wave(wave))).all()


def test_loudness_of_the_whole_is_not_heard():
    wave = voice(150)
    torch.testing.assert_close(speech_tracks(wave), speech_tracks(0.2 * wave), atol=0.05, rtol=0)


def test_a_tense_voice_is_brighter_and_a_lively_one_moves_more():
    plain, tense = speech_tracks(voice(150)), speech_tracks(voice(150, Prosody(tilt_db=5.0)))
    lively = speech_tracks(voice(150, Prosody(pitch_range=0.3)))
    assert middle(tense, 5) > middle(plain, 5) + 0.2
    spread = [float(t[1][t[VOICED] > 0.5].std()) for t in (plain, lively)]
    assert spread[1] > 1.5 * spread[0]


def test_a_microphone_moves_only_the_tracks_that_say_so():
    """An even fall of the treble is heard in the tilt, and in nothing that is about its mean."""
    wave = voice(150)
    spectrum = torch.fft.rfft(wave)
    hz = torch.fft.rfftfreq(len(wave), 1 / SAMPLE_RATE_HZ)
    dull = torch.fft.irfft(spectrum / torch.sqrt(1 + (hz / 2000) ** 2), len(wave))
    before, after = speech_tracks(wave), speech_tracks(dull)
    speaks = before[VOICED] > 0.5
    changed = (after - before)[:, speaks].abs().mean(1)
    assert changed[5] > 0.1
    assert changed[[0, 1, 6, 7]].max() < 0.1
