"""EDTalk's visual encoder: a StyleGAN2-discriminator trunk giving a latent and a pyramid."""

from __future__ import annotations

import math
from itertools import pairwise

from torch import Tensor, nn

from .layers import Blur, EqualConv2d, ScaledLeakyReLU


class EncoderBlock(nn.Module):
    """Residual block that halves the picture. ``[B, in, H, W]`` -> ``[B, out, H/2, W/2]``."""

    def __init__(self, in_channels: int, out_channels: int, equalised: bool) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(
            EqualConv2d(in_channels, in_channels, 3, padding=1, equalised=equalised),
            ScaledLeakyReLU(in_channels),
        )
        self.conv2 = nn.Sequential(
            Blur((2, 2)),
            EqualConv2d(in_channels, out_channels, 3, stride=2, equalised=equalised),
            ScaledLeakyReLU(out_channels),
        )
        self.skip = nn.Sequential(
            Blur((1, 1)),
            EqualConv2d(in_channels, out_channels, 1, stride=2, equalised=equalised),
        )

    def forward(self, x: Tensor) -> Tensor:
        return (self.conv2(self.conv1(x)) + self.skip(x)) / math.sqrt(2.0)


class AppearanceEncoder(nn.Module):
    """Trunk from a picture to a latent and one feature map per scale.

    ``channels`` runs from the full size down to 4x4, e.g. 64 at 256x256 ... 512 at 4x4.
    """

    def __init__(self, channels: tuple[int, ...], latent_dim: int, equalised: bool = True) -> None:
        super().__init__()
        first = nn.Sequential(
            EqualConv2d(3, channels[0], 1, equalised=equalised), ScaledLeakyReLU(channels[0])
        )
        blocks = [EncoderBlock(a, b, equalised) for a, b in pairwise(channels)]
        last = EqualConv2d(channels[-1], latent_dim, 4, equalised=equalised)
        self.convs = nn.ModuleList([first, *blocks, last])

    def forward(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """``images [B, 3, S, S]`` in [-1, 1] -> latent ``[B, latent_dim]``, features 8² ... S²."""
        features = []
        x = images
        for stage in self.convs[:-1]:
            x = stage(x)
            features.append(x)
        latent = self.convs[-1](x).flatten(1)
        return latent, features[-2::-1]  # without the 4² map, smallest first
