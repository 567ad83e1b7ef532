"""Pictures of the avatar world, drawn once: full factorial cells in which any mixture exists.

A cell holds a few identities, each drawn with every combination of a few lip shapes, poses and
expressions. Whatever a batch permutes inside a cell, the picture of the mixture is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from ...options import Progress, no_progress
from ..avatar.emotions import sample_expression
from ..avatar.face import draw
from ..avatar.face_state import LIP_PARAMETERS, POSE_SPREAD, FaceState
from ..avatar.identity import Identity
from ..avatar.motion import GRID, from_quiet, to_quiet
from ..avatar.phones import align, lip_track, random_sentence
from .code_space import code_space, fold_blink, sample_faces
from .loop import fingerprint
from .made_once import Recipe

POSE_STRAY = 0.95  # standard deviation of the poses, in their own spreads
LIP_NOISE = 0.06
CLOSED_SHARE = 0.15


@dataclass(frozen=True)
class WorldConfig:
    """How much is drawn. ``cells * identities * lips * poses * expressions`` pictures in all."""

    size_px: int = 64
    cells: int = 250
    #: Per cell; the first expression of a cell is a neutral one.
    identities: int = 4
    lips: int = 2
    poses: int = 2
    expressions: int = 5
    #: People in the whole world; each comes back in several cells.
    people: int = 1000
    seed: int = 0
    workers: int = 2

    @property
    def shape(self) -> tuple[int, int, int, int, int]:
        return (self.cells, self.identities, self.lips, self.poses, self.expressions)


@dataclass(frozen=True, eq=False)
class World:
    """pictures: uint8 ``[cells, I, L, P, E, S, S, 3]`` RGB; codes: float32, a table per part.

    lips ``[cells, L, 20]``, pose ``[cells, P, 6]``, expression ``[cells, E, 10]``;
    focus: uint8 ``[cells, I, P, S, S]``, where lips and expression change this person's picture;
    to_quiet, from_quiet: float16 ``[cells, I, L, P, E, 32, 32, 2]``, how each picture lies over its
    person's quiet face (:mod:`~cmet_cli.lab.avatar.motion`).
    """

    pictures: np.ndarray
    lips: np.ndarray
    pose: np.ndarray
    expression: np.ndarray
    focus: np.ndarray
    to_quiet: np.ndarray
    from_quiet: np.ndarray


def world_recipe(config: WorldConfig) -> Recipe[World]:
    space = code_space()
    told = fingerprint(space.lips, space.expression)[:8]  # which their codes are in
    return Recipe(World, config, _draw_cell, config.cells, "world", told)


def load_world(config: WorldConfig, folder: Path, progress: Progress = no_progress) -> World:
    """The world of a configuration: from ``folder``, or drawn now and kept there."""
    return world_recipe(config).load(folder, progress)


def draw_world(config: WorldConfig, progress: Progress = no_progress) -> World:
    """Draw every cell."""
    return world_recipe(config).make(progress)


def _draw_cell(job: tuple[WorldConfig, int]) -> tuple[np.ndarray, ...]:
    """One cell: pictures, lip, pose and expression codes, focus, maps."""
    config, cell = job
    rng = np.random.default_rng([config.seed, cell])
    people = rng.choice(config.people, config.identities, replace=config.people < config.identities)
    lips = np.stack([sample_lips(rng) for _ in range(config.lips)])
    pose = POSE_STRAY * POSE_SPREAD * rng.standard_normal((config.poses, len(POSE_SPREAD)))
    faces = [sample_faces(rng) for _ in range(config.expressions)]
    faces[0] = (sample_expression("neutral", 1, 1, 25.0, rng)[0], 0.0)
    pictures = np.empty((*config.shape[1:], config.size_px, config.size_px, 3), np.uint8)
    maps = np.empty((2, *config.shape[1:], GRID, GRID, 2), np.float16)
    for i, person in enumerate(people):
        who = Identity.from_seed(int(person))
        for j, k, e in product(*map(range, config.shape[2:])):
            state = FaceState(lips[j], pose[k].astype(np.float32), *faces[e])
            pictures[i, j, k, e] = draw(who, state, config.size_px)
            maps[:, i, j, k, e] = to_quiet(who, state), from_quiet(who, state)
    space = code_space()
    folded = np.stack([fold_blink(*face) for face in faces])
    codes = (space.encode_lips(lips), space.encode_pose(pose), space.encode_expression(folded))
    return (pictures, *codes, _focus(pictures), *maps)


def sample_lips(rng: np.random.Generator) -> np.ndarray:
    """One lip shape of somebody speaking: float32 [3]."""
    timing = align(random_sentence(int(rng.integers(1 << 31)), 2.0))
    shape = lip_track(timing, rng.uniform(0.2, 1.6, 1))[0] + LIP_NOISE * rng.standard_normal(3)
    if rng.uniform() < CLOSED_SHARE:
        shape[0] = 0.0
    low, high = ([getattr(p, end) for p in LIP_PARAMETERS] for end in ("low", "high"))
    return np.clip(shape, low, high).astype(np.float32)


def _focus(pictures: np.ndarray) -> np.ndarray:
    """Spread of each pixel over lips and expressions. ``[I, L, P, E, S, S, 3]`` -> ``[I, P, ..]``.

    uint8, 255 where the picture changes as much as it does at a mouth.
    """
    spread = pictures.astype(np.float32).std(axis=(1, 3)).mean(-1)  # [I, P, S, S]
    return np.clip(spread * (255 / 40), 0, 255).astype(np.uint8)
