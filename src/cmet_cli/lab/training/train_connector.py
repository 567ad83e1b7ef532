"""Training the C-MET connector as the paper has it: both directions of a pair in every step."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from ...backends.edtalk.connector import Connector, ConnectorConfig
from ...errors import CheckpointError, UsageError
from ...media.files import atomic_path
from ...options import Progress, no_progress
from ..avatar.emotions import BASIC_EMOTIONS
from .loop import LOSS, TrainConfig, fingerprint, train
from .losses import (
    LossConfig,
    contrastive_loss,
    direction_loss,
    pair_labels,
    reconstruction_loss,
)
from .pairs import FeatureBank, PairBatch, SamplingConfig

CONFIG_FILE, WEIGHTS_FILE = "connector.json", "connector.safetensors"
PUBLISHED_SCHEDULE = TrainConfig(
    steps=200_000,
    batch=128,
    learning_rate=1e-4,
    weight_decay=1e-5,
    betas=(0.9, 0.999),
    schedule="constant",
    clip_norm=0.0,
    seed=42,
    log_every=50,
    checkpoint_every=2000,
)
MINI_SCHEDULE = TrainConfig(
    steps=1500,
    batch=64,
    learning_rate=1e-3,
    weight_decay=1e-4,
    schedule="cosine",
    decay_from=0.3,
    warmup_steps=100,
    ema_decay=0.998,
    seed=42,
    log_every=50,
    checkpoint_every=500,
)


@dataclass(frozen=True)
class ConnectorTraining:
    """Everything that decides a run. The defaults are the published ones."""

    model: ConnectorConfig = field(default_factory=ConnectorConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    losses: LossConfig = field(default_factory=LossConfig)
    schedule: TrainConfig = PUBLISHED_SCHEDULE
    #: Shares of pairs whose reference is zeros, as at a clip's start, or the network's own
    #: prediction for the window before; the rest get the true deltas of that window.
    zero_reference: float = 0.25
    predicted_reference: float = 0.25


def published_training(speech_dim: int = 1024, seed: int = 42) -> ConnectorTraining:
    """The published settings, for features of any width."""
    return ConnectorTraining(
        model=ConnectorConfig(speech_dim=speech_dim),
        schedule=dataclasses.replace(PUBLISHED_SCHEDULE, seed=seed),
    )


def mini_training(speech_dim: int, seed: int = 42) -> ConnectorTraining:
    """The mini model's settings: minutes on a CPU, and at ease with single clips of any voice."""
    return ConnectorTraining(
        model=ConnectorConfig(
            width=96, layers=2, heads=4, feedforward=256, speech_dim=speech_dim, positions=64
        ),
        sampling=SamplingConfig(
            speech_samples=(1, 10),
            own_window=True,
            by_level=True,
            neutral_share=0.5,
            other_voice=0.5,
        ),
        losses=LossConfig("l2", "pairs", "plain"),
        schedule=dataclasses.replace(MINI_SCHEDULE, seed=seed),
        zero_reference=0.3,
        predicted_reference=0.4,
    )


