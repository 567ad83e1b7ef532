"""Training the renderer on the avatar world, fully supervised, in two stages.

First the encoder alone learns to read the fixed codes off a picture. Then everything together: the
targets of a batch permute lips, pose and expression inside the batch, one pass encodes, one paints.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...backends.edtalk.networks import EDTalk, EDTalkConfig
from ...options import Progress, no_progress
from ..avatar.face_state import POSE_SPREAD
from .code_space import EXPRESSION, LIPS, POSE
from .loop import TrainConfig, train
from .photographic import Pair, PhotographicConfig, Place, photographed, skin_motion
from .world import World

FLOW_START, RGB_START, EXPRESSION_START = 0.05, 0.5, 0.1
MASK_START = 2.0  # sigmoid(2) = 0.88: open
LIP_RANK = 3  # of the 20 numbers; the others follow
PERCEPTION_EPS = 1e-3

MINI_NETWORK = EDTalkConfig(
    channels=(16, 48, 96, 128, 128), latent_dim=128, expression_hidden=64, equalised=False
)
ENCODER_SCHEDULE = TrainConfig(
    steps=1200, batch=48, learning_rate=2e-3, warmup_steps=30, ema_decay=0.995, bf16=True
)
JOINT_SCHEDULE = TrainConfig(
    steps=2200,
    batch=32,
    learning_rate=2e-3,
    warmup_steps=50,
    ema_decay=0.998,
    bf16=True,
    checkpoint_every=100,
    seed=1,
)
REFINE_SCHEDULE = TrainConfig(
    steps=750,
    batch=32,
    learning_rate=1.2e-3,
    warmup_steps=30,
    decay_from=0.1,
    ema_decay=0.998,
    bf16=True,
    checkpoint_every=100,
    seed=4,
)


@dataclass(frozen=True)
class RendererConfig:
    """Sizes, both schedules and the weights of the losses."""

    network: EDTalkConfig = MINI_NETWORK
    encoder: TrainConfig = ENCODER_SCHEDULE
    joint: TrainConfig = JOINT_SCHEDULE
    #: A second, shorter fall of the rate from the first one's average.
    refine: TrainConfig = REFINE_SCHEDULE
    #: Pictures taken from one cell; batch / members cells make a batch.
    members: int = 4
    #: Learning rate of the encoder against the decoder's in the joint stage.
    encoder_rate: float = 1 / 3
    #: Share of sources with a neutral face, and of targets that change the expression alone.
    neutral_share: float = 0.4
    expression_only_share: float = 0.55
    #: Share of decoder inputs that are true codes, at the first and the last step.
    true_codes: tuple[float, float] = (0.8, 0.3)
    #: Extra weight of pixels that lips and expression move.
    focus: float = 6.0
    gradient: float = 0.5
    pooled: float = 0.5
    codes: float = 0.15
    #: The rendered picture read by the first stage's encoder: its codes, and its features.
    consistency: float = 0.08
    perception: float = 0.15
    #: Pictures of a batch that it reads.
    read_back: int = 16
    #: How far the decoder's warp is from the skin's true motion, in pixels.
    motion: float = 0.12
    #: What is done to drawings so that photographs are no surprise; None: drawings as they are.
    photographic: PhotographicConfig | None = field(default_factory=PhotographicConfig)


@dataclass(frozen=True)
class Batch:
    """pair: sources and targets, and how the skin moved between them; focus ``[B, 1, S, S]`` in
    0..1; codes true.

    drivers: int64 ``[3, B]``, whose lips, pose and expression each target has.
    """

    pair: Pair
    source_codes: Tensor
    target_codes: Tensor
    drivers: Tensor
    focus: Tensor


def to_tensor(pictures: np.ndarray) -> Tensor:
    """uint8 ``[B, S, S, 3]`` -> float32 ``[B, 3, S, S]`` in [-1, 1], channels last in memory."""
    return (torch.from_numpy(pictures).float() / 127.5 - 1).permute(0, 3, 1, 2)


def draw_batch(world: World, config: RendererConfig, batch: int, rng: np.random.Generator) -> Batch:
    """Sources and the mixtures of their own lips, poses and expressions."""
    m = config.members
    cells, people, lips, poses, faces = world.pictures.shape[:5]
    n = batch // m
    cell = np.repeat(rng.choice(cells, n, replace=cells < n), m)  # [B]
    who = np.concatenate([rng.permutation(max(people, m))[:m] % people for _ in range(n)])
    lip, pose = rng.integers(lips, size=n * m), rng.integers(poses, size=n * m)
    face = rng.integers(1, faces, size=n * m)
    face[rng.uniform(size=n * m) < config.neutral_share] = 0
    start = np.repeat(np.arange(n) * m, m)
    own = np.arange(n * m)
    drivers = start + rng.integers(m, size=(3, n * m))
    alone = rng.uniform(size=n * m) < config.expression_only_share
    other = start + (own - start + rng.integers(1, m, size=n * m)) % m if m > 1 else own
    drivers[:, alone] = np.stack([own, own, other])[:, alone]
    t_lip, t_pose, t_face = lip[drivers[0]], pose[drivers[1]], face[drivers[2]]

    source, target = (cell, who, lip, pose, face), (cell, who, t_lip, t_pose, t_face)
    size = world.pictures.shape[-2]
    before, after = (to_tensor(world.pictures[at]) for at in (source, target))
    motion = skin_motion(world.to_quiet[target], world.from_quiet[source], size)
    pair = Pair(before, after, *motion)
    codes = _codes(world, cell, lip, pose, face), _codes(world, cell, t_lip, t_pose, t_face)
    if config.photographic is not None:
        pair = photographed(pair, config.photographic, rng)
        place = Place.drawn(n, m, config.photographic, rng)
        pair, codes = place(pair), (_placed(codes[0], place), _placed(codes[1], place))
    return Batch(
        pair=pair,
        source_codes=codes[0],
        target_codes=codes[1],
        drivers=torch.from_numpy(drivers),
        focus=torch.from_numpy(world.focus[cell, who, t_pose]).float()[:, None] / 255,
    )


def _codes(world: World, cell: np.ndarray, *at: np.ndarray) -> Tensor:
    """Codes of lips, poses and expressions of cells. float32 ``[B, 36]``."""
    tables = world.lips, world.pose, world.expression
    return torch.from_numpy(
        np.concatenate([t[cell, i] for t, i in zip(tables, at, strict=True)], 1)
    )


def _placed(codes: Tensor, place: Place) -> Tensor:
    """Codes of faces that have been put elsewhere in the picture."""
    spread = torch.from_numpy(POSE_SPREAD)
    pose = place.pose(codes[:, POSE] * spread) / spread
    return torch.cat([codes[:, LIPS], pose, codes[:, EXPRESSION]], 1)


def start_weights(model: EDTalk) -> EDTalk:
    """Start from a decoder that passes the source through: no warp, open masks, no expression."""
    decoder: Any = model.dec  # torch knows its lists as lists of any module
    with torch.no_grad():
        for j, flow in enumerate(decoder.to_flows):
            flow.conv.weight.mul_(FLOW_START)
            flow.bias[:, 2] = MASK_START if j == 0 else 0.0  # later scales add to the first
        for rgb in decoder.to_rgbs:
            rgb.conv[0].weight.mul_(RGB_START)
        for block in decoder.fineadainresblock:
            for layer in (block.norm2.mlp_gamma, block.norm2.mlp_beta):
                layer.weight.mul_(EXPRESSION_START)
                layer.bias.zero_()
            block.norm2.mlp_gamma.bias.sub_(1 - EXPRESSION_START)
    for parameter in model.parameters():
        if parameter.dim() == 4:  # convolutions run faster so
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return model


def code_error(codes: Tensor, true: Tensor) -> Tensor:
    """Squared error per number, the three parts alike. ``[B, 36]`` each -> scalar."""
    square = (codes.float() - true).square().mean(0)
    lips = square[LIPS].sum() / LIP_RANK
    return (lips + square[POSE].mean() + 2 * square[EXPRESSION].mean()) / 4


def _picture_errors(out: Tensor, batch: Batch, focus: float) -> dict[str, Tensor]:
    """Weighted L1, L1 of the differences between neighbours, L1 of 4x4 means."""
    difference = out - batch.pair.target
    weight = 1 + focus * batch.focus
    across = (difference.diff(dim=3).abs() * weight[..., 1:]).mean()
    down = (difference.diff(dim=2).abs() * weight[..., 1:, :]).mean()
    return {
        "l1": (difference.abs() * weight).mean(),
        "gradient": across + down,
        "pooled": F.avg_pool2d(difference, 4).abs().mean(),
    }


def motion_error(moved: Tensor, pair: Pair) -> Tensor:
    """How far the decoder's warp ``[B, 2, S, S]`` (pixels) is from the skin's, in pixels.

    The decoder counts from a grid that spans the picture from edge to edge.
    """
    size = moved.shape[-1]
    axis = torch.linspace(-1, 1, size, device=moved.device)
    still = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1)
    true = ((pair.flow - still) * (size / 2)).permute(0, 3, 1, 2)
    away = (moved - true).abs().sum(1, keepdim=True)
    return (away * pair.head).sum() / pair.head.sum().clamp_min(1)


def _filmed(
    images: Tensor, place: Place, config: PhotographicConfig, rng: np.random.Generator
) -> Tensor:
    """Single pictures as a camera sees them."""
    batch, size = len(images), images.shape[-1]
    axis = (torch.arange(size) + 0.5) * 2 / size - 1
    still = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1).expand(batch, -1, -1, -1)
    return place(photographed(Pair(images, images, still, images[:, :1]), config, rng)).source


class RendererLosses:
    """The two stages' loss functions over one model and one world."""

    def __init__(
        self, model: EDTalk, world: World, config: RendererConfig, critic: EDTalk | None = None
    ) -> None:
        self.model, self.world, self.config, self.critic = model, world, config, critic

    def encoder(self, step: int, rng: np.random.Generator) -> Mapping[str, Tensor]:
        """Codes read off single pictures."""
        config, world = self.config, self.world
        at = tuple(rng.integers(n, size=config.encoder.batch) for n in world.pictures.shape[:5])
        images = to_tensor(world.pictures[at])
        cell, _, lip, pose, face = at
        true = _codes(world, cell, lip, pose, face)
        if config.photographic is not None:
            place = Place.drawn(len(images), 1, config.photographic, rng)
            images = _filmed(images, place, config.photographic, rng)
            true = _placed(true, place)
        codes = self.model.latent_to_codes(self.model.encode(images)[0])
        return {"loss": code_error(codes, true), **self._by_part(codes.detach().float(), true)}

    @staticmethod
    def _by_part(codes: Tensor, true: Tensor) -> dict[str, Tensor]:
        square = (codes - true).square().mean(0)
        return {
            "lips": square[LIPS].sum() / LIP_RANK,
            "pose": square[POSE].mean(),
            "expression": square[EXPRESSION].mean(),
        }

    def joint(self, step: int, rng: np.random.Generator) -> Mapping[str, Tensor]:
        """Mixtures painted from the sources' own codes or, at a falling share, from true ones."""
        config, model = self.config, self.model
        batch = draw_batch(self.world, config, config.joint.batch, rng)
        pair = batch.pair
        latent, features = model.encode(pair.source)
        codes = model.latent_to_codes(latent).float()
        lips, pose, expression = batch.drivers
        mixed = torch.cat(
            [codes[lips, LIPS], codes[pose, POSE], codes[expression, EXPRESSION]], dim=1
        )
        first, last = config.true_codes
        share = first + (last - first) * step / config.joint.steps
        truth = torch.from_numpy(rng.uniform(size=(len(mixed), 1)) < share)
        asked = torch.where(truth, batch.target_codes, mixed)
        out, moved = model.render_moving(model.dec.prepare_source(latent, features), asked)
        out = out.float()
        errors = _picture_errors(out, batch, config.focus)
        errors["motion"] = motion_error(moved.float(), pair)
        errors["codes"] = code_error(codes, batch.source_codes)
        errors |= self._read_back(out, batch)
        total = errors["l1"] + sum(
            getattr(config, name) * value for name, value in errors.items() if name != "l1"
        )
        with torch.no_grad():
            square = (out.clamp(-1, 1) - pair.target).square().mean() / 4
        return {"loss": total, **errors, "psnr_db": -10 * square.log10()}

    def _read_back(self, out: Tensor, batch: Batch) -> dict[str, Tensor]:
        """What the first stage's encoder sees in the rendered pictures against the drawn ones."""
        if self.critic is None:
            return {}
        n = self.config.read_back
        latent, features = self.critic.encode(out[:n])
        with torch.no_grad():
            true_latent, true_features = self.critic.encode(batch.pair.target[:n])
            true_codes = self.critic.latent_to_codes(true_latent).float()
        distance = [
            (a.float() - b.float()).abs().mean() / (b.float().abs().mean() + PERCEPTION_EPS)
            for a, b in zip(features[:-1], true_features[:-1], strict=True)  # 8², 16², ...
        ]
        codes = self.critic.latent_to_codes(latent)
        return {
            "consistency": code_error(codes, true_codes),
            "perception": torch.stack(distance).mean(),
        }


