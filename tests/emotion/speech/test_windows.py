"""Long speech in windows: what is heard, what is left out, and what it takes."""

from __future__ import annotations

import numpy as np
import pytest
import standin
from hypothesis import given, settings
from hypothesis import strategies as st

from cmet_cli.emotion.speech.clips import clip_feature
from cmet_cli.emotion.speech.emotion2vec import Emotion2vec
from cmet_cli.emotion.speech.encoder import CachingEncoder
from cmet_cli.emotion.speech.windows import WINDOW_SAMPLES, speech_windows, utterance_feature
from cmet_cli.errors import MediaError

HZ = 16_000


def voice(seconds: float, seed: int = 0) -> np.ndarray:
    """Noise as loud as a voice, with a pause of 0.3 s every 3 s."""
    rng = np.random.default_rng(seed)
    wave = 0.1 * rng.standard_normal(int(seconds * HZ))
    wave[np.arange(wave.size) % (3 * HZ) > 2.7 * HZ] *= 1e-4
    return wave.astype(np.float32)


class Recorder:
    """An encoder whose feature is the window's mean square, and which keeps what it heard."""

    dim, name = 1, "recorder"

    def __init__(self):
        self.heard = []

    def feature(self, wave):
        self.heard.append(wave)
        return np.array([np.mean(np.square(wave, dtype=np.float64))], np.float32)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    folder = standin.write_speech_folder(
        tmp_path_factory.mktemp("speech"), embed_dim=64, depth=1, prenet_depth=1
    )
    return Emotion2vec(folder)


@pytest.mark.parametrize("seconds", [1.0, 19.9, 20.0])
def test_speech_of_up_to_a_window_gives_the_published_feature_unchanged(encoder, seconds):
    wave = voice(seconds)
    wave[HZ // 2 : HZ * 3 // 4] = 0  # a silence is part of it too
    whole = encoder.feature(wave)
    assert np.array_equal(utterance_feature(encoder, [wave]), whole)
    assert np.array_equal(utterance_feature(encoder, np.array_split(wave, 7)), whole)


def test_long_speech_is_never_heard_in_one_piece():
    recorder = Recorder()
    wave = voice(61)
    utterance_feature(recorder, [wave])
    assert len(recorder.heard) >= 4
    assert max(w.size for w in recorder.heard) <= WINDOW_SAMPLES
    assert np.array_equal(np.concatenate(recorder.heard), wave)  # and all of it is heard


def test_windows_are_averaged_by_their_length():
    recorder = Recorder()
    wave = voice(50)
    wave[30 * HZ :] *= 2
    feature = utterance_feature(recorder, [wave])
    assert feature == pytest.approx([np.mean(np.square(wave, dtype=np.float64))], rel=1e-4)
    plain = np.mean([np.mean(np.square(w)) for w in recorder.heard])
    assert len({w.size for w in recorder.heard}) > 1
    assert feature != pytest.approx([plain], rel=1e-3)


def test_cuts_are_at_quiet_places():
    windows = list(speech_windows([voice(100)]))
    for window in windows[1:]:
        assert np.abs(window[:160]).max() < 1e-3
    assert np.abs(voice(100)).max() > 0.1


def test_silence_is_skipped():
    """Ten minutes with 40 s of voice in them are heard as about 40 s."""
    wave = np.zeros(600 * HZ, np.float32)
    wave[100 * HZ : 120 * HZ] = 0.1 * np.sin(np.arange(20 * HZ) / 10)
    wave[400 * HZ : 420 * HZ] = 0.1 * np.sin(np.arange(20 * HZ) / 10)
    heard = sum(w.size for w in speech_windows([wave])) / HZ
    assert 40 <= heard < 42


def test_room_noise_far_below_the_voice_is_silence():
    rng = np.random.default_rng(0)
    wave = (1e-4 * rng.standard_normal(120 * HZ)).astype(np.float32)
    wave[: 30 * HZ] = voice(30)
    assert sum(w.size for w in speech_windows([wave])) < 32 * HZ


@settings(max_examples=25, deadline=None)
@given(
    seconds=st.floats(0.5, 75),
    cuts=st.lists(st.floats(0, 1), max_size=6),
    seed=st.integers(0, 3),
)
def test_windows_do_not_depend_on_how_the_sound_arrives(seconds, cuts, seed):
    wave = voice(seconds, seed)
    whole = list(speech_windows([wave]))
    places = sorted(int(cut * wave.size) for cut in cuts)
    parts = list(speech_windows(np.split(wave, places)))
    assert [w.size for w in whole] == [w.size for w in parts]
    assert all(np.array_equal(a, b) for a, b in zip(whole, parts, strict=True))
    assert all(0 < w.size <= WINDOW_SAMPLES for w in whole)


@pytest.mark.parametrize(
    ("wave", "words"),
    [
        (np.zeros(0, np.float32), "0.00 s"),
        (np.ones(1600, np.float32), "0.10 s"),
        (np.full(HZ, 1e-4, np.float32), "silent"),
        (np.full(90 * HZ, 1e-4, np.float32), "silent"),
        (np.full(HZ, np.nan, np.float32), "NaN"),
        (np.full(60 * HZ, -np.inf, np.float32), "NaN or infinite"),
    ],
)
def test_what_is_no_speech_is_told(wave, words):
    with pytest.raises(MediaError, match=words):
        utterance_feature(Recorder(), [wave])


def test_a_sound_is_heard_once_however_often_it_comes():
    recorder = Recorder()
    caching = CachingEncoder(recorder)
    first = utterance_feature(caching, [voice(45)])
    count = len(recorder.heard)
    assert np.array_equal(utterance_feature(caching, [voice(45)]), first)
    assert len(recorder.heard) == count
    caching.feature(voice(1)[::2])  # not contiguous
    assert len(recorder.heard) == count + 1


def test_a_long_recording_goes_through_the_windows(make_media):
    """The way every caller takes; and errors name the file."""
    recorder = Recorder()
    clip = make_media("long.wav", "-f lavfi -i anoisesrc=d=45:a=0.1:r=16000:seed=1 -ac 1")
    clip_feature(recorder, clip)
    assert len(recorder.heard) >= 3
    silent = make_media("silent45.wav", "-f lavfi -i anullsrc=r=16000 -t 45")
    with pytest.raises(MediaError, match=r"silent45.wav: silent"):
        clip_feature(recorder, silent)