class ConnectorObjective:
    """The loss of one step; an instance is the loop's ``loss_fn``."""

    def __init__(
        self,
        connector: Connector,
        bank: FeatureBank,
        config: ConnectorTraining,
        device: torch.device | None = None,
    ) -> None:
        self.connector, self.bank, self.config = connector, bank, config
        self._device = device or torch.device("cpu")

    def __call__(self, step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        config = self.config
        window, batch = config.model.window, config.schedule.batch
        pairs = self.bank.draw(rng, batch, window, config.sampling).to(self._device)
        return self.losses(pairs, torch.from_numpy(rng.random(batch)).to(self._device))

    def losses(self, pairs: PairBatch, choice: Tensor) -> dict[str, Tensor]:
        """choice ``[B]`` in 0..1 decides each pair's reference. -> ``loss`` and its parts."""
        config, t = self.config.losses, self.config.model.window
        source, target = pairs.codes[:, 0, t:], pairs.codes[:, 1, t:]  # [B, T, 10] each
        speech = (pairs.speech[:, 1] - pairs.speech[:, 0])[:, None]  # [B, 1, D]
        reference = self._reference(pairs, speech, choice)
        tokens = self.connector.tokens(
            torch.cat([reference, -reference]),
            torch.cat([speech, -speech]),
            pairs.shown[:, :, t:].transpose(0, 1).flatten(0, 1),  # inputs, then targets
        )
        forward, backward = self.connector.fuse(*tokens).float().chunk(2)
        delta = target - source
        recon = reconstruction_loss(forward, delta, config.reconstruction)
        recon = recon + reconstruction_loss(backward, -delta, config.reconstruction)
        contrast = self._contrast(tokens[1].float(), tokens[2].float(), pairs.emotions)
        opposite = direction_loss(forward, backward, config.direction)
        loss = recon + config.lambda_contrast * contrast + config.lambda_direction * opposite
        cosine = torch.nn.functional.cosine_similarity(forward, delta, dim=-1).mean()
        return {
            LOSS: loss,
            "recon": recon,
            "contrast": contrast,
            "direction": opposite,
            "cosine": cosine.detach(),
        }

    def _reference(self, pairs: PairBatch, speech: Tensor, choice: Tensor) -> Tensor:
        """Deltas of the window before ``[B, T, 10]``: zeros, predicted, or true."""
        zero, predicted = self.config.zero_reference, self.config.predicted_reference
        before = pairs.codes[:, :, : self.config.model.window]  # [B, 2, T, 10]
        reference = before[:, 1] - before[:, 0]
        shown = pairs.shown[:, 0, : self.config.model.window]
        if predicted > 0:
            training = self.connector.training
            self.connector.eval()
            with torch.no_grad():
                own = self.connector(torch.zeros_like(reference), speech, shown)
            self.connector.train(training)
            take = (choice < zero + predicted)[:, None, None]
            reference = torch.where(take, own.to(reference.dtype), reference)
        return reference * (choice >= zero)[:, None, None]

    def _contrast(self, audio: Tensor, visual: Tensor, emotions: Tensor) -> Tensor:
        """Differences of visual tokens against audio tokens, both directions. -> scalar.

        audio ``[2B, 1, W]``, visual ``[2B, T, W]``: inputs first, targets after them. A window's
        frames share one audio token, so their mean is compared with it.
        """
        config = self.config.losses
        source, target = visual.mean(dim=1).chunk(2)
        difference = torch.cat([target - source, source - target])
        labels = None
        if config.contrast == "labels":
            both_ways = torch.cat([emotions, emotions.flip(1)])
            labels = pair_labels(both_ways, len(self.bank.emotions))
        return contrastive_loss(difference, audio[:, 0], config.temperature, labels)


def train_connector(
    bank: FeatureBank,
    config: ConnectorTraining,
    run_dir: Path,
    progress: Progress = no_progress,
    *,
    device: torch.device | None = None,
    stop_at: int | None = None,
) -> Connector:
    """Train a connector on a bank of basic emotions, going on with what ``run_dir`` holds.

    ``run_dir`` gets checkpoint, log, curves, the configuration and, at the end of a whole run,
    ``connector.safetensors``. Raises :class:`UsageError` where data and sizes do not fit.
    """
    held_out = sorted(set(bank.emotions) - set(BASIC_EMOTIONS))
    if held_out:
        raise UsageError(f"not for training, kept for judging: {', '.join(held_out)}")
    if bank.speech_dim != config.model.speech_dim:
        raise UsageError(
            f"speech features have {bank.speech_dim} numbers, the connector is to take "
            f"{config.model.speech_dim}"
        )
    _claim(run_dir, config)
    with torch.random.fork_rng():
        torch.manual_seed(config.schedule.seed)
        connector = Connector(config.model)
    objective = ConnectorObjective(connector, bank, config, device)
    train(
        connector,
        objective,
        config.schedule,
        run_dir,
        progress,
        stage="connector",
        stop_at=stop_at,
        device=device,
        learned_from=fingerprint(*bank.tables),
    )
    if stop_at is None or stop_at >= config.schedule.steps:
        save_connector(connector, run_dir / WEIGHTS_FILE)
    return connector


def save_connector(connector: Connector, path: Path, *, half: bool = False) -> None:
    """Write the weights as safetensors under their published names; ``half``: in float16."""
    state: Mapping[str, Tensor] = connector.state_dict()
    kept = {
        name: (t.half() if half and t.is_floating_point() else t).detach().cpu().contiguous()
        for name, t in state.items()
    }
    with atomic_path(path, overwrite=True) as temporary:
        save_file(kept, temporary, metadata={"format": "pt"})


def _claim(run_dir: Path, config: ConnectorTraining) -> None:
    """Note a run's configuration; refuse to go on with a run of another one, and to begin one
    among files that are no run's."""
    run_dir.mkdir(parents=True, exist_ok=True)
    path, mine = run_dir / CONFIG_FILE, dataclasses.asdict(config)
    if not path.is_file() and (others := sorted(p.name for p in run_dir.iterdir())):
        raise UsageError(
            f"{run_dir} holds files that are no run's ({others[0]})", "give another folder"
        )
    for free in ("log_every", "checkpoint_every"):
        mine["schedule"].pop(free)
    text = json.dumps(mine, indent=2) + "\n"
    if path.is_file() and path.read_text("utf-8") != text:
        raise CheckpointError(
            f"{run_dir} holds a run with another configuration",
            "use another run folder, or delete this one",
        )
    path.write_text(text, "utf-8")
