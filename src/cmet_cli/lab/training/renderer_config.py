"""Sizes, schedules and weights of the losses of the renderer's training."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ...backends.edtalk.networks import EDTalkConfig
from .loop import TrainConfig
from .photographic import PhotographicConfig

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


def gpu_config() -> RendererConfig:
    """The same training in larger batches, which cost a GPU hardly more time."""
    config, times = RendererConfig(), 4
    stages = ("encoder", "joint", "refine")
    larger = {
        s: replace(getattr(config, s), batch=times * getattr(config, s).batch) for s in stages
    }
    return replace(config, **larger, read_back=times * config.read_back)
