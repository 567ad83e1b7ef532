"""Sound and clips: repeatable, in range, in step with the lips, coloured by the emotion."""

from fractions import Fraction

import numpy as np
import pytest

from cmet_cli.lab.avatar.clip import make_clip
from cmet_cli.lab.avatar.emotions import (
    BASIC_EMOTIONS,
    EMOTIONS,
    LEVELS,
    mean_expression,
    prosody,
    sample_expression,
)
from cmet_cli.lab.avatar.phones import PHONES, align, lip_track, random_sentence
from cmet_cli.lab.avatar.voice import Voice, speak


def clip(emotion="neutral", seed=3, voice_seed=2, seconds=3.0, level=3, fps=Fraction(25)):
    return make_clip(
        identity_seed=1,
        voice_seed=voice_seed,
        emotion=emotion,
        level=level,
        seconds=seconds,
        fps=fps,
        seed=seed,
    )


def test_same_seeds_same_clip():
    a, b = clip("happy"), clip("happy")
    for name in ("wave", "lips", "pose", "expression", "blink", "times_s"):
        assert np.array_equal(getattr(a, name), getattr(b, name)), name
    assert not np.array_equal(a.wave, clip("happy", seed=4).wave)
    assert not np.array_equal(a.wave, clip("happy", voice_seed=9).wave)


def test_another_emotion_keeps_person_words_and_movements():
    a, b = clip("neutral"), clip("sad")
    shared = min(len(a.timing.names), len(b.timing.names)) - 2  # the ends are cut differently
    assert shared > 10
    assert a.timing.names[:shared] == b.timing.names[:shared]
    assert a.identity == b.identity
    assert np.array_equal(a.pose, b.pose)
    assert np.array_equal(a.blink, b.blink)
    assert not np.array_equal(a.expression, b.expression)


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_waves_are_sound(emotion):
    wave = clip(emotion, level=2).wave
    assert wave.dtype == np.float32
    assert wave.shape == (48000,)
    assert np.isfinite(wave).all()
    assert np.abs(wave).max() <= 1
    assert np.sqrt((wave**2).mean()) > 0.005


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30000, 1001)])
def test_frames_and_sound_last_equally_long(fps):
    one = clip(seconds=2.0, fps=fps)
    assert len(one) == round(2 * fps)
    assert abs(len(one.wave) / one.sample_rate - float(len(one) / fps)) < 1e-4
    assert one.lips.shape == (len(one), 3)
    assert one.pose.shape == (len(one), 6)
    assert one.times_s[1] == pytest.approx(float(1 / fps))


def test_mouth_opens_when_there_is_sound():
    for k, emotion in enumerate(BASIC_EMOTIONS):
        one = clip(emotion, seed=20 + k, voice_seed=k, seconds=5.0)
        energy = np.sqrt((one.wave.reshape(len(one), -1) ** 2).mean(axis=1))
        together = np.corrcoef(energy, one.lips[:, 0])[0, 1]
        # Half a second out of step must not pass for speech.
        apart = np.corrcoef(np.roll(energy, 13), one.lips[:, 0])[0, 1]
        assert together > 0.4, emotion
        assert together > apart + 0.15, emotion


def test_lips_close_on_m_and_round_on_u():
    timing = align(random_sentence(5, 8.0))
    middle_s = 0.5 * (timing.start_s + timing.end_s)
    lips = lip_track(timing, middle_s)
    names = np.array(timing.names)
    closed = np.isin(names, ["m", "p", "b"])
    assert closed.sum() >= 3
    assert lips[closed, 0].max() < 0.25 < lips[names == "a", 0].min()
    assert lips[names == "u", 2].mean() > lips[names == "i", 2].mean() + 0.4


def test_a_faster_rate_shortens_the_sentence():
    sentence = random_sentence(7, 3.0)
    assert align(sentence, 2.0).duration_s == pytest.approx(sentence.duration_s / 2)
    assert align(sentence, 1.0, 60.0).end_s[-1] == 60.0
    assert set(sentence.names) <= set(PHONES)


def test_higher_voices_sound_higher():
    voices = sorted((Voice.from_seed(s) for s in range(12)), key=lambda v: v.pitch_hz)
    low, high = (
        speak(random_sentence(1), v, prosody("neutral", 1), np.random.default_rng(0))[0]
        for v in (voices[0], voices[-1])
    )
    assert voices[-1].pitch_hz > 1.6 * voices[0].pitch_hz
    assert _statistics(high)[0] > _statistics(low)[0] + 0.3


