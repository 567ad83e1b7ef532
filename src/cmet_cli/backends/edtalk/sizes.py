"""Sizes of the networks; the defaults are the published ones."""

from __future__ import annotations

from dataclasses import dataclass

EXPRESSION_DIM = 10  # the connector's stack reduces exactly ten numbers to one


@dataclass(frozen=True)
class EDTalkConfig:
    """Sizes of the EDTalk networks; the defaults are the published ones.

    channels: feature channels from the full picture size down to 4x4, halving each step.
    equalised: whether weights carry a run-time 1/sqrt(fan-in) scale (the published files do).
    """

    channels: tuple[int, ...] = (64, 128, 256, 512, 512, 512, 512)
    latent_dim: int = 512
    lip_dim: int = 20
    pose_dim: int = 6
    expression_dim: int = 10
    expression_hidden: int = 128
    equalised: bool = True

    @property
    def image_size_px(self) -> int:
        return 4 * 2 ** (len(self.channels) - 1)

    @property
    def code_dim(self) -> int:
        return self.lip_dim + self.pose_dim + self.expression_dim

    @property
    def lip_slice(self) -> slice:
        return slice(0, self.lip_dim)

    @property
    def pose_slice(self) -> slice:
        return slice(self.lip_dim, self.lip_dim + self.pose_dim)

    @property
    def expression_slice(self) -> slice:
        return slice(self.lip_dim + self.pose_dim, self.code_dim)


@dataclass(frozen=True)
class Audio2LipConfig:
    """Sizes; the defaults are the published ones. ``channels``: width of the five stages."""

    channels: tuple[int, int, int, int, int] = (32, 64, 128, 256, 512)
    lip_dim: int = 20


@dataclass(frozen=True)
class ConnectorConfig:
    """Sizes; the defaults are the published ones. ``window`` is T of the paper, in frames."""

    width: int = 1024
    layers: int = 4
    heads: int = 4
    feedforward: int = 1024
    window: int = 5
    speech_dim: int = 1024
    dropout: float = 0.1
    positions: int = 512
