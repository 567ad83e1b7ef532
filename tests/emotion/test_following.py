"""Speech whose emotion is followed over time."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest

from cmet_cli.emotion.following import (
    STEP_S,
    VaryingMixture,
    VaryingSpeech,
    hear_over_time,
)
from cmet_cli.errors import MediaError
from cmet_cli.media.clock import Timeline
from cmet_cli.media.program import bundled_ffmpeg
from cmet_cli.options import no_progress


class Loudness:
    dim, name = 1, "loudness"

    def feature(self, wave):
        return np.array([np.abs(wave).max()], np.float32)


def sound(tmp_path, expression, seconds):
    path = tmp_path / "s.wav"
    source = f"aevalsrc={expression}:s=16000:d={seconds}"
    command = [bundled_ffmpeg(), "-loglevel", "error", "-f", "lavfi", "-i", source, str(path)]
    subprocess.run(command, check=True)
    return path


def test_windows_move_over_the_recording(tmp_path):
    # Silent for three seconds, then a tone.
    path = sound(tmp_path, "0.5*sin(2500*t)*gt(t\\,3)", 6)
    heard = hear_over_time(path, Loudness(), no_progress)
    assert np.allclose(np.diff(heard.times_s), STEP_S)
    assert heard.times_s[0] == pytest.approx(1.0)
    assert not heard.voiced[heard.times_s < 2].any()
    assert heard.voiced[heard.times_s > 2.5].all()
    assert heard.features[-1, 0] == pytest.approx(0.5, abs=0.01)


def test_a_short_recording_is_one_window(tmp_path):
    heard = hear_over_time(sound(tmp_path, "0.5*sin(2500*t)", 0.7), Loudness(), no_progress)
    assert heard.times_s.tolist() == pytest.approx([0.35])


def test_silence_is_told(tmp_path):
    with pytest.raises(MediaError, match="silent"):
        hear_over_time(sound(tmp_path, "0", 1), Loudness(), no_progress)


CODES = np.zeros((5, 2), np.float32)
TIMES = Timeline(np.array([0.0, 1.0, 2.0, 3.0, 4.0]), grid_hz=1)


def test_a_vector_for_each_moment():
    class Connector:
        speech_dim, gain = 1, 1.0

        def predict(self, expression, speech):
            return np.repeat(speech, expression.shape[1], 1)

    vectors = np.array([[0.0], [2.0]], np.float32)
    change = VaryingSpeech(Connector(), np.array([1.0, 3.0]), vectors).delta(CODES, TIMES)
    assert change[:, 0].tolist() == pytest.approx([0, 0, 1, 2, 2])


def test_shares_for_each_moment():
    class Held:
        def __init__(self, value):
            self.value = value

        def delta(self, codes, timeline):
            return np.full_like(codes, self.value)

    faces = {"happy": Held(1.0), "sad": Held(10.0)}
    shares = np.array([[1, 0], [0, 1]], np.float32)
    mixture = VaryingMixture(("happy", "sad"), faces.__getitem__, np.array([1.0, 3.0]), shares)
    assert mixture.delta(CODES, TIMES)[:, 0].tolist() == pytest.approx([1, 1, 5.5, 10, 10])


def test_a_stretch_is_followed_as_a_recording_is(tmp_path):
    path = sound(tmp_path, "if(lt(t\\,2)\\,0.1\\,0.8)*sin(2000*t)", 6)
    whole = hear_over_time(path, Loudness(), no_progress)
    part = hear_over_time(path.with_name(f"{path.name}@2-6"), Loudness(), no_progress)
    assert len(part.times_s) < len(whole.times_s)
    assert part.features.min() > 0.7
