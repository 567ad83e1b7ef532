"""Drawings made to look less drawn: skin that has texture, light that falls from anywhere, cameras.

What belongs to the skin is laid on both pictures of a pair along the skin's true motion, so a
network that wants to paint it must move it. What belongs to light and lens is alike in both; grain
and compression are in the source alone, and a good rendering leaves them out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..avatar.motion import GRID
from ..avatar.warp import PIVOT_V
from .noise import CPU, Noise, enlarged, pixel_centres

#: Cells of a bend across the picture, and how often its inverse is mended.
BEND_CELLS, INVERSION_STEPS = 5, 4
#: Cells across the picture that are larger than a brow or a lip.
COARSE_CELLS = 9
# A head in the quiet face's unit coordinates: half width and half height of an oval, its centre.
_OVAL, _OVAL_V = (0.66, 0.92), -0.02


@dataclass(frozen=True)
class PhotographicConfig:
    """Spreads; each pair draws its own amounts. 0 leaves a thing out.

    texture, patches: of the logarithm of the skin's brightness, fine and coarse; light: of the same
    over the picture; cast: per channel; contrast, colour: of logarithms; stretch: of width against
    height; across, down, size: where a face lies, in halves of the side (down: mean and spread;
    published crops show people higher than drawings are drawn), and of the logarithm of how large
    it is; bend: how far features lie from where drawn people have them, in halves of the side;
    faint: of the logarithm of how plainly features stand out from the skin around them, place by
    place; blur: most, in pixels; grain: grey levels of 255, of the source; blocks: share of sources
    coarsened as a low bit rate does.
    """

    texture: float = 0.08
    patches: float = 0.18
    light: float = 0.30
    cast: float = 0.10
    contrast: float = 0.22
    colour: float = 0.4
    stretch: float = 0.09
    across: float = 0.05
    down: tuple[float, float] = (-0.10, 0.06)
    size: float = 0.06
    bend: float = 0.025
    faint: float = 0.3
    blur: float = 1.1
    grain: float = 6.0
    blocks: float = 0.3


@dataclass(frozen=True)
class Pair:
    """images in [-1, 1] ``[B, 3, S, S]``; flow: where in the source each target pixel's skin is,
    ``[B, S, S, 2]`` in grid coordinates (-1..1); head: where that is known, ``[B, 1, S, S]``."""

    source: Tensor
    target: Tensor
    flow: Tensor
    head: Tensor


def skin_motion(to_quiet: Tensor, from_quiet: Tensor, size_px: int) -> tuple[Tensor, Tensor]:
    """A target's map to the quiet face and a source's map from it, float16 ``[B, 32, 32, 2]`` each
    -> flow ``[B, S, S, 2]`` and head ``[B, 1, S, S]``, as in :class:`Pair`."""
    there, back = (m.float().permute(0, 3, 1, 2) for m in (to_quiet, from_quiet))
    assert there.shape[-1] == GRID
    points = enlarged(there, size_px).permute(0, 2, 3, 1)
    flow = sampled(enlarged(back, size_px), points).permute(0, 2, 3, 1)
    across, down = points[..., 0] / _OVAL[0], (points[..., 1] - _OVAL_V) / _OVAL[1]
    head = ((1.15 - (across.square() + down.square()).sqrt()) / 0.15).clamp(0, 1)
    return flow, head[:, None]


def sampled(pictures: Tensor, at: Tensor) -> Tensor:
    """``[B, C, S, S]`` at grid coordinates ``[B, s, s, 2]``."""
    return F.grid_sample(pictures, at, padding_mode="border", align_corners=False)


def photographed(pair: Pair, config: PhotographicConfig, rng: np.random.Generator) -> Pair:
    """The same pair as if it had been filmed, on whatever device it is."""
    batch, size = len(pair.source), pair.source.shape[-1]
    noise = Noise(rng, pair.source.device)
    if config.faint:
        pair = _faint(pair, config, noise)
    skin = _skin(batch, size, config, noise)
    source = _lit(pair.source, skin)
    target = _lit(pair.target, sampled(skin, pair.flow))
    shared = _light(batch, size, config, noise)
    source, target = (_lit(p, shared) for p in (source, target))
    tone = _Tone.drawn(batch, config, noise)
    source, target = tone(source), tone(target)
    grid, scale = _stretched(batch, size, config, noise)
    source, target, head = (sampled(p, grid) for p in (source, target, pair.head))
    flow = sampled(pair.flow.permute(0, 3, 1, 2), grid).permute(0, 2, 3, 1) / scale
    if config.bend:
        source, target, flow, head = _bent(Pair(source, target, flow, head), config, noise)
    softness = noise.uniform(config.blur, batch)
    source, target = _blurred(source, softness), _blurred(target, softness)
    return Pair(_recorded(source, config, noise), target, flow, head)


@dataclass(frozen=True)
class Place:
    """Where faces lie beside where they were drawn: shift ``[B, 2]`` to the right and down, in
    halves of the side; size ``[B]``, a logarithm."""

    shift: Tensor
    size: Tensor

    @classmethod
    def drawn(
        cls,
        groups: int,
        each: int,
        c: PhotographicConfig,
        rng: np.random.Generator,
        device: torch.device = CPU,
    ) -> Place:
        """``each`` pictures of a group lie alike, so that one may lend another its pose."""
        x, y, size = Noise(rng, device).normal(3, groups).clamp(-2, 2).repeat_interleave(each, 1)
        shift = torch.stack([c.across * x, c.down[0] + c.down[1] * y], -1)
        return cls(shift, c.size * size)

    def pose(self, pose: Tensor) -> Tensor:
        """What becomes of pose parameters ``[B, 6]``."""
        scale, pivot = self.size.exp()[:, None], torch.zeros(2, device=pose.device)
        pivot[1].fill_(PIVOT_V)  # not from the host, which a CUDA graph could not repeat
        shift = scale * (pivot + pose[:, :2]) + self.shift - pivot
        size = pose[:, 3:4] + self.size[:, None]
        return torch.cat([shift, pose[:, 2:3], size, pose[:, 4:]], 1)

    def __call__(self, pair: Pair) -> Pair:
        """The same pair elsewhere in the picture; what comes in from outside repeats its edge."""
        batch, size = len(pair.source), pair.source.shape[-1]
        scale = self.size.exp()
        theta = torch.zeros(batch, 2, 3, device=scale.device)
        theta[:, 0, 0] = theta[:, 1, 1] = 1 / scale
        theta[:, :, 2] = -self.shift / scale[:, None]
        grid = F.affine_grid(theta, [batch, 1, size, size], align_corners=False)
        source, target, head = (sampled(p, grid) for p in (pair.source, pair.target, pair.head))
        came = sampled(pair.flow.permute(0, 3, 1, 2), grid).permute(0, 2, 3, 1)
        flow = came * scale[:, None, None, None] + self.shift[:, None, None]
        return Pair(source, target, flow, head)


def _skin(batch: int, size: int, config: PhotographicConfig, noise: Noise) -> Tensor:
    """Logarithm of brightness: patches (beards, shadows, a mask of sun), then pores, freckles."""
    out = torch.zeros(batch, 3, size, size, device=noise.device)
    for cells, spread in (
        (6, config.patches),
        (14, config.patches),
        (30, config.texture),
        (size, config.texture),
    ):
        grey = enlarged(noise.normal(batch, 1, cells, cells), size)
        tint = enlarged(noise.normal(batch, 3, cells, cells), size)
        out = out + noise.amount(batch, spread) * (grey + 0.25 * tint)
    return out


def _light(batch: int, size: int, config: PhotographicConfig, noise: Noise) -> Tensor:
    return noise.amount(batch, config.light) * enlarged(noise.normal(batch, 1, 3, 3), size)


def _lit(pictures: Tensor, light: Tensor) -> Tensor:
    """Pictures under a light given as a logarithm."""
    return ((pictures + 1) * light.clamp(-1.2, 1.2).exp() - 1).clamp(-1, 1)


@dataclass(frozen=True)
class _Tone:
    """A lamp's colour and a camera's curve. gain ``[B, 3, 1, 1]``, the others ``[B, 1, 1, 1]``."""

    gain: Tensor
    gamma: Tensor
    colour: Tensor

    @classmethod
    def drawn(cls, batch: int, config: PhotographicConfig, noise: Noise) -> _Tone:
        gain = (config.cast * noise.normal(batch, 3, 1, 1)).exp()
        gamma = (config.contrast * noise.normal(batch, 1, 1, 1)).exp()
        # Mostly paler than the drawings: skin on film is less colourful.
        colour = (config.colour * (noise.normal(batch, 1, 1, 1) - 0.5)).exp().clamp(0, 1.6)
        return cls(gain, gamma, colour)

    def __call__(self, pictures: Tensor) -> Tensor:
        x = ((pictures + 1) / 2).clamp(1e-4, 1) ** self.gamma * self.gain
        grey = x.mean(1, keepdim=True)
        return (grey + (x - grey) * self.colour).clamp(0, 1) * 2 - 1


def _stretched(
    batch: int, size: int, config: PhotographicConfig, noise: Noise
) -> tuple[Tensor, Tensor]:
    """A sampling grid ``[B, S, S, 2]`` and its scale ``[B, 1, 1, 2]``: wider or narrower faces.

    Width against height only: how large a face is and where it lies are codes of the pose.
    """
    ratio = (config.stretch * noise.normal(batch)).clamp(-0.25, 0.25)
    scale = torch.stack([(ratio / 2).exp(), (-ratio / 2).exp()], -1)
    theta = torch.zeros(batch, 2, 3, device=noise.device)
    theta[:, 0, 0], theta[:, 1, 1] = scale[:, 0], scale[:, 1]
    grid = F.affine_grid(theta, [batch, 1, size, size], align_corners=False)
    return grid, scale[:, None, None]


def _faint(pair: Pair, config: PhotographicConfig, noise: Noise) -> Pair:
    """Brows, lips, eyes and creases less or more plain than they are drawn, each in its place."""
    batch, size = len(pair.source), pair.source.shape[-1]
    plain = noise.amount(batch, config.faint) * enlarged(noise.normal(batch, 1, 4, 4), size)
    # Mostly fainter: drawings have the plainest features there are.
    gain = (plain - config.faint * noise.amount(batch, 1)).clamp(-1.6, 0.5).exp()

    def fainter(picture: Tensor, share: Tensor) -> Tensor:
        coarse = enlarged(F.interpolate(picture, size=COARSE_CELLS, mode="area"), size)
        return (coarse + share * (picture - coarse)).clamp(-1, 1)

    source = fainter(pair.source, gain)
    target = fainter(pair.target, sampled(gain, pair.flow))
    return Pair(source, target, pair.flow, pair.head)


def _bent(
    pair: Pair, config: PhotographicConfig, noise: Noise
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A pair whose features lie elsewhere: source, target, flow, head."""
    batch, size = len(pair.source), pair.source.shape[-1]
    amount = noise.amount(batch, config.bend).clamp_max(2 * config.bend)
    bend = amount * _bends(batch, size, noise)
    grid = pixel_centres(size, noise.device) + bend.permute(0, 2, 3, 1)
    source, target, head = (sampled(p, grid) for p in (pair.source, pair.target, pair.head))
    # Where a target pixel's skin was in the source as it came, then where that has been bent to.
    came = sampled(pair.flow.permute(0, 3, 1, 2), grid).permute(0, 2, 3, 1)
    flow = came
    for _ in range(INVERSION_STEPS):
        flow = came - sampled(bend, flow).permute(0, 2, 3, 1)
    return source, target, flow, head


