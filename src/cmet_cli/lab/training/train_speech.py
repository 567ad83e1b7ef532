"""Training the speech encoder: a feature whose differences say which emotion, and how much.

It learns on what an edit takes: one emotional sentence's feature less a neutral one's, of the same
speaker, of somebody else, or of both together, named by its cosine with each emotion's direction as
``emotion/hearing.py`` names it. The heads that read the differences are thrown away.
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

from ...emotion.hearing import TEMPERATURE
from ...emotion.speech.mini import about_own_mean
from ...emotion.speech.speechnet import SpeechNet, SpeechNetConfig
from ...emotion.speech.tracks import TRACKS
from ...media.mel import CLIP
from ...media.mel_windows import MEL_FRAMES_PER_S
from ...options import Progress, no_progress
from ..avatar.emotions import EMOTIONS
from .loop import TrainConfig, fingerprint, train
from .voices import MEL_PER_DB
from .wild_voices import NEUTRALS, WildSpeech

MINI_NETWORK = SpeechNetConfig(tracks=TRACKS)
SCHEDULE = TrainConfig(
    steps=4000,
    batch=48,
    learning_rate=2e-3,
    warmup_steps=30,
    weight_decay=0.02,
    ema_decay=0.995,
    seed=3,
)
PER_SPEAKER = 3  # of a batch: one neutral sentence, two emotional ones


@dataclass(frozen=True)
class SpeechConfig:
    """Sizes, schedule and the weights of the losses."""

    network: SpeechNetConfig = MINI_NETWORK
    train: TrainConfig = SCHEDULE
    #: Shortest and longest crop.
    crop_s: tuple[float, float] = (1.4, 3.2)
    gain_db: float = 0.5
    #: Spread of a random slope over the bands, at the top one.
    tilt_db: float = 1.5
    #: Most bands, and columns, blanked at random.
    blanked: tuple[int, int] = (8, 20)
    #: How often a track is left out.
    track_lost: float = 0.08
    #: How often a difference starts at the same speaker's neutral, and at the mean of two
    #: speakers'; else it starts at somebody else's.
    starts: tuple[float, float] = (0.35, 0.35)
    style: float = 0.3
    #: Pulls neutral features together, whoever speaks.
    speaker: float = 0.3
    label_smoothing: float = 0.05


class SpeechHeads(nn.ModuleDict):
    """The encoder and what reads its differences in training: emotion, and style with the level."""

    def __init__(self, config: SpeechNetConfig, style_dim: int) -> None:
        super().__init__(
            {
                "encoder": SpeechNet(config),
                "emotion": nn.Linear(config.dim, len(EMOTIONS) - 1, bias=False),
                "style": nn.Linear(config.dim, style_dim),
            }
        )


class SpeechLoss:
    """Cross entropy of the difference's emotion, squared error of its style, spread of neutrals."""

    def __init__(self, heads: SpeechHeads, speech: WildSpeech, config: SpeechConfig) -> None:
        self.heads, self.speech, self.config = heads, speech, config
        spread = speech.style.reshape(-1, speech.style.shape[-1]).std(0) + 1e-6
        self.style = torch.from_numpy(speech.style / spread)

    def __call__(self, step: int, rng: np.random.Generator) -> Mapping[str, Tensor]:
        config, heads = self.config, self.heads
        count, sentences = self.speech.emotion.shape
        who = rng.choice(count, min(count, config.train.batch // PER_SPEAKER), replace=False)
        acted = [NEUTRALS + rng.permutation(sentences - NEUTRALS)[:2] for _ in who]
        said = np.column_stack([rng.integers(NEUTRALS, size=len(who)), np.stack(acted)])
        at = np.repeat(who, PER_SPEAKER), said.reshape(-1)
        feature = heads["encoder"](self._crops(*at, rng)).float()
        feature = feature.view(len(who), PER_SPEAKER, -1)
        own, others = feature[:, :1], feature[:, :1].roll(1, 0)
        emotion = torch.from_numpy(self.speech.emotion[who[:, None], said][:, 1:].reshape(-1) - 1)
        difference = feature[:, 1:] - self._start(own, others, rng)
        logits = self._likeness(difference.flatten(0, 1)) / TEMPERATURE
        cross = F.cross_entropy(logits, emotion, label_smoothing=config.label_smoothing)
        asked = self.style[torch.from_numpy(who)[:, None], torch.from_numpy(said)]
        found = heads["style"](feature[:, 1:] - own)
        style = (found - (asked[:, 1:] - asked[:, :1])).square().mean()
        size = feature.flatten(0, 1).var(0).sum().clamp_min(1e-6)
        speaker = (own - others).square().sum(-1).mean() / (2 * size)
        with torch.no_grad():
            hit = (logits.argmax(1) == emotion).float().mean()
        total = cross + config.style * style + config.speaker * speaker
        return {"loss": total, "emotion": cross, "style": style, "speaker": speaker, "hit": hit}

    def _start(self, own: Tensor, others: Tensor, rng: np.random.Generator) -> Tensor:
        """Where each speaker's differences start. ``[B, 1, dim]`` each."""
        drawn = torch.from_numpy(rng.random((len(own), 1, 1)))
        same, both = self.config.starts
        return torch.where(
            drawn < same, own, torch.where(drawn < same + both, 0.5 * (own + others), others)
        )

    def _likeness(self, difference: Tensor) -> Tensor:
        """Cosines ``[B, 9]`` with the emotions' directions."""
        directions = F.normalize(cast(nn.Linear, self.heads["emotion"]).weight, dim=1)
        return F.normalize(difference, dim=1) @ directions.t()

    def _crops(self, who: np.ndarray, said: np.ndarray, rng: np.random.Generator) -> Tensor:
        """One length for the whole batch; gain, slope and blanks per clip. ``[B, 80 + 9, t]``."""
        config, columns = self.config, self.speech.mel.shape[-1]
        length = min(int(rng.uniform(*config.crop_s) * MEL_FRAMES_PER_S), columns)
        mels, tracks = [], []
        for speaker, sentence in zip(who, said, strict=True):
            start = int(rng.integers(columns - length + 1))
            piece = (speaker, sentence, slice(None), slice(start, start + length))
            mel = self.speech.mel[piece].astype(np.float32)
            track = self.speech.tracks[piece].astype(np.float32)
            self._disturb(mel, track, rng)
            mels.append(mel)
            tracks.append(track)
        heard = torch.from_numpy(np.stack(mels)).clamp(-CLIP, CLIP)
        if not config.network.tracks:
            return heard
        return torch.cat([about_own_mean(heard), torch.from_numpy(np.stack(tracks))], dim=1)

    def _disturb(self, mel: np.ndarray, tracks: np.ndarray, rng: np.random.Generator) -> None:
        """In place: mel ``[80, t]``, tracks ``[9, t]``."""
        config, (bands, length) = self.config, mel.shape
        slope = np.linspace(-1, 1, bands, dtype=np.float32)[:, None]
        change = config.gain_db * rng.normal() + config.tilt_db * rng.normal() * slope
        mel += np.float32(MEL_PER_DB) * change
        most_bands, most_columns = config.blanked
        mel[_stretch(bands, most_bands, rng)] = mel.mean()
        gone = _stretch(length, most_columns, rng)
        mel[:, gone], tracks[:, gone] = mel.mean(), 0
        tracks[rng.random(len(tracks)) < config.track_lost] = 0


def _stretch(length: int, most: int, rng: np.random.Generator) -> slice:
    """Up to ``most`` of ``length`` places in a row."""
    width = int(rng.integers(min(most, length) + 1))
    first = int(rng.integers(length - width + 1))
    return slice(first, first + width)


def train_speech(
    speech: WildSpeech, config: SpeechConfig, run_dir: Path, progress: Progress = no_progress
) -> SpeechNet:
    """The speech encoder, resumable. Its feature is scaled to unit variance over the speech."""
    torch.manual_seed(config.train.seed)
    heads = SpeechHeads(config.network, speech.style.shape[-1])
    loss = SpeechLoss(heads, speech, config)
    data = fingerprint(config, speech.emotion, speech.style)
    train(heads, loss, config.train, run_dir, progress, stage="speech", learned_from=data)
    network = cast(SpeechNet, heads["encoder"])
    features = speech_features(network, speech).flatten(0, 1)
    with torch.no_grad():
        centre, scale = features.mean(0), features.var(0).sum().sqrt()
        network.out.weight.div_(scale / features.shape[1] ** 0.5)
        network.out.bias.sub_(centre).div_(scale / features.shape[1] ** 0.5)
    return network


@torch.inference_mode()
def speech_features(network: SpeechNet, speech: WildSpeech) -> Tensor:
    """Features of whole clips, float32 ``[n, sentences, dim]``."""
    features = []
    for mel, tracks in zip(speech.mel, speech.tracks, strict=True):
        heard = torch.from_numpy(mel).float()
        if network.config.tracks:
            heard = torch.cat([about_own_mean(heard), torch.from_numpy(tracks).float()], dim=1)
        features.append(network(heard).float())
    return torch.stack(features).clone()


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
