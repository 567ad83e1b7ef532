"""EDTalk's decoder: warps the source face's features scale by scale and paints the frame.

What depends on the source picture alone is computed once per clip by ``prepare_source``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .layers import (
    EqualConv2d,
    ModulatedConv2d,
    ScaledLeakyReLU,
    UpsampleBlur,
    drawn,
    full_precision,
)

INSTANCE_NORM_EPS = 1e-5


@dataclass(frozen=True)
class SourceFeatures:
    """A source face ready to be animated, ``B`` = 1 or one per frame.

    latent: ``[B, latent_dim]``; features: per scale ``[B, C, s, s]``, smallest first;
    details: the same shapes, the normalised residual that the expression scales and shifts.
    """

    latent: Tensor
    features: tuple[Tensor, ...]
    details: tuple[Tensor, ...]

    @property
    def nbytes(self) -> int:
        return sum(t.nbytes for t in (self.latent, *self.features, *self.details))

    def chunks(self, sizes: list[int]) -> list[SourceFeatures]:
        """What so many pictures in turn are made from."""
        if len(self.latent) == 1:
            return [self] * len(sizes)
        latents = self.latent.split(sizes)
        features = zip(*(t.split(sizes) for t in self.features), strict=True)
        details = zip(*(t.split(sizes) for t in self.details), strict=True)
        return [SourceFeatures(*part) for part in zip(latents, features, details, strict=True)]

    @classmethod
    def together(cls, parts: Sequence[SourceFeatures]) -> SourceFeatures:
        """The way back."""
        features = zip(*(part.features for part in parts), strict=True)
        details = zip(*(part.details for part in parts), strict=True)
        return cls(
            together([part.latent for part in parts]),
            tuple(map(together, features)),
            tuple(map(together, details)),
        )


def together(parts: Sequence[Tensor]) -> Tensor:
    """Batches as one; a single one as it is."""
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))


class StyledConv(nn.Module):
    """Modulated 3x3 convolution, optional up-sampling by 2, then bias and leaky ReLU."""

    def __init__(
        self, in_channels: int, out_channels: int, latent_dim: int, upsample: bool, equalised: bool
    ) -> None:
        super().__init__()
        self.conv = ModulatedConv2d(
            in_channels, out_channels, 3, latent_dim, upsample=upsample, equalised=equalised
        )
        self.activate = ScaledLeakyReLU(out_channels)

    def forward(self, x: Tensor, latent: Tensor) -> Tensor:
        return self.activate(self.conv(x, latent))


class ExpressionNorm(nn.Module):
    """Scale and shift per channel, made from the expression latent."""

    def __init__(self, channels: int, latent_dim: int, hidden: int) -> None:
        super().__init__()
        self.mlp_shared = nn.Sequential(nn.Linear(latent_dim, hidden), nn.ReLU())
        self.mlp_gamma = nn.Linear(hidden, channels)
        self.mlp_beta = nn.Linear(hidden, channels)

    def forward(self, expression: Tensor) -> tuple[Tensor, Tensor]:
        """``[B, latent_dim]`` -> gamma, beta ``[B, C, 1, 1]``."""
        with full_precision(expression):
            hidden = self.mlp_shared(expression.float())
            return self.mlp_gamma(hidden)[..., None, None], self.mlp_beta(hidden)[..., None, None]


class FineExpressionBlock(nn.Module):
    """Adds the expression to one source feature map: ``x + IN(conv2(x)) * (1 + gamma) + beta``."""

    def __init__(self, channels: int, latent_dim: int, hidden: int) -> None:
        super().__init__()
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm2 = ExpressionNorm(channels, latent_dim, hidden)

    def detail(self, feature: Tensor) -> Tensor:
        """The part that depends on the source alone. Keeps the shape ``[B, C, s, s]``."""
        detail = F.instance_norm(self.conv2(feature).float(), eps=INSTANCE_NORM_EPS)
        return detail.to(feature.dtype)

    def forward(self, feature: Tensor, detail: Tensor, expression: Tensor) -> Tensor:
        gamma, beta = self.norm2(expression)
        return feature + detail * (1 + gamma).to(detail.dtype) + beta.to(detail.dtype)


class ToFlow(nn.Module):
    """Predicts the warp and the mask at one scale and blends the warped source into the trunk."""

    def __init__(self, channels: int, latent_dim: int, equalised: bool) -> None:
        super().__init__()
        self.conv = ModulatedConv2d(
            channels, 3, 1, latent_dim, demodulate=False, equalised=equalised
        )
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))
        self.upsample = UpsampleBlur()

    def forward(
        self, trunk: Tensor, latent: Tensor, feature: Tensor, previous: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """-> warped feature and new trunk ``[B, C, s, s]``, raw flow and mask ``[B, 3, s, s]``."""
        with full_precision(trunk):
            raw = self.conv(trunk.float(), latent) + self.bias
            if previous is not None:
                raw = raw + self.upsample(previous)
            size = raw.shape[-1]
            axis = torch.linspace(-1, 1, size, device=raw.device, dtype=raw.dtype)
            x = torch.tanh(raw[:, 0]) + axis  # varies along the last axis
            y = torch.tanh(raw[:, 1]) + axis[:, None]
            mask = torch.sigmoid(raw[:, 2:3])
            flow = torch.stack([x, y], dim=-1)
            # The grid must have the feature's own type, and half a type is too coarse for it.
            moved = F.grid_sample(feature.float(), flow, mode="bilinear", align_corners=False)
            warped = moved * mask
            trunk = (warped + trunk * (1 - mask)).to(trunk.dtype)
        return warped, trunk, raw


class ToRGB(nn.Module):
    """Adds one scale's contribution to the picture. ``[B, C, s, s]`` -> ``[B, 3, s, s]``."""

    def __init__(self, channels: int, equalised: bool) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            EqualConv2d(channels, 3, 1, equalised=equalised), ScaledLeakyReLU(3)
        )
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))
        self.upsample = UpsampleBlur()

    def forward(self, x: Tensor, previous: Tensor | None) -> Tensor:
        with full_precision(x):
            rgb = self.conv(x.float()) + self.bias
            return rgb if previous is None else rgb + self.upsample(previous)


