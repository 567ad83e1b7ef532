"""What connectors are judged by, on ones whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cmet_cli.backends.edtalk.connector import Connector, ConnectorConfig
from cmet_cli.lab.evaluation.connector_judge import (
    Judged,
    alignment,
    emotion_centres,
    measure,
    nearest_centroid_accuracy,
    opposition,
    predict_clips,
)
from cmet_cli.lab.evaluation.hard_world import Hardness, HardWorld
from cmet_cli.lab.layout import ClipKey
from cmet_cli.lab.training.clip_features import ClipFeatures
from cmet_cli.lab.training.gain import Trial, predict
from cmet_cli.lab.training.pairs import PairBatch, SamplingConfig

SIZES = ConnectorConfig(width=16, layers=1, heads=2, feedforward=16, speech_dim=128, positions=64)


class Counting(torch.nn.Module):
    """Adds one to the window before: shows whose answer is fed back."""

    config = SIZES

    def forward(self, reference, speech, neutral):
        return reference + 1


class Known(torch.nn.Module):
    """Answers with the first ten numbers of the speech difference, plus a constant; its tokens are
    the codes and the speech themselves."""

    config = SIZES
    exp_encoder = None

    def __init__(self, constant: float = 0.0) -> None:
        super().__init__()
        self.constant = constant

    def forward(self, reference, speech, neutral):
        return speech[..., :10].expand_as(neutral) + self.constant

    def tokens(self, reference, speech, neutral):
        return reference, speech[..., :10], neutral

    def code_tokens(self, encoder, codes):
        return codes


@pytest.fixture(scope="module")
def judged() -> Judged:
    world = HardWorld(Hardness(people=6, judged=3, clips=1, frames=10), 1)
    return Judged.of(world.training(), world.held_out(), SamplingConfig((1, 3), (1, 3)), 2, 1, 1)


def test_all_at_once_is_one_by_one(judged):
    torch.manual_seed(0)
    connector = Connector(SIZES).eval()
    together, apart = (f(connector, judged.trials) for f in (predict_clips, predict))
    assert len(together) == len(judged.trials)
    for a, b in zip(together, apart, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_a_window_is_given_the_answer_for_the_one_before(judged):
    for delta in predict_clips(Counting(), judged.trials):
        assert delta[:, 0].tolist() == [1] * 5 + [2] * 5


def test_the_nearest_emotion_is_the_one_the_codes_move_to():
    centres = {"happy": np.ones(10), "sad": -np.ones(10)}
    still = np.zeros((4, 10), np.float32)
    trials = [Trial(e, still, np.zeros(3), np.zeros(10)) for e in ("happy", "sad", "sarcastic")]
    towards = [np.full((4, 10), v) for v in (0.5, 0.5, 0.5)]
    assert nearest_centroid_accuracy(trials, towards, centres) == 0.5


def test_centres_are_of_the_strongest_showing():
    def clip(level: int, value: float) -> ClipFeatures:
        codes = np.full((3, 10), value, np.float32)
        return ClipFeatures(ClipKey("1", "angry", level, 1), codes, np.zeros(2, np.float32))

    centres = emotion_centres([clip(1, 9), clip(3, 1), clip(3, 2)])
    assert list(centres) == ["angry"]
    np.testing.assert_allclose(centres["angry"], 1.5)


def test_what_turns_round_is_opposite(judged):
    assert opposition(Known(), judged.pairs) == pytest.approx(1.0, abs=1e-5)
    assert opposition(Known(constant=1e4), judged.pairs) == pytest.approx(-1.0, abs=1e-3)


def test_tokens_that_agree_find_their_own():
    """Codes that are the speech, and codes that are its opposite."""
    rng = np.random.default_rng(0)
    speech = torch.from_numpy(rng.standard_normal((8, 2, 128)).astype(np.float32))
    emotions = torch.stack([torch.arange(8), (torch.arange(8) + 1) % 8], dim=1)
    codes = speech[:, :, None, :10].expand(-1, -1, 2 * SIZES.window, -1)
    same, turned = (PairBatch(c, c, speech, emotions) for c in (codes, -codes))
    assert alignment(Known(), [same], 8) == 1.0
    assert alignment(Known(), [turned], 8) == 0.0


def test_pairs_of_the_same_emotions_count_as_found():
    rng = np.random.default_rng(0)
    speech = torch.from_numpy(rng.standard_normal((8, 2, 128)).astype(np.float32))
    codes = -speech[:, :, None, :10].expand(-1, -1, 2 * SIZES.window, -1)
    emotions = torch.tensor([[0, 1]]).repeat(8, 1)
    assert alignment(Known(), [PairBatch(codes, codes, speech, emotions)], 8) == 1.0


def test_every_measure_is_a_number_in_range(judged):
    torch.manual_seed(0)
    found = measure(Connector(SIZES), judged)
    assert 0 <= found["accuracy"] <= 1
    assert 0 <= found["alignment"] <= 1
    for name in ("cosine_basic", "cosine_extended", "opposition"):
        assert -1 <= found[name] <= 1
    assert 0.3 < judged.ceiling() <= 1
