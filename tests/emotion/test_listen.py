"""Speech that no connector was trained for drives the face by way of names."""

from __future__ import annotations

import numpy as np
import pytest

from cmet_cli.emotion.hearing import Heard, together
from cmet_cli.emotion.listen import ConnectorListener, Ear, NamingListener
from cmet_cli.emotion.presets import Known, Presets, preset_of
from cmet_cli.emotion.speech_prompt import SpeechPrompt
from cmet_cli.errors import UsageError
from cmet_cli.media.clock import Timeline
from cmet_cli.media.probe import probe_video
from cmet_cli.options import no_progress
from cmet_cli.weights.folder import Weights

DIM = 4
AXES = {"happy": 0, "sad": 1, "desirous": 2}


class Silent:
    dim, name = DIM, "ear"

    def feature(self, wave):
        raise AssertionError("everything here is a saved feature")


class Held:
    """A change of one expression number."""

    def __init__(self, value):
        self.value = value

    def delta(self, codes, timeline):
        return np.full_like(codes, self.value)


@pytest.fixture
def ear(tmp_path):
    known = [Known(preset_of("neutral", np.zeros((1, DIM), np.float32), "ear", ""), "published")]
    for name, axis in AXES.items():
        mean = np.eye(DIM, dtype=np.float32)[[axis]]
        known.append(Known(preset_of(name, mean, "ear", ""), "published"))
    return Ear(Silent, Presets(known, "ear"), Weights(tmp_path))


@pytest.fixture
def prompt(tmp_path):
    def make(*vector):
        target, start = tmp_path / "t.npy", tmp_path / "n.npy"
        np.save(target, np.array(vector, np.float32))
        np.save(start, np.zeros(DIM, np.float32))
        return SpeechPrompt.of(target, start)

    return make


FACES = {"happy": Held(1.0), "sad": Held(10.0)}
CODES = np.zeros((3, 1), np.float32)
TIMES = Timeline(np.arange(3) / 25)


def change(asked):
    return asked.source.delta(CODES, TIMES)[0, 0]


def test_what_is_heard_becomes_a_mixture_of_what_the_model_can_show(ear, prompt, talking):
    listener = NamingListener(ear, FACES.__getitem__, set(FACES))
    info = probe_video(talking)
    plain = listener.listen(prompt(3, 0, 0, 0), info, no_progress)
    assert change(plain) == pytest.approx(1, abs=0.01)
    assert plain.heard.shares[0] == ("happy", pytest.approx(1, abs=0.01))
    both = listener.listen(prompt(1, 1, 0, 0), info, no_progress)
    assert change(both) == pytest.approx(5.5, abs=0.1)
    # A name that the model cannot show takes no part.
    longing = listener.listen(prompt(0.2, 0.1, 1, 0), info, no_progress)
    assert {name for name, _ in longing.heard.shares} == {"happy", "sad"}


def test_a_model_that_shares_no_name_says_so(ear, prompt, talking):
    listener = NamingListener(ear, FACES.__getitem__, set())
    with pytest.raises(UsageError, match="no name that this model can show"):
        listener.listen(prompt(1, 0, 0, 0), probe_video(talking), no_progress)


def test_the_paper_s_way_takes_the_difference_itself(ear, prompt, talking):
    class Connector:
        speech_dim, gain = DIM, 2.0

        def predict(self, expression, speech):
            return np.full_like(expression, speech.sum())

    listener = ConnectorListener(ear, Connector(), own_ear=True)
    asked = listener.listen(prompt(3, 0, 0, 0), probe_video(talking), no_progress)
    assert change(asked) == pytest.approx(6)
    assert asked.heard.sure
    assert not asked.warnings
    unsure = listener.listen(prompt(1, 1, 1, 1), probe_video(talking), no_progress)
    assert "guess" in unsure.warnings[0]
    assert listener.shown("sad").delta(CODES, TIMES)[0, 0] == pytest.approx(2)


def test_several_recordings_are_told_as_one():
    one = Heard((("happy", 0.9), ("sad", 0.1)), (("happy", 0.8), ("sad", 0.0)))
    other = Heard((("sad", 0.7), ("happy", 0.3)), (("sad", 0.4), ("happy", 0.2)), unlike=True)
    both = together([one, Heard(), other])
    assert both.shares == (("happy", 0.6), ("sad", 0.4))
    assert both.likeness == (("happy", 0.5), ("sad", 0.2))
    assert both.unlike
    assert together([Heard(), one]) == one
    assert together([]) == Heard()
