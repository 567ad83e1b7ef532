"""Batches of the avatar world for the renderer: drawn on the device that trains.

Which pictures a batch has, NumPy decides; they are taken from tables that lie on the device, and
filmed there. A GPU draws a batch in a few hundred small kernels, where a CPU core needs hundreds of
milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from ..avatar.face_state import POSE_SPREAD
from .code_space import EXPRESSION, LIPS, POSE
from .noise import CPU, Noise, pixel_centres
from .photographic import Pair, PhotographicConfig, Place, photographed, skin_motion
from .renderer_config import RendererConfig
from .world import World


@dataclass(frozen=True)
class Shelf:
    """A :class:`~cmet_cli.lab.training.world.World`'s tables as tensors on a device."""

    pictures: Tensor
    lips: Tensor
    pose: Tensor
    expression: Tensor
    focus: Tensor
    to_quiet: Tensor
    from_quiet: Tensor

    @classmethod
    def of(cls, world: World, device: torch.device = CPU) -> Shelf:
        """On the CPU it shares the world's memory."""
        tables = {f.name: torch.from_numpy(getattr(world, f.name)) for f in fields(cls)}
        return cls(**{name: table.to(device) for name, table in tables.items()})

    @property
    def device(self) -> torch.device:
        return self.pictures.device

    def placed(self, *numbers: np.ndarray) -> tuple[Tensor, ...]:
        """Small arrays of one shape on the device; the device is not waited for."""
        return torch.from_numpy(np.stack(numbers)).to(self.device, non_blocking=True).unbind()

    def codes(self, cell: Tensor, lip: Tensor, pose: Tensor, face: Tensor) -> Tensor:
        """Codes of lips, poses and expressions of cells. float32 ``[B, 36]``."""
        return torch.cat(
            [self.lips[cell, lip], self.pose[cell, pose], self.expression[cell, face]], 1
        )


@dataclass(frozen=True)
class Batch:
    """pair: sources and targets, and how the skin moved between them; focus ``[B, 1, S, S]`` in
    0..1; codes true.

    drivers: int64 ``[3, B]``, whose lips, pose and expression each target has; chance: in 0..1,
    ``[B, 1]``.
    """

    pair: Pair
    source_codes: Tensor
    target_codes: Tensor
    drivers: Tensor
    focus: Tensor
    chance: Tensor


def to_tensor(pictures: np.ndarray | Tensor) -> Tensor:
    """uint8 ``[B, S, S, 3]`` -> float32 ``[B, 3, S, S]`` in [-1, 1], channels last in memory."""
    return (torch.as_tensor(pictures).float() / 127.5 - 1).permute(0, 3, 1, 2)


def draw_batch(shelf: Shelf, config: RendererConfig, batch: int, rng: np.random.Generator) -> Batch:
    """Sources and the mixtures of their own lips, poses and expressions, in full precision."""
    with torch.no_grad(), torch.autocast(shelf.device.type, enabled=False):
        return _draw_batch(shelf, config, batch, rng)


def _draw_batch(
    shelf: Shelf, config: RendererConfig, batch: int, rng: np.random.Generator
) -> Batch:
    m = config.members
    cells, people, lips, poses, faces = shelf.pictures.shape[:5]
    n = batch // m
    cell = np.repeat(rng.choice(cells, n, replace=cells < n), m)  # [B]
    who = np.concatenate([rng.permutation(max(people, m))[:m] % people for _ in range(n)])
    lip, pose = rng.integers(lips, size=n * m), rng.integers(poses, size=n * m)
    face = rng.integers(1, faces, size=n * m)
    face[rng.uniform(size=n * m) < config.neutral_share] = 0
    drivers = _drivers(n, config, rng)
    mixed = lip[drivers[0]], pose[drivers[1]], face[drivers[2]]

    at = shelf.placed(cell, who, lip, pose, face, *mixed, *drivers)
    source, target = at[:5], (*at[:2], *at[5:8])
    before, after = (to_tensor(shelf.pictures[where]) for where in (source, target))
    motion = skin_motion(shelf.to_quiet[target], shelf.from_quiet[source], before.shape[-1])
    focus = shelf.focus[at[0], at[1], at[6]].float()[:, None] / 255
    # It goes wherever the target goes, as the head does.
    pair = Pair(before, after, motion[0], torch.cat([motion[1], focus], 1))
    codes = [shelf.codes(where[0], *where[2:]) for where in (source, target)]
    if config.photographic is not None:
        pair = photographed(pair, config.photographic, rng)
        place = Place.drawn(n, m, config.photographic, rng, shelf.device)
        pair, codes = place(pair), [_placed(part, place) for part in codes]
    head, focus = pair.head.split(1, 1)
    return Batch(
        pair=replace(pair, head=head),
        source_codes=codes[0],
        target_codes=codes[1],
        drivers=torch.stack(at[8:]),
        focus=focus,
        chance=Noise(rng, shelf.device).uniform(1.0, n * m, 1),
    )


def _drivers(groups: int, config: RendererConfig, rng: np.random.Generator) -> np.ndarray:
    """Who of its group gives each target its lips, pose and expression. int64 ``[3, B]``."""
    m = config.members
    start, own = np.repeat(np.arange(groups) * m, m), np.arange(groups * m)
    drivers = start + rng.integers(m, size=(3, groups * m))
    alone = rng.uniform(size=groups * m) < config.expression_only_share
    other = start + (own - start + rng.integers(1, m, size=groups * m)) % m if m > 1 else own
    drivers[:, alone] = np.stack([own, own, other])[:, alone]
    return drivers


def draw_pictures(
    shelf: Shelf, config: RendererConfig, batch: int, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Single pictures and their codes, for the encoder."""
    with torch.no_grad(), torch.autocast(shelf.device.type, enabled=False):
        at = shelf.placed(*(rng.integers(n, size=batch) for n in shelf.pictures.shape[:5]))
        images, true = to_tensor(shelf.pictures[at]), shelf.codes(at[0], *at[2:])
        if config.photographic is None:
            return images, true
        place = Place.drawn(batch, 1, config.photographic, rng, shelf.device)
        return _filmed(images, place, config.photographic, rng), _placed(true, place)


def _filmed(
    images: Tensor, place: Place, config: PhotographicConfig, rng: np.random.Generator
) -> Tensor:
    """Single pictures as a camera sees them."""
    still = pixel_centres(images.shape[-1], images.device).expand(len(images), -1, -1, -1)
    return place(photographed(Pair(images, images, still, images[:, :1]), config, rng)).source


def _placed(codes: Tensor, place: Place) -> Tensor:
    """Codes of faces that have been put elsewhere in the picture."""
    spread = torch.from_numpy(POSE_SPREAD).to(codes.device, non_blocking=True)
    pose = place.pose(codes[:, POSE] * spread) / spread
    return torch.cat([codes[:, LIPS], pose, codes[:, EXPRESSION]], 1)
