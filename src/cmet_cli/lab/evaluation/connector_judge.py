"""How good a connector is, on people and voices that its training did not meet, in code space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...backends.edtalk.connector import Connector, ConnectorConfig
from ..avatar.emotions import BASIC_EMOTIONS, EXTENDED_EMOTIONS
from ..training.clip_features import ClipFeatures
from ..training.gain import Trial, cosines, draw_trials
from ..training.losses import pair_labels
from ..training.pairs import FeatureBank, PairBatch, SamplingConfig

MEASURES = ("accuracy", "cosine_basic", "cosine_extended", "alignment", "opposition")
PAIR_BATCH = 64
WINDOW = ConnectorConfig().window


@dataclass(frozen=True, eq=False)
class Judged:
    """What connectors of one seed are judged by: edits as users make them, pairs as in training,
    and mean codes of the emotions at their strongest."""

    trials: Sequence[Trial]
    pairs: Sequence[PairBatch]
    n_emotions: int
    centres: dict[str, np.ndarray]

    @classmethod
    def of(
        cls,
        training: Sequence[ClipFeatures],
        held_out: Sequence[ClipFeatures],
        sampling: SamplingConfig,
        per_emotion: int,
        pair_batches: int,
        seed: int,
    ) -> Judged:
        """sampling: of the pairs; per_emotion: how many edits; pair_batches: of 64 pairs each."""
        bank = FeatureBank([c for c in held_out if c.key.emotion in BASIC_EMOTIONS])
        rng = np.random.default_rng([seed, 0x1DA5])
        pairs = [bank.draw(rng, PAIR_BATCH, WINDOW, sampling) for _ in range(pair_batches)]
        trials = draw_trials(held_out, per_emotion, seed)
        return cls(trials, pairs, len(bank.emotions), emotion_centres(training))

    def ceiling(self) -> float:
        """Accuracy of the person's own true mean change: what the judge can do."""
        true = [np.broadcast_to(t.change, t.codes.shape) for t in self.trials]
        return nearest_centroid_accuracy(self.trials, true, self.centres)


def nearest_centroid_accuracy(
    trials: Sequence[Trial], deltas: Sequence[np.ndarray], centres: dict[str, np.ndarray]
) -> float:
    """Share of edits whose mean code lies nearest to the asked emotion's training mean."""
    right = []
    for trial, delta in zip(trials, deltas, strict=True):
        if trial.emotion in centres:
            mean = (trial.codes + delta).mean(0)
            nearest = min(centres, key=lambda e: float(np.linalg.norm(centres[e] - mean)))
            right.append(nearest == trial.emotion)
    return float(np.mean(right))


def emotion_centres(clips: Sequence[ClipFeatures]) -> dict[str, np.ndarray]:
    """Mean code of every basic emotion at its strongest level."""
    centres = {}
    for emotion in BASIC_EMOTIONS:
        shown = [c for c in clips if c.key.emotion == emotion]
        strongest = max((c.key.level for c in shown), default=0)
        codes = [c.codes.mean(0) for c in shown if c.key.level == strongest]
        if codes:
            centres[emotion] = np.mean(codes, axis=0)
    return centres


def measure(connector: Connector, judged: Judged) -> dict[str, float]:
    """One figure per entry of ``MEASURES``.

    accuracy: in code space; cosine_basic, cosine_extended: of the change with the person's true
    one; alignment, opposition: what the contrastive and the direction loss ask for, on strangers.
    """
    connector.eval()
    deltas = predict_clips(connector, judged.trials)
    by_emotion = cosines(judged.trials, deltas)
    return {
        "accuracy": nearest_centroid_accuracy(judged.trials, deltas, judged.centres),
        "cosine_basic": _mean(by_emotion, BASIC_EMOTIONS),
        "cosine_extended": _mean(by_emotion, EXTENDED_EMOTIONS),
        "alignment": alignment(connector, judged.pairs, judged.n_emotions),
        "opposition": opposition(connector, judged.pairs),
    }


def _mean(values: dict[str, float], names: Sequence[str]) -> float:
    return float(np.mean([values[n] for n in names if n in values]))


@torch.no_grad()
def predict_clips(connector: Connector, trials: Sequence[Trial]) -> list[np.ndarray]:
    """As :meth:`Connector.predict_clip`, all trials at once; their clips are equally long and a
    whole number of windows. float32 ``[n, 10]`` each."""
    codes = torch.from_numpy(np.stack([t.codes for t in trials]))  # [trials, n, 10]
    speech = torch.from_numpy(np.stack([t.speech for t in trials]))[:, None]
    reference = torch.zeros_like(codes[:, : connector.config.window])
    parts = []
    for window in codes.split(connector.config.window, dim=1):
        reference = connector(reference, speech, window)
        parts.append(reference)
    return list(torch.cat(parts, dim=1).numpy())


def _sides(pairs: PairBatch, window: int) -> tuple[Tensor, Tensor, Tensor]:
    """Speech differences ``[B, 1, D]``, codes of the input and of the target ``[B, T, 10]``."""
    speech = (pairs.speech[:, 1] - pairs.speech[:, 0])[:, None]
    return speech, pairs.shown[:, 0, window:], pairs.shown[:, 1, window:]


@torch.no_grad()
def opposition(connector: Connector, batches: Sequence[PairBatch]) -> float:
    """Minus the cosine of i→j and j→i, each as at a clip's start: 1 where they are opposite."""
    found = []
    for pairs in batches:
        speech, source, target = _sides(pairs, connector.config.window)
        still = torch.zeros_like(source)
        there, back = connector(still, speech, source), connector(still, -speech, target)
        found.append(-float(F.cosine_similarity(there, back, dim=-1).mean()))
    return float(np.mean(found))


@torch.no_grad()
def alignment(connector: Connector, batches: Sequence[PairBatch], n_emotions: int) -> float:
    """How often a difference of visual tokens finds, as its nearest audio token in a batch, one
    that goes from and to the same two emotions; of 64, a random one does in 0.033."""
    found = []
    for pairs in batches:
        speech, source, target = _sides(pairs, connector.config.window)
        _, audio, first = connector.tokens(torch.zeros_like(source), speech, source)
        second = connector.code_tokens(connector.exp_encoder, target)
        visual = F.normalize((second - first).mean(dim=1), dim=-1)
        nearest = (visual @ F.normalize(audio[:, 0], dim=-1).T).argmax(dim=1)
        labels = pair_labels(pairs.emotions, n_emotions)
        found.append(float((labels[nearest] == labels).float().mean()))
    return float(np.mean(found))