def train_encoder(
    world: World, config: RendererConfig, run_dir: Path, progress: Progress = no_progress
) -> EDTalk:
    """First stage, resumable. Returns the whole network; only its encoder has learned."""
    torch.manual_seed(config.encoder.seed)
    model = start_weights(EDTalk(config.network))
    losses = RendererLosses(model, world, config)
    train(_reader(model), losses.encoder, config.encoder, run_dir, progress, stage="encoder")
    return model


def train_joint(
    encoder: EDTalk,
    world: World,
    config: RendererConfig,
    run_dir: Path,
    progress: Progress = no_progress,
) -> EDTalk:
    """Second stage, resumable: the encoder goes on learning, together with the decoder.

    The first stage's encoder, as it was, judges the pictures. Folders ``run_dir`` and, beside it,
    ``<run_dir>-refine`` hold the two falls of the learning rate.
    """
    critic = copy.deepcopy(encoder).eval().requires_grad_(False)
    model = copy.deepcopy(encoder).requires_grad_(True)
    rates = dict.fromkeys(("enc.", "fc.", "lip_fc.", "pose_fc.", "exp_fc."), config.encoder_rate)
    losses = RendererLosses(model, world, config, critic)
    train(model, losses.joint, config.joint, run_dir, progress, stage="renderer", rates=rates)
    last = (config.true_codes[1],) * 2
    losses.config = replace(config, joint=config.refine, true_codes=last)
    beside = run_dir.with_name(run_dir.name + "-refine")
    train(model, losses.joint, config.refine, beside, progress, stage="refine", rates=rates)
    return model


def _reader(model: EDTalk) -> nn.ModuleDict:
    """The parts of the network that read codes off pictures."""
    return nn.ModuleDict(
        {"enc": model.enc, "fc": model.fc}
        | {name: getattr(model, name) for name in ("lip_fc", "pose_fc", "exp_fc")}
    )