def test_emotions_are_heard_in_new_voices():
    def hear(voice_seed: int) -> np.ndarray:
        return np.array(
            [
                _statistics(clip(e, seed=10 * voice_seed + k, voice_seed=voice_seed).wave)
                for k, e in enumerate(BASIC_EMOTIONS)
            ]
        )

    known = np.array([hear(v) for v in range(6)])  # [voices, emotions, statistics]
    new = np.array([hear(v) for v in range(100, 106)])
    centres = known.mean(axis=0)
    spread = np.sqrt(((known - centres) ** 2).mean(axis=(0, 1)))
    gaps = (((new[:, :, None] - centres) / spread) ** 2).sum(axis=-1)
    hits = gaps.argmin(axis=-1) == np.arange(len(BASIC_EMOTIONS))
    assert hits.mean() > 0.6


def test_levels_grow_and_neutral_is_the_origin():
    for emotion in BASIC_EMOTIONS[1:]:
        sizes = [np.linalg.norm(mean_expression(emotion, level)) for level in LEVELS]
        assert 0.4 < sizes[0] < sizes[1] < sizes[2]
        changes = [abs(np.log(prosody(emotion, level).pitch)) for level in LEVELS]
        assert changes[0] < changes[1] < changes[2]
    assert not mean_expression("neutral").any()
    with pytest.raises(ValueError, match="no emotion"):
        mean_expression("bored")
    with pytest.raises(ValueError, match="level is one of"):
        prosody("happy", 4)


@pytest.mark.parametrize("emotion", ["sarcastic", "charismatic"])
def test_extended_emotions_are_mixtures_with_something_of_their_own(emotion):
    basis = np.stack([mean_expression(e) for e in BASIC_EMOTIONS[1:]], axis=1)
    face = mean_expression(emotion)
    shares, *_ = np.linalg.lstsq(basis, face, rcond=None)
    rest = np.linalg.norm(face - basis @ shares) / np.linalg.norm(face)
    assert 0.02 < rest < 0.5
    assert min(np.linalg.norm(face - mean_expression(e)) for e in BASIC_EMOTIONS) > 0.4


def test_expression_tracks_are_smooth_and_vary():
    track = sample_expression("neutral", 2, 200, 25, np.random.default_rng(0))
    assert track.shape == (200, 14)
    assert track.dtype == np.float32
    assert track.std(axis=0).max() > 0.01
    assert np.abs(np.diff(track, axis=0)).max() < 0.05
    other = sample_expression("neutral", 2, 200, 25, np.random.default_rng(1))
    assert np.abs(track.mean(axis=0) - other.mean(axis=0)).max() > 0.03


def test_a_clip_takes_another_expression_track():
    sad, happy = clip("sad", seconds=1.0), clip("happy", seconds=1.0)
    edited = sad.with_expression(happy.expression)
    assert np.array_equal(edited.wave, sad.wave)
    assert np.array_equal(edited.pose, sad.pose)
    assert np.abs(edited.frame(10, 64).astype(float) - sad.frame(10, 64)).mean() > 1
    with pytest.raises(ValueError, match="expected a track"):
        sad.with_expression(happy.expression[:-1])


def _statistics(wave: np.ndarray) -> np.ndarray:
    """[9] plain measurements: pitch (mean, spread, slope, unrest), loudness, timbre, pace."""
    hop, size, rate_hz = 160, 1024, 16000
    frames = np.lib.stride_tricks.sliding_window_view(wave, size)[::hop]
    power = np.abs(np.fft.rfft(frames * np.hanning(size), 2 * size, axis=1)) ** 2
    energy = np.sqrt((frames[:, 256:-256] ** 2).mean(axis=1) + 1e-10)
    shortest = rate_hz // 620
    echo = np.fft.irfft(power, axis=1)[:, :290]
    lag = echo[:, shortest:].argmax(axis=1) + shortest
    periodic = echo[np.arange(len(lag)), lag] / np.maximum(echo[:, 0], 1e-9)
    voiced = (periodic > 0.45) & (energy > 0.15 * energy.max())
    pitch, at = np.log(rate_hz / lag[voiced]), np.flatnonzero(voiced) / len(lag)
    near = np.abs(pitch - np.median(pitch)) < 0.6  # leaves out jumps by an octave
    pitch, at = pitch[near], at[near]
    slope = np.polyfit(at, pitch, 1)[0]
    spectrum = power[energy > 0.3 * energy.max()].sum(axis=0)
    freq = np.fft.rfftfreq(2 * size, 1 / rate_hz)
    share = spectrum / spectrum.sum()
    beat = np.abs(np.fft.rfft((np.log(energy) - np.log(energy).mean()) * np.hanning(len(energy))))
    beat_hz = np.fft.rfftfreq(len(energy), hop / rate_hz)
    pace = (beat_hz > 1) & (beat_hz < 12)
    return np.array(
        [
            pitch.mean(),
            (pitch - slope * at).std(),
            slope,
            np.abs(np.diff(pitch)).mean(),
            20 * np.log10(np.sqrt((wave**2).mean()) + 1e-6),
            10 * np.log10(share[freq > 2000].sum()),
            10 * np.log10(share[freq < 500].sum()),
            periodic[voiced].mean(),
            (beat_hz * beat)[pace].sum() / beat[pace].sum(),
        ]
    )
