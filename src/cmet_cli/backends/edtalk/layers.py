"""Building blocks of the EDTalk networks: equalised layers, blurs, modulated convolutions.

The arithmetic is StyleGAN2's (Karras et al., 2020) as EDTalk (ECCV 2024) uses it. Parameter names
are those of the published checkpoints. ``fold_weights`` moves everything that depends on the
weights alone out of the forward pass; call it once, after loading, for inference.

Under autocast the large convolutions run in half precision. What is small and sensitive (styles,
demodulation, directions, sampling grids, the sums of flows and pictures over the scales) stays in
float32: see :func:`full_precision`.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEAKY_SLOPE = 0.2
ACTIVATION_GAIN = math.sqrt(2.0)
DEMODULATION_EPS = 1e-8
BINOMIAL_4 = (1.0, 3.0, 3.0, 1.0)


def full_precision(x: Tensor) -> AbstractContextManager[object]:
    """Autocast off, for the few computations whose rounding would show in the picture."""
    return torch.autocast(x.device.type, enabled=False)


def fold_weights(module: nn.Module) -> nn.Module:
    """Fold run-time scales and weight-only products into ``module`` in place, for inference.

    A folded module computes the same function; its ``state_dict`` is no longer the published one.
    """
    for child in module.modules():
        fold = getattr(child, "fold_", None)
        if fold is not None:
            fold()
    return module.eval().requires_grad_(False)


def binomial_kernel(gain: float = 1.0) -> Tensor:
    """The 4x4 outer product of [1, 3, 3, 1], summing to ``gain``. float32 ``[4, 4]``."""
    total = sum(BINOMIAL_4) ** 2
    return torch.tensor([[a * b / total * gain for b in BINOMIAL_4] for a in BINOMIAL_4])


class Blur(nn.Module):
    """Depth-wise 4x4 blur after zero padding. ``[B, C, H, W]`` -> ``[B, C, H+p0+p1-3, ...]``."""

    kernel: Tensor

    def __init__(self, padding: tuple[int, int], gain: float = 1.0) -> None:
        super().__init__()
        self.register_buffer("kernel", binomial_kernel(gain))
        self.padding = (*padding, *padding)

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        weight = self.kernel.to(x.dtype).expand(channels, 1, 4, 4)
        return F.conv2d(F.pad(x, self.padding), weight, groups=channels)


class UpsampleBlur(nn.Module):
    """Zero-insertion up-sampling by 2, then blur. ``[B, C, H, W]`` -> ``[B, C, 2H, 2W]``."""

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernel", binomial_kernel(gain=4.0))

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        # Zero insertion, padding (2, 1) and correlation are one transposed convolution, flipped.
        weight = self.kernel.flip(0, 1).to(x.dtype).expand(channels, 1, 4, 4)
        return F.conv_transpose2d(x, weight, stride=2, padding=1, groups=channels)


class ScaledLeakyReLU(nn.Module):
    """Add a bias per channel, leaky ReLU (slope 0.2), times sqrt(2). Keeps the shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x + self.bias.to(x.dtype), LEAKY_SLOPE) * ACTIVATION_GAIN


def drawn(shape: tuple[int, ...], spread: float = 1.0) -> Tensor:
    """Random numbers for a new weight; on torch's meta device, where files fill networks, none.

    (Arithmetic there would make torch import its compiler, which takes a second.)
    """
    weight = torch.empty(shape)
    return weight if weight.is_meta else torch.randn(shape) * spread


class _Equalised(nn.Module):
    """A weight with a run-time scale 1/sqrt(fan-in), or, not equalised, one drawn at that scale."""

    weight: nn.Parameter

    def _set_weight(self, shape: tuple[int, ...], fan_in: int, equalised: bool) -> None:
        he_scale = 1.0 / math.sqrt(fan_in)
        self.scale = he_scale if equalised else 1.0
        self.weight = nn.Parameter(drawn(shape, 1.0 if equalised else he_scale))

    def scaled_weight(self) -> Tensor:
        return self.weight if self.scale == 1.0 else self.weight * self.scale

    @torch.no_grad()
    def fold_(self) -> None:
        self.weight.mul_(self.scale)
        self.scale = 1.0


class EqualConv2d(_Equalised):
    """2-D convolution without bias and with an equalised learning rate."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int = 0,
        equalised: bool = True,
    ) -> None:
        super().__init__()
        self.stride, self.padding = stride, padding
        shape = (out_channels, in_channels, kernel_size, kernel_size)
        self._set_weight(shape, in_channels * kernel_size**2, equalised)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.scaled_weight(), stride=self.stride, padding=self.padding)


class EqualLinear(_Equalised):
    """Linear layer with bias and an equalised learning rate. ``[..., in]`` -> ``[..., out]``."""

    def __init__(
        self, in_features: int, out_features: int, *, bias: float = 0.0, equalised: bool = True
    ) -> None:
        super().__init__()
        self._set_weight((out_features, in_features), in_features, equalised)
        self.bias = nn.Parameter(torch.full((out_features,), float(bias)))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.scaled_weight(), self.bias)


class ModulatedConv2d(_Equalised):
    """Convolution whose input channels are scaled by a style made from a latent.

    Scaling the input and, to demodulate, the output is the same as scaling the weight per sample
    (StyleGAN2, section 2.2), and lets a whole batch share one convolution.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        latent_dim: int,
        *,
        demodulate: bool = True,
        upsample: bool = False,
        equalised: bool = True,
    ) -> None:
        super().__init__()
        shape = (1, out_channels, in_channels, kernel_size, kernel_size)
        self._set_weight(shape, in_channels * kernel_size**2, equalised)
        self.modulation = EqualLinear(latent_dim, in_channels, bias=1.0, equalised=equalised)
        self.demodulate, self.padding = demodulate, kernel_size // 2
        self.blur = Blur((1, 1), gain=4.0) if upsample else None
        # Sum of squared taps [out, in], cached by fold_.
        self.register_buffer("_energy", None, persistent=False)

    @torch.no_grad()
    def fold_(self) -> None:
        super().fold_()
        self._energy = self._tap_energy(self.weight[0])

    @staticmethod
    def _tap_energy(weight: Tensor) -> Tensor:
        return weight.square().sum(dim=(2, 3))

    def forward(self, x: Tensor, latent: Tensor) -> Tensor:
        """``x [B, in, H, W]``, ``latent [B, latent_dim]`` -> ``[B, out, H or 2H, W or 2W]``."""
        weight = self.scaled_weight()[0]  # [out, in, k, k]
        with full_precision(x):
            style = self.modulation(latent.float())  # [B, in]
            gain = self._gain(style, weight) if self.demodulate else None
        x = x * style[:, :, None, None].to(x.dtype)
        if self.blur is not None:
            x = self.blur(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2))
        else:
            x = F.conv2d(x, weight, padding=self.padding)
        return x if gain is None else x * gain[:, :, None, None].to(x.dtype)

    def _gain(self, style: Tensor, weight: Tensor) -> Tensor:
        """``[B, in]`` -> one factor per output channel, ``[B, out]``."""
        energy = self._tap_energy(weight) if self._energy is None else self._energy
        return torch.rsqrt(style.square() @ energy.t() + DEMODULATION_EPS)