class ConstantInput(nn.Module):
    """The learned 4x4 start of the trunk."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.input = nn.Parameter(drawn((1, channels, 4, 4)))


class Decoder(nn.Module):
    """``channels`` as in the encoder: full size first, 4x4 last."""

    def __init__(
        self,
        channels: tuple[int, ...],
        latent_dim: int,
        expression_hidden: int,
        equalised: bool = True,
    ) -> None:
        super().__init__()
        upward = channels[::-1]  # 4², 8², ... full size
        self.input = ConstantInput(upward[0])
        self.conv1 = StyledConv(upward[0], upward[0], latent_dim, False, equalised)
        self.convs = nn.ModuleList()
        self.to_rgbs = nn.ModuleList()
        self.to_flows = nn.ModuleList()
        self.fineadainresblock = nn.ModuleList()
        for below, here in pairwise(upward):
            self.convs.append(StyledConv(below, here, latent_dim, True, equalised))
            self.convs.append(StyledConv(here, here, latent_dim, False, equalised))
            self.to_rgbs.append(ToRGB(here, equalised))
            self.to_flows.append(ToFlow(here, latent_dim, equalised))
            self.fineadainresblock.append(FineExpressionBlock(here, latent_dim, expression_hidden))

    def prepare_source(self, latent: Tensor, features: list[Tensor]) -> SourceFeatures:
        """Compute once what depends on the source face alone."""
        details = []
        for block, feature in zip(self.fineadainresblock, features, strict=True):
            assert isinstance(block, FineExpressionBlock)
            details.append(block.detail(feature))
        return SourceFeatures(latent, tuple(features), tuple(details))

    def forward(self, source: SourceFeatures, direction: Tensor, expression: Tensor) -> Tensor:
        """Paint frames.

        direction, expression: ``[B, latent_dim]`` -> ``[B, 3, S, S]``, nominally in [-1, 1], not
        clamped.
        """
        return self.paint(source, direction, expression)[0]

    def paint(
        self, source: SourceFeatures, direction: Tensor, expression: Tensor
    ) -> tuple[Tensor, Tensor]:
        """As ``forward``, and the finest warp, composed of all scales: ``[B, 2, S, S]``, how far
        to the right and down in the source each pixel is taken from, in pixels."""
        batch = direction.shape[0]
        latent = source.latent.float() + direction
        trunk = self.conv1(self.input.input.expand(batch, -1, -1, -1), latent)
        rgb: Tensor | None = None
        flow: Tensor | None = None
        scales = zip(source.features, source.details, strict=True)
        for j, (feature, detail) in enumerate(scales):
            trunk = self.convs[2 * j](trunk, latent)
            trunk = self.convs[2 * j + 1](trunk, latent)
            styled = self.fineadainresblock[j](feature, detail, expression)
            warped, trunk, flow = self.to_flows[j](trunk, latent, styled, flow)
            rgb = self.to_rgbs[j](warped, rgb)
        assert rgb is not None
        assert flow is not None
        return rgb, torch.tanh(flow[:, :2]) * (flow.shape[-1] / 2)
