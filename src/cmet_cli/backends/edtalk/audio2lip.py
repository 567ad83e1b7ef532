"""Audio2Lip: Wav2Lip's audio encoder, mel windows to lip codes (EDTalk, ECCV 2024)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .lip_codes import smoothing_taps
from .sizes import Audio2LipConfig


class ConvBlock2d(nn.Module):
    """Convolution, batch norm, (add the input,) ReLU."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int = 3,
        stride: int | tuple[int, int] = 1,
        padding: int = 1,
        residual: bool = False,
    ) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, kernel, stride, padding),
            nn.BatchNorm2d(out_channels),
        )
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv_block(x)
        return F.relu(y + x if self.residual else y)


class Audio2Lip(nn.Module):
    """Mel windows ``[N, 1, 80, 16]`` in [-4, 4] -> lip codes ``[N, lip_dim]``.

    Parameter names match key ``audio2lip`` of the published ``Audio2Lip.pt``.
    """

    def __init__(self, config: Audio2LipConfig | None = None) -> None:
        super().__init__()
        self.config = config or Audio2LipConfig()
        a, b, c, d, e = self.config.channels
        self.audio_encoder = nn.Sequential(
            ConvBlock2d(1, a),
            ConvBlock2d(a, a, residual=True),
            ConvBlock2d(a, a, residual=True),
            ConvBlock2d(a, b, stride=(3, 1)),
            ConvBlock2d(b, b, residual=True),
            ConvBlock2d(b, b, residual=True),
            ConvBlock2d(b, c, stride=3),
            ConvBlock2d(c, c, residual=True),
            ConvBlock2d(c, c, residual=True),
            ConvBlock2d(c, d, stride=(3, 2)),
            ConvBlock2d(d, d, residual=True),
            ConvBlock2d(d, e, padding=0),
            ConvBlock2d(e, e, kernel=1, padding=0),
        )
        self.mapping = nn.Linear(e, self.config.lip_dim)

    def forward(self, mel_windows: Tensor) -> Tensor:
        return self.mapping(self.audio_encoder(mel_windows).flatten(1))


def smooth_codes(codes: Tensor) -> Tensor:
    """3-tap Gaussian over time with zero padding. ``[N, D]`` -> ``[N, D]``."""
    taps = torch.tensor(smoothing_taps(), dtype=codes.dtype, device=codes.device)
    return F.conv1d(codes.t()[:, None], taps.view(1, 1, 3), padding=1)[:, 0].t()
