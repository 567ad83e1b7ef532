"""A small speech emotion encoder, sound to utterance feature: the mini model's emotion2vec."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

POOL_EPS = 1e-5


@dataclass(frozen=True)
class SpeechNetConfig:
    """channels: widths of the convolution stages, each halving the time; dim: of the feature.

    tracks: of :mod:`.tracks` that are heard with the mel, which is then taken about its mean over
    time; 0 to hear the mel alone, as it is.
    """

    mel_bands: int = 80
    tracks: int = 0
    channels: tuple[int, ...] = (96, 128, 160, 192)
    dim: int = 128


class SpeechNet(nn.Module):
    """What is heard, ``[B, mel_bands + tracks, T]``, T >= 16 -> utterance feature ``[B, dim]``.

    Convolutions over time, then mean and spread over time: an emotion shows in both.
    """

    def __init__(self, config: SpeechNetConfig | None = None) -> None:
        super().__init__()
        c = self.config = config or SpeechNetConfig()
        widths = (c.mel_bands + c.tracks, *c.channels)
        self.stages = nn.ModuleList(
            nn.Sequential(nn.Conv1d(a, b, 5, stride=2, padding=2), nn.BatchNorm1d(b), nn.GELU())
            for a, b in pairwise(widths)
        )
        self.out = nn.Linear(2 * widths[-1], c.dim)

    def forward(self, heard: Tensor) -> Tensor:
        x = heard
        for stage in self.stages:
            x = stage(x)
        mean, spread = x.mean(-1), (x.var(-1, unbiased=False) + POOL_EPS).sqrt()
        return self.out(F.normalize(torch.cat([mean, spread], dim=-1)) * x.shape[1] ** 0.5)
