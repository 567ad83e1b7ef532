"""The paper's ablation of the losses: reconstruction, + contrastive, + direction.

Every seed has people of its own (:mod:`.hard_world`); on them three connectors are trained that
differ in their losses alone: same features, same pairs, same first weights. So the settings are
compared seed by seed. Judged is on people and voices that no training met.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...backends.edtalk.connector import Connector
from ...errors import CheckpointError, UsageError
from ...media.files import atomic_path
from ...options import Progress, no_progress
from ..avatar.emotions import BASIC_EMOTIONS, EXTENDED_EMOTIONS
from ..training.clip_features import ClipFeatures
from ..training.gain import Trial, cosines, draw_trials
from ..training.losses import pair_labels
from ..training.pairs import FeatureBank, PairBatch, SamplingConfig
from ..training.train_connector import ConnectorTraining, mini_training, train_connector
from .hard_world import Hardness, HardWorld
from .paired import Paired, compare

RECON, CONTRAST, DIRECTION = "recon", "recon + contrastive", "recon + contrastive + direction"
#: Weights are the paper's; 0 leaves a loss out.
SETTINGS: dict[str, dict[str, float]] = {
    RECON: {"lambda_contrast": 0.0, "lambda_direction": 0.0},
    CONTRAST: {"lambda_direction": 0.0},
    DIRECTION: {},
}
#: What is compared with what, and how it is called.
COMPARED = {
    "contrastive": (RECON, CONTRAST),
    "direction": (CONTRAST, DIRECTION),
    "both": (RECON, DIRECTION),
}
MEASURES = ("accuracy", "cosine_basic", "cosine_extended", "alignment", "opposition")
RESULTS_FILE, WORLD_FILE = "ablation.json", "world.json"
PAIR_BATCHES, PAIR_BATCH = 16, 64


@dataclass(frozen=True)
class AblationPlan:
    """steps: of each connector; seeds: three connectors each; trials: edits judged per emotion."""

    steps: int = 800
    seeds: tuple[int, ...] = (1, 2, 3, 4, 5)
    trials: int = 100
    world: Hardness = field(default_factory=Hardness)

    def __post_init__(self) -> None:
        if self.steps < 1 or self.trials < 1 or len(set(self.seeds)) < 2:
            raise UsageError("an ablation needs a step, a trial and two seeds at least")

    def training(self, setting: str, speech_dim: int, seed: int) -> ConnectorTraining:
        """The mini's size and schedule, the paper's losses and way of drawing pairs, with few
        clips a side and levels mixed."""
        config = mini_training(speech_dim, seed)
        sampling = SamplingConfig(self.world.averaged, self.world.averaged)
        published = ConnectorTraining()
        return replace(
            config,
            sampling=sampling,
            losses=replace(config.losses, **SETTINGS[setting]),
            schedule=replace(config.schedule, steps=self.steps),
            zero_reference=published.zero_reference,
            predicted_reference=published.predicted_reference,
        )


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
        plan: AblationPlan,
        seed: int,
    ) -> Judged:
        bank = FeatureBank([c for c in held_out if c.key.emotion in BASIC_EMOTIONS])
        rng = np.random.default_rng([seed, 0x1DA5])
        window, drawn = ConnectorTraining().model.window, plan.training(RECON, 1, seed).sampling
        pairs = [bank.draw(rng, PAIR_BATCH, window, drawn) for _ in range(PAIR_BATCHES)]
        trials = draw_trials(held_out, plan.trials, seed)
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
    that goes from and to the same two emotions."""
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


def ablate(run_dir: Path, plan: AblationPlan, progress: Progress = no_progress) -> dict[str, Any]:
    """-> what ``ablation.json`` in ``run_dir`` then holds: every figure of every connector under
    ``settings``, :class:`.paired.Paired` under ``differences``, the judge's own accuracy under
    ``ceiling``.

    A stopped run goes on where it was. Raises :class:`CheckpointError` where ``run_dir`` holds one
    of another world or other lengths.
    """
    _claim(run_dir, plan.world)
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in SETTINGS}
    ceiling = []
    for seed in plan.seeds:
        world = HardWorld(plan.world, seed)
        training = world.training()
        bank = FeatureBank(training)
        judged = Judged.of(training, world.held_out(), plan, seed)
        ceiling.append(judged.ceiling())
        for name, done in rows.items():
            config = plan.training(name, bank.speech_dim, seed)
            place = run_dir / f"{name.replace(' + ', '-')}-{seed}"
            done.append(measure(train_connector(bank, config, place, progress), judged))
    results = {
        "steps": plan.steps,
        "seeds": list(plan.seeds),
        "world": asdict(plan.world),
        "ceiling": [round(value, 5) for value in ceiling],
        "settings": {
            name: {m: [round(row[m], 5) for row in done] for m in MEASURES}
            for name, done in rows.items()
        },
    }
    results["differences"] = {
        name: {m: asdict(p) for m, p in found.items()} for name, found in differences(rows).items()
    }
    with atomic_path(run_dir / RESULTS_FILE, overwrite=True) as part:
        part.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    return results


def differences(rows: dict[str, list[dict[str, float]]]) -> dict[str, dict[str, Paired]]:
    """Per comparison and measure, what the later setting changed."""
    return {
        name: {
            m: compare([row[m] for row in rows[old]], [row[m] for row in rows[new]])
            for m in MEASURES
        }
        for name, (old, new) in COMPARED.items()
    }


def table(results: dict[str, Any]) -> str:
    """Markdown: mean ± spread of every setting, then mean [95 % interval] of every difference, in
    bold where the interval leaves out nought."""
    lines = ["| | " + " | ".join(MEASURES) + " |", "|---" * (len(MEASURES) + 1) + "|"]
    for name, values in results["settings"].items():
        cells = (f"{np.mean(v):.3f} ± {np.std(v, ddof=1):.3f}" for v in values.values())
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines.append(f"| (the person's true change) | {np.mean(results['ceiling']):.3f} |" + " |" * 4)
    for name, found in results["differences"].items():
        cells = (_difference(Paired(**found[m])) for m in MEASURES)
        lines.append(f"| what {name} changes | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _difference(p: Paired) -> str:
    text = f"{p.mean:+.3f} [{p.low:+.3f}, {p.high:+.3f}]"
    return f"**{text}** {p.ahead}/{p.seeds}" if p.beyond_chance else f"{text} {p.ahead}/{p.seeds}"


def _claim(run_dir: Path, world: Hardness) -> None:
    """Note whose people a folder's connectors have learned from; refuse other people."""
    run_dir.mkdir(parents=True, exist_ok=True)
    path, text = run_dir / WORLD_FILE, json.dumps(asdict(world), indent=1) + "\n"
    if path.is_file() and path.read_text("utf-8") != text:
        raise CheckpointError(
            f"{run_dir} holds an ablation on other people", "use another run folder"
        )
    with atomic_path(path, overwrite=True) as part:
        part.write_text(text, "utf-8")
