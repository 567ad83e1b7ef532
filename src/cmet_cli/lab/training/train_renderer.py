"""Training the renderer on the avatar world, fully supervised, in two stages.

First the encoder alone learns to read the fixed codes off a picture. Then everything together: the
targets of a batch permute lips, pose and expression inside the batch, one pass encodes, one paints.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...backends.edtalk.networks import EDTalk
from ...options import Progress, no_progress
from .batches import Batch, Shelf, draw_batch, draw_pictures
from .code_space import EXPRESSION, LIPS, POSE
from .loop import fingerprint, train
from .noise import CPU
from .photographic import Pair
from .renderer_config import RendererConfig
from .world import World

FLOW_START, RGB_START, EXPRESSION_START = 0.05, 0.5, 0.1
MASK_START = 2.0  # sigmoid(2) = 0.88: open
LIP_RANK = 3  # of the 20 numbers; the others follow
PERCEPTION_EPS = 1e-3


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


class RendererLosses:
    """The two stages' loss functions over one model and one world, all on one device."""

    def __init__(
        self,
        model: EDTalk,
        world: World,
        config: RendererConfig,
        critic: EDTalk | None = None,
        device: torch.device = CPU,
    ) -> None:
        self.model, self.config, self.critic = model, config, critic
        self.shelf = Shelf.of(world, device)

    def encoder(self, step: int, rng: np.random.Generator) -> Mapping[str, Tensor]:
        """Codes read off single pictures."""
        images, true = draw_pictures(self.shelf, self.config, self.config.encoder.batch, rng)
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
        config = self.config
        return self.painted(step, draw_batch(self.shelf, config, config.joint.batch, rng))

    def painted(self, step: int, batch: Batch) -> Mapping[str, Tensor]:
        """The joint stage's losses of a batch that is drawn; of the step only the share of true
        codes depends."""
        config, model, pair = self.config, self.model, batch.pair
        latent, features = model.encode(pair.source)
        codes = model.latent_to_codes(latent).float()
        lips, pose, expression = batch.drivers
        mixed = torch.cat(
            [codes[lips, LIPS], codes[pose, POSE], codes[expression, EXPRESSION]], dim=1
        )
        first, last = config.true_codes
        share = first + (last - first) * step / config.joint.steps
        asked = torch.where(batch.chance < share, batch.target_codes, mixed)
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
    world: World,
    config: RendererConfig,
    run_dir: Path,
    progress: Progress = no_progress,
    device: torch.device = CPU,
) -> EDTalk:
    """First stage, resumable. Returns the whole network, on the device; only its encoder has
    learned."""
    torch.manual_seed(config.encoder.seed)
    model = start_weights(EDTalk(config.network)).to(device)
    loss = RendererLosses(model, world, config, device=device).encoder
    reader = _reader(model)
    train(
        reader,
        loss,
        config.encoder,
        run_dir,
        progress,
        stage="encoder",
        device=device,
        learned_from=_learned_from(world, config),
    )
    return model


def _learned_from(world: World, config: RendererConfig) -> str:
    # Pictures follow from codes, and are many.
    return fingerprint(config, world.lips, world.pose, world.expression, world.focus)


def train_joint(
    encoder: EDTalk,
    world: World,
    config: RendererConfig,
    run_dir: Path,
    progress: Progress = no_progress,
    device: torch.device = CPU,
) -> EDTalk:
    """Second stage, resumable: the encoder goes on learning, together with the decoder.

    The first stage's encoder, as it was, judges the pictures. Folders ``run_dir`` and, beside it,
    ``<run_dir>-refine`` hold the two falls of the learning rate. Returns the network, on the
    device.
    """
    critic = copy.deepcopy(encoder).to(device).eval().requires_grad_(False)
    model = copy.deepcopy(encoder).to(device).requires_grad_(True)
    rates = dict.fromkeys(("enc.", "fc.", "lip_fc.", "pose_fc.", "exp_fc."), config.encoder_rate)
    losses = RendererLosses(model, world, config, critic, device)
    stages = (
        ("renderer", run_dir, config),
        (
            "refine",
            run_dir.with_name(run_dir.name + "-refine"),
            replace(config, joint=config.refine, true_codes=(config.true_codes[1],) * 2),
        ),
    )
    for stage, folder, losses.config in stages:
        schedule = losses.config.joint
        train(
            model,
            losses.joint,
            schedule,
            folder,
            progress,
            stage=stage,
            rates=rates,
            device=device,
            learned_from=_learned_from(world, losses.config),
        )
    return model


def _reader(model: EDTalk) -> nn.ModuleDict:
    """The parts of the network that read codes off pictures."""
    return nn.ModuleDict(
        {"enc": model.enc, "fc": model.fc}
        | {name: getattr(model, name) for name in ("lip_fc", "pose_fc", "exp_fc")}
    )
