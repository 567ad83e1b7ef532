"""The paper's ablation of the losses: reconstruction, + contrastive, + direction.

Every seed has people of its own (:mod:`.hard_world`); on them three connectors are trained that
differ in their losses alone: same features, same pairs, same first weights. So the settings are
compared seed by seed. Judged is on people and voices that no training met.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ...errors import CheckpointError, UsageError
from ...media.files import atomic_path
from ...options import Progress, no_progress
from ..training.losses import LossConfig
from ..training.pairs import FeatureBank, SamplingConfig
from ..training.train_connector import ConnectorTraining, mini_training, train_connector
from .connector_judge import MEASURES, Judged, measure
from .hard_world import Hardness, HardWorld
from .paired import Paired, compare

RECON, CONTRAST, DIRECTION = "recon", "recon + contrastive", "recon + contrastive + direction"
#: What each setting leaves out. The other weights are the paper's.
SETTINGS: dict[str, tuple[str, ...]] = {
    RECON: ("lambda_contrast", "lambda_direction"),
    CONTRAST: ("lambda_direction",),
    DIRECTION: (),
}
#: The losses as the paper prints them, and as its published code has them. The weights are the
#: same, but the code's reconstruction is a mean over numbers where the paper's is a sum over
#: frames, so that the other losses weigh far more there.
Forms = Literal["paper", "code"]
FORMS: dict[Forms, LossConfig] = {
    "paper": LossConfig("l2", "pairs", "plain", lambda_contrast=0.1, lambda_direction=0.05),
    "code": LossConfig("focal", "labels", "squared", lambda_contrast=0.1, lambda_direction=0.05),
}
#: What is compared with what, and how it is called.
COMPARED = {
    "contrastive": (RECON, CONTRAST),
    "direction": (CONTRAST, DIRECTION),
    "both": (RECON, DIRECTION),
}
RESULTS_FILE, PLAN_FILE = "ablation.json", "plan.json"


@dataclass(frozen=True)
class AblationPlan:
    """steps: of each connector; seeds: three connectors each; trials: edits judged per emotion;
    pair_batches: of 64 pairs each, for alignment and opposition; forms: of the losses."""

    steps: int = 400
    seeds: tuple[int, ...] = (1, 2, 3, 4, 5)
    trials: int = 100
    pair_batches: int = 16
    forms: Forms = "paper"
    world: Hardness = field(default_factory=Hardness)

    def __post_init__(self) -> None:
        if self.steps < 1 or self.trials < 1 or len(set(self.seeds)) < 2:
            raise UsageError("an ablation needs a step, a trial and two seeds at least")

    @property
    def sampling(self) -> SamplingConfig:
        """The paper's way of drawing pairs, levels mixed, but of few clips a side."""
        return SamplingConfig(self.world.averaged, self.world.averaged)

    def losses(self, setting: str) -> LossConfig:
        full = FORMS[self.forms]
        return LossConfig(**{**asdict(full), **dict.fromkeys(SETTINGS[setting], 0.0)})

    def training(self, setting: str, speech_dim: int, seed: int) -> ConnectorTraining:
        """The mini's size and schedule; losses and references as the paper has them."""
        config, published = mini_training(speech_dim, seed), ConnectorTraining()
        return replace(
            config,
            sampling=self.sampling,
            losses=self.losses(setting),
            schedule=replace(config.schedule, steps=self.steps),
            zero_reference=published.zero_reference,
            predicted_reference=published.predicted_reference,
        )


def ablate(run_dir: Path, plan: AblationPlan, progress: Progress = no_progress) -> dict[str, Any]:
    """-> what ``ablation.json`` in ``run_dir`` then holds: every figure of every connector under
    ``settings``, :class:`.paired.Paired` under ``differences``, the judge's own accuracy under
    ``ceiling``.

    A stopped run goes on where it was. Raises :class:`CheckpointError` where ``run_dir`` holds one
    with other people, losses or lengths.
    """
    _claim(run_dir, plan)
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in SETTINGS}
    ceiling = []
    for seed in plan.seeds:
        world = HardWorld(plan.world, seed)
        training = world.training()
        bank = FeatureBank(training)
        drawn = (plan.sampling, plan.trials, plan.pair_batches, seed)
        judged = Judged.of(training, world.held_out(), *drawn)
        ceiling.append(judged.ceiling())
        for name, done in rows.items():
            config = plan.training(name, bank.speech_dim, seed)
            place = run_dir / f"{name.replace(' + ', '-')}-{seed}"
            done.append(measure(train_connector(bank, config, place, progress), judged))
    results = {
        "forms": plan.forms,
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


def _claim(run_dir: Path, plan: AblationPlan) -> None:
    """Note what a folder's connectors learn from and by; refuse other people and other losses."""
    run_dir.mkdir(parents=True, exist_ok=True)
    path = run_dir / PLAN_FILE
    text = json.dumps({"forms": plan.forms, "world": asdict(plan.world)}, indent=1) + "\n"
    if path.is_file() and path.read_text("utf-8") != text:
        raise CheckpointError(
            f"{run_dir} holds an ablation with other people or losses", "use another run folder"
        )
    with atomic_path(path, overwrite=True) as part:
        part.write_text(text, "utf-8")
