"""One supervised training loop for every network: schedule, average, log, exact resume.

What a step draws at random depends on the seed and the step's number alone, so a resumed run is
the run that was never stopped: bit for bit on a CPU; a GPU adds in whatever order comes.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from ...errors import CheckpointError, CmetError
from ...media.files import atomic_path
from ...options import Progress, no_progress
from .curves import write_curves

CHECKPOINT_FILE = "checkpoint.pt"
LOG_FILE = "log.jsonl"
CURVES_FILE = "curves.png"
LOSS = "loss"  # the entry of a step's dict that is minimised
EMA_WARMUP_STEPS = 10

#: ``loss_fn(step, rng)``: a dict of scalars; entry ``loss`` is minimised, the others are logged.
LossFunction = Callable[[int, np.random.Generator], Mapping[str, Tensor]]


@dataclass(frozen=True)
class TrainConfig:
    """How long and how fast. Every schedule is in steps, never in minutes."""

    steps: int = 1000
    #: Examples per step; for the loss function to read.
    batch: int = 32
    learning_rate: float = 1e-3
    #: ``cosine`` holds the rate up to ``decay_from`` of the steps, then falls to ``final_rate``.
    schedule: Literal["constant", "cosine"] = "cosine"
    decay_from: float = 0.5
    #: Last learning rate as a share of the first.
    final_rate: float = 0.02
    warmup_steps: int = 0
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.99)
    #: Longest allowed gradient, 0 for any.
    clip_norm: float = 1.0
    #: Decay of the running average of the weights, 0 for none.
    ema_decay: float = 0.0
    #: Compute under bfloat16 autocast; weights, optimiser and losses stay float32.
    bf16: bool = False
    seed: int = 0
    log_every: int = 20
    checkpoint_every: int = 200


def learning_rate(config: TrainConfig, step: int) -> float:
    """The rate of a step, 0-based."""
    rate = config.learning_rate * min(1.0, (step + 1) / (config.warmup_steps + 1))
    start = config.decay_from * config.steps
    if config.schedule == "constant" or step < start:
        return rate
    done = (step - start) / max(1.0, config.steps - start)
    fall = 0.5 * (1 + math.cos(math.pi * done))
    return rate * (config.final_rate + (1 - config.final_rate) * fall)


def fingerprint(*parts: Any) -> str:
    """Of what is learned from, and how: arrays by their content, all else as it is written out.
    Of a :class:`TrainConfig` nothing counts here (see ``_check_same``)."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype} {part.shape}".encode() + part.tobytes())
        elif dataclasses.is_dataclass(part):
            for item in dataclasses.fields(part):
                value = getattr(part, item.name)
                if not isinstance(value, TrainConfig):
                    digest.update(f"{item.name}={value!r};".encode())
        else:
            digest.update(repr(part).encode())
    return digest.hexdigest()


