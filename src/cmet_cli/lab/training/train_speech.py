"""Training the speech encoder: an utterance feature from which emotion and prosody are read.

The heads that read it are thrown away. Loudness is part of the message in this world unless the
recordings are levelled, so the same levelling is done here as ``speech/mini.py`` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...emotion.speech.speechnet import SpeechNet, SpeechNetConfig
from ...media.mel import CLIP, MEL_FRAMES_PER_S
from ...options import Progress, no_progress
from ..avatar.emotions import EMOTIONS
from .loop import TrainConfig, train
from .voices import MEL_PER_DB, Speech

LEVEL_DB = -21.94  # of speech/mini.py's TARGET_RMS

MINI_NETWORK = SpeechNetConfig()
SCHEDULE = TrainConfig(
    steps=1200,
    batch=48,
    learning_rate=2e-3,
    warmup_steps=30,
    weight_decay=0.02,
    ema_decay=0.995,
    seed=3,
)


@dataclass(frozen=True)
class SpeechConfig:
    """Sizes, schedule and the weights of the losses."""

    network: SpeechNetConfig = MINI_NETWORK
    train: TrainConfig = SCHEDULE
    #: Shortest and longest crop.
    crop_s: tuple[float, float] = (1.5, 4.0)
    #: Bring every clip to one loudness; without, keep it, and only jitter it by ``gain_db``.
    level: bool = True
    gain_db: float = 1.0
    #: Spread of a random equaliser: a slope over the bands, at the top one, in dB.
    tilt_db: float = 2.0
    #: Most bands, and columns, blanked at random.
    blanked: tuple[int, int] = (8, 20)
    prosody: float = 0.3
    #: Pulls clips of one emotion and level together, whoever speaks.
    compact: float = 0.1
    label_smoothing: float = 0.05


def levelled(speech: Speech, config: SpeechConfig) -> np.ndarray:
    """The mel pictures as the encoder is to see them. float32 ``[n, 80, T]``."""
    mel = speech.mel.astype(np.float32)
    if config.level:
        mel += MEL_PER_DB * (LEVEL_DB - speech.loudness_db)[:, None, None]
    return mel.clip(-CLIP, CLIP)


class SpeechHeads(nn.ModuleDict):
    """The encoder and what reads it in training: emotion, and prosody with the level in it."""

    def __init__(self, config: SpeechNetConfig, prosody_dim: int) -> None:
        super().__init__(
            {
                "encoder": SpeechNet(config),
                "emotion": nn.Linear(config.dim, len(EMOTIONS)),
                "prosody": nn.Linear(config.dim, prosody_dim),
            }
        )


class SpeechLoss:
    """Cross entropy of the emotion, squared error of the prosody, spread inside a class."""

    def __init__(self, heads: SpeechHeads, speech: Speech, config: SpeechConfig) -> None:
        self.heads, self.speech, self.config = heads, speech, config
        self.mel = levelled(speech, config)
        mean, spread = speech.prosody.mean(0), speech.prosody.std(0) + 1e-6
        self.style = torch.from_numpy((speech.prosody - mean) / spread)

    def __call__(self, step: int, rng: np.random.Generator) -> Mapping[str, Tensor]:
        config, heads = self.config, self.heads
        at = rng.integers(len(self.mel), size=config.train.batch)
        feature = heads["encoder"](self._crops(at, rng)).float()
        logits, emotion = heads["emotion"](feature), torch.from_numpy(self.speech.emotion[at])
        cross = F.cross_entropy(logits, emotion, label_smoothing=config.label_smoothing)
        style = (heads["prosody"](feature) - self.style[at]).square().mean()
        kind = emotion * 4 + torch.from_numpy(self.speech.level[at])
        member = F.one_hot(kind, 4 * len(EMOTIONS)).float()  # [B, kinds]
        centres = (member.t() @ feature) / member.sum(0).clamp_min(1)[:, None]
        away = (feature - centres[kind]).square().mean()
        compact = away / feature.var(0).mean().clamp_min(1e-6)
        with torch.no_grad():
            hit = (logits.argmax(1) == emotion).float().mean()
        total = cross + config.prosody * style + config.compact * compact
        return {"loss": total, "emotion": cross, "prosody": style, "compact": compact, "hit": hit}

    def _crops(self, at: np.ndarray, rng: np.random.Generator) -> Tensor:
        """One length for the whole batch, a gain, a slope and blanks per clip. ``[B, 80, t]``."""
        config, bands = self.config, self.mel.shape[1]
        length = int(rng.uniform(*config.crop_s) * MEL_FRAMES_PER_S)
        length = min(length, self.mel.shape[2])
        slope = np.linspace(-1, 1, bands, dtype=np.float32)[:, None]
        crops = []
        for clip in at:
            start = int(rng.integers(self.mel.shape[2] - length + 1))
            change = config.gain_db * rng.normal() + config.tilt_db * rng.normal() * slope
            crop = self.mel[clip, :, start : start + length] + np.float32(MEL_PER_DB) * change
            for axis, most in enumerate(config.blanked):
                width = int(rng.integers(most + 1))
                first = int(rng.integers(crop.shape[axis] - width + 1))
                crop[(slice(None),) * axis + (slice(first, first + width),)] = crop.mean()
            crops.append(crop.astype(np.float32))
        return torch.from_numpy(np.stack(crops)).clamp(-CLIP, CLIP)


def train_speech(
    speech: Speech, config: SpeechConfig, run_dir: Path, progress: Progress = no_progress
) -> SpeechNet:
    """The speech encoder, resumable. Its feature is scaled to unit variance over the speech."""
    torch.manual_seed(config.train.seed)
    heads = SpeechHeads(config.network, speech.prosody.shape[1])
    loss = SpeechLoss(heads, speech, config)
    train(heads, loss, config.train, run_dir, progress, stage="speech")
    network = cast(SpeechNet, heads["encoder"])
    features = speech_features(network, speech, config)
    with torch.no_grad():
        centre, scale = features.mean(0), features.var(0).sum().sqrt()
        network.out.weight.div_(scale / features.shape[1] ** 0.5)
        network.out.bias.sub_(centre).div_(scale / features.shape[1] ** 0.5)
    return network


@torch.inference_mode()
def speech_features(network: SpeechNet, speech: Speech, config: SpeechConfig) -> Tensor:
    """Features of whole clips, float32 ``[n, dim]``."""
    mel = torch.from_numpy(levelled(speech, config))
    return torch.cat([network(part).float() for part in mel.split(32)]).clone()


@dataclass(frozen=True, eq=False)
class Heard:
    """Features of clips float32 ``[n, dim]`` and the number of each one's emotion ``[n]``."""

    features: Tensor
    emotion: np.ndarray


def difference_accuracy(
    known: Heard, heard: Heard, rng: np.random.Generator, neutral: int = 0
) -> float:
    """Share of single-clip differences whose emotion is the nearest of the known ones.

    A difference is one emotional clip's feature minus one neutral clip's of any voice. The known
    directions are class means of ``known``; the differences are of ``heard``.
    """
    names = [e for e in np.unique(known.emotion) if e != neutral]
    base = known.features[known.emotion == neutral].mean(0)
    centres = torch.stack([known.features[known.emotion == e].mean(0) - base for e in names])
    others = np.flatnonzero(heard.emotion != neutral)
    neutrals = rng.choice(np.flatnonzero(heard.emotion == neutral), len(others))
    difference = F.normalize(heard.features[others] - heard.features[neutrals], dim=1)
    nearest = (difference @ F.normalize(centres, dim=1).t()).argmax(1).numpy()
    return float(np.mean(np.array(names)[nearest] == heard.emotion[others]))