def _bends(batch: int, size: int, noise: Noise) -> Tensor:
    """Smooth displacements ``[B, 2, S, S]`` of unit spread, mostly alike left and right. How large
    a face is, how it is turned and where it lies are codes of the pose and taken out."""
    coarse = noise.normal(batch, 2, BEND_CELLS, BEND_CELLS)
    mirrored = coarse.flip(-1)
    mirrored = torch.cat([-mirrored[:, :1], mirrored[:, 1:]], 1)
    field = enlarged(0.7 * (coarse + mirrored) + 0.35 * (coarse - mirrored), size)
    basis, fit = _linear_parts(size, noise.device)
    parts = field.reshape(batch, 2, -1) @ fit
    return field - (parts @ basis).reshape(field.shape)


@lru_cache(maxsize=16)
def _linear_parts(size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """What is even or linear over a picture ``[3, S * S]``, and what finds how much of it there is
    in a field ``[S * S, 3]``."""
    across, down = pixel_centres(size).unbind(-1)
    # Even a part of what is linear goes: only the middle of the picture has a face in it.
    weight = torch.exp(-(across.square() + down.square()) / 0.8)
    basis = torch.stack([torch.ones_like(across), across, down]).reshape(3, -1)
    weighted = basis * weight.reshape(1, -1)
    return basis.to(device), (weighted.T @ torch.linalg.inv(weighted @ basis.T)).to(device)


def _blurred(pictures: Tensor, sigma: Tensor) -> Tensor:
    """A Gaussian per picture, sigma ``[B]`` in pixels."""
    reach = torch.arange(-3, 4, dtype=torch.float32, device=sigma.device)
    kernel = torch.exp(-0.5 * (reach / sigma.clamp_min(0.1)[:, None]).square())
    kernel = kernel / kernel.sum(-1, keepdim=True)  # [B, 7]
    batch, channels, size = pictures.shape[0], pictures.shape[1], pictures.shape[-1]
    x = F.pad(pictures.reshape(1, batch * channels, size, size), (3, 3, 3, 3), mode="replicate")
    k = kernel.repeat_interleave(channels, 0)[:, None]
    x = F.conv2d(x, k[:, :, None], groups=batch * channels)
    x = F.conv2d(x, k[..., None], groups=batch * channels)
    return x.reshape(pictures.shape)


def _recorded(pictures: Tensor, config: PhotographicConfig, noise: Noise) -> Tensor:
    """Grain, and colour kept at half the resolution or coarse brightness, as codecs do."""
    batch, size = len(pictures), pictures.shape[-1]
    pictures = pictures + noise.amount(batch, config.grain / 127.5) * noise.normal(*pictures.shape)
    coarse = enlarged(F.avg_pool2d(pictures, 2), size)
    grey = pictures.mean(1, keepdim=True)
    colour_only = grey + coarse - coarse.mean(1, keepdim=True)
    kind = noise.uniform(1.0, batch, 1, 1, 1)
    pictures = torch.where(kind < config.blocks, colour_only, pictures)
    return torch.where(kind < config.blocks / 3, coarse, pictures).clamp(-1, 1)