def train(
    module: nn.Module,
    loss_fn: LossFunction,
    config: TrainConfig,
    run_dir: Path,
    progress: Progress = no_progress,
    *,
    stage: str = "train",
    rates: Mapping[str, float] | None = None,
    stop_at: int | None = None,
    device: torch.device | None = None,
    learned_from: str = "",
) -> nn.Module:
    """Train ``module`` in place, resuming what ``run_dir`` holds; returns it in evaluation mode.

    module: every weight that changes (bundle several in a ModuleDict). run_dir: gets a checkpoint,
    a JSONL log and a PNG of the curves. rates: factors on the learning rate by the prefix of a
    parameter's name. stop_at: leave early after this step, to be resumed. learned_from: a
    :func:`fingerprint` of data and settings, which a run that is resumed must share. On return the
    module holds the averaged weights, where the config asks for an average. Raises
    :class:`CmetError` when the loss is no longer a number or ``run_dir`` holds another run.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    module.to(device or torch.device("cpu")).train()
    run = _Run(module, config, run_dir, rates or {}, learned_from)
    run.load()
    end = run.end = config.steps if stop_at is None else min(stop_at, config.steps)
    kind = (device or torch.device("cpu")).type
    with torch.random.fork_rng(), (run_dir / LOG_FILE).open("a", encoding="utf-8") as log:
        while run.step < end:
            values = run.advance(loss_fn, kind)
            if run.step % config.log_every == 0 or run.step == end:
                log.write(json.dumps(values) + "\n")
                log.flush()
                progress(stage, run.step, config.steps)
            if run.step % config.checkpoint_every == 0 or run.step == end:
                run.save()
    write_curves(read_log(run_dir), run_dir / CURVES_FILE)
    if run.average:
        module.load_state_dict(run.average)
    return module.eval()


def read_log(run_dir: Path) -> list[dict[str, float]]:
    """The logged steps, in order; a line cut short by a crash is dropped."""
    path, entries = run_dir / LOG_FILE, []
    for line in path.read_text("utf-8").splitlines() if path.is_file() else ():
        try:
            entries.append(json.loads(line))
        except ValueError:
            continue
    return entries


class _Run:
    """Everything that a checkpoint holds."""

    def __init__(
        self,
        module: nn.Module,
        config: TrainConfig,
        run_dir: Path,
        rates: Mapping[str, float],
        learned_from: str = "",
    ) -> None:
        self.module, self.config, self.folder = module, config, run_dir
        self.learned_from = learned_from
        self.step, self.end = 0, config.steps
        groups: dict[float, list[nn.Parameter]] = {}
        for name, parameter in module.named_parameters():
            if parameter.requires_grad:
                factor = next((f for p, f in rates.items() if name.startswith(p)), 1.0)
                groups.setdefault(factor, []).append(parameter)
        self.trained = [p for parameters in groups.values() for p in parameters]
        self.on_gpu = any(p.is_cuda for p in self.trained)
        self.optimizer = torch.optim.AdamW(
            [{"params": p, "factor": f} for f, p in groups.items()],
            lr=config.learning_rate,
            betas=config.betas,
            weight_decay=config.weight_decay,
            fused=True if self.on_gpu else None,
        )
        self.average: dict[str, Tensor] = {}
        self._averaged: tuple[list[Tensor], list[Tensor]] = [], []
        if config.ema_decay:
            live = self.module.state_dict()  # shares the memory that the optimiser changes
            self.average = {name: t.detach().clone() for name, t in live.items()}
            smooth = [name for name, t in live.items() if t.is_floating_point()]
            self._averaged = [self.average[n] for n in smooth], [live[n] for n in smooth]
            self._counts = [(self.average[n], live[n]) for n in live if n not in smooth]

    def advance(self, loss_fn: LossFunction, kind: str) -> dict[str, float]:
        """One step: -> what the log shows of it."""
        config, step = self.config, self.step
        rate = learning_rate(config, step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        seeds = np.random.SeedSequence([config.seed, step]).generate_state(2)
        torch.manual_seed(int(seeds[0]))
        with torch.autocast(kind, torch.bfloat16, enabled=config.bf16):
            losses = loss_fn(step, np.random.default_rng(int(seeds[1])))
        loss = losses[LOSS]
        shown = self._due(config.log_every)
        # A GPU is not waited for at every step; weights that a bad loss has spoilt give another.
        looked_at = not self.on_gpu or shown or self._due(config.checkpoint_every)
        if looked_at:
            self._check_finite("loss", loss)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.trained, config.clip_norm or math.inf)
        if looked_at:  # before it is in the weights, and they in a checkpoint
            self._check_finite("gradient", norm)
        self.optimizer.step()
        self.step += 1
        self._update_average()
        if not shown:
            return {"step": self.step}  # not worth waiting for the numbers
        values = {name: float(value.detach()) for name, value in losses.items()}
        return {"step": self.step, **values, "rate": rate, "norm": float(norm)}

    def _due(self, every: int) -> bool:
        """Whether something is done every so many steps and at the last, after the step to come."""
        return (self.step + 1) % every == 0 or self.step + 1 == self.end

    def _check_finite(self, what: str, value: Tensor) -> None:
        if not torch.isfinite(value):
            raise CmetError(
                f"{self.folder}: the {what} of step {self.step} is {float(value.detach())}",
                "lower the learning rate; the last checkpoint is intact",
            )

    @torch.no_grad()
    def _update_average(self) -> None:
        if not self.average:
            return
        decay = min(self.config.ema_decay, (1 + self.step) / (EMA_WARMUP_STEPS + self.step))
        torch._foreach_lerp_(*self._averaged, 1 - decay)
        for mine, live in self._counts:
            mine.copy_(live)

    def save(self) -> None:
        """Write the checkpoint under a temporary name, then put it in place."""
        state = {
            "step": self.step,
            "config": dataclasses.asdict(self.config),
            "learned_from": self.learned_from,
            "module": self.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average,
        }
        with atomic_path(self.folder / CHECKPOINT_FILE, overwrite=True) as temporary:
            torch.save(state, temporary)

    def load(self) -> None:
        """Take over the folder's checkpoint, if there is one of the same configuration."""
        path = self.folder / CHECKPOINT_FILE
        kept = []
        if path.is_file():
            try:
                self._take_over(path)
            except CheckpointError:
                raise
            except Exception as error:  # a damaged file raises anything
                raise CheckpointError(
                    f"{path}: damaged, or no checkpoint of a run ({type(error).__name__})",
                    "delete it to begin the run again",
                ) from error
            kept = [entry for entry in read_log(self.folder) if entry["step"] <= self.step]
        text = "".join(json.dumps(entry) + "\n" for entry in kept)
        (self.folder / LOG_FILE).write_text(text, encoding="utf-8")

    def _take_over(self, path: Path) -> None:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        self._check_same(state["config"], path)
        if state.get("learned_from", "") != self.learned_from:
            raise CheckpointError(
                f"{path}: has learned from other data, or with other settings",
                "use another run folder, or delete this one",
            )
        self.module.load_state_dict(state["module"])
        self.optimizer.load_state_dict(state["optimizer"])
        for name, value in state["average"].items():
            self.average[name].copy_(value)
        self.step = state["step"]

    def _check_same(self, theirs: Mapping[str, Any], path: Path) -> None:
        mine = dataclasses.asdict(self.config)
        free = ("log_every", "checkpoint_every")
        other = [k for k in mine if k not in free and mine[k] != theirs.get(k)]
        if other:
            listed = ", ".join(f"{k} {theirs.get(k)} there, {mine[k]} here" for k in other)
            raise CheckpointError(
                f"{path}: was made with another configuration ({listed})",
                "use another run folder, or delete this one",
            )
