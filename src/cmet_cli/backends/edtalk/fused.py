"""EDTalk's arithmetic for a GPU: cuDNN's convolutions, and one kernel between each two of them.

The same numbers as :mod:`.fast`, which says what is folded where; here style, demodulation, bias,
activation, blur, warp and the sums over the scales are done while a picture passes by
(:mod:`.kernels`). Styles are always on activations, so that a batch shares one convolution.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .decoder import Decoder, SourceFeatures, StyledConv
from .form import Details, Form
from .kernels import activated, blurred, painted_scale
from .layers import ACTIVATION_GAIN, DEMODULATION_EPS
from .visual_encoder import AppearanceEncoder, EncoderBlock


class FusedEncoder:
    """As ``_Encoder`` of :mod:`.fast`."""

    def __init__(self, trunk: AppearanceEncoder, form: Form) -> None:
        self._form = form
        first, *blocks, last = trunk.convs
        assert isinstance(first, nn.Sequential)
        self._first = form(_weight(first[0]) * ACTIVATION_GAIN)
        self._bias = _bias(first[1], ACTIVATION_GAIN)
        self._blocks = [_FusedBlock(b, form) for b in blocks if isinstance(b, EncoderBlock)]
        self._last = form(_weight(last))

    def __call__(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        with torch.cuda.device_of(images):  # Triton's kernels run on the current one
            return self._encoded(images)

    def _encoded(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        x = activated(F.conv2d(self._form(images), self._first), self._bias)
        features = [x]
        for block in self._blocks:
            x = block(x)
            features.append(x)
        return F.conv2d(x, self._last).flatten(1).float(), features[-2::-1]


class _FusedBlock:
    def __init__(self, block: EncoderBlock, form: Form) -> None:
        self._same = form(_weight(block.conv1[0]) * ACTIVATION_GAIN)
        self._same_bias = _bias(block.conv1[1], ACTIVATION_GAIN)
        self._half, self._half_bias = form(_weight(block.conv2[1])), _bias(block.conv2[2], 1.0)
        self._skip = form(_weight(block.skip[1]) / ACTIVATION_GAIN)

    def __call__(self, x: Tensor) -> Tensor:
        y = blurred(F.conv2d(x, self._same, padding=1), 2, before=self._same_bias)
        skip = F.conv2d(blurred(x, 1, stride=2), self._skip)
        return activated(F.conv2d(y, self._half, stride=2), self._half_bias, more=skip)


@dataclass(frozen=True, eq=False)
class _Styled:
    """A modulated convolution. energy: of its taps ``[in, out]``; bias ``[out]``."""

    weight: Tensor
    energy: Tensor
    bias: Tensor

    @classmethod
    def of(cls, styled: StyledConv, form: Form) -> _Styled:
        weight = styled.conv.weight[0].detach()
        energy = weight.square().sum((2, 3)).t().contiguous()
        shared = weight.transpose(0, 1) if styled.conv.blur is not None else weight
        return cls(form(shared), energy, _bias(styled.activate, ACTIVATION_GAIN))

    def after(self, style: Tensor) -> tuple[Tensor, Tensor]:
        """Gain ``[B, out]`` and bias ``[out]`` of what it gives for a style ``[B, in]``."""
        gain = torch.rsqrt(style.square() @ self.energy + DEMODULATION_EPS) * ACTIVATION_GAIN
        return gain, self.bias


class FusedDecoder:
    """As ``_Decoder`` of :mod:`.fast`."""

    def __init__(self, decoder: Decoder, form: Form) -> None:
        self._form, self._details = form, Details(decoder, form)
        self._start = form(decoder.input.input)
        layers: list[Any] = list(decoder.convs)
        self._convs = [_Styled.of(c, form) for c in (decoder.conv1, *layers)]
        flows: list[Any] = list(decoder.to_flows)
        styles = [c.conv.modulation for c in (decoder.conv1, *layers, *flows)]
        self._widths = [len(s.bias) for s in styles]
        self._style = _stacked(styles)
        self._flows = [(f.conv.weight[0, :, :, 0, 0], f.bias.flatten()) for f in flows]
        rgbs: list[Any] = list(decoder.to_rgbs)
        self._rgbs = [
            (_weight(r.conv[0])[:, :, 0, 0].contiguous(), torch.cat([_bias(r.conv[1], 1.0),
             r.bias.flatten()])) for r in rgbs
        ]  # fmt: skip
        self._blocks: list[Any] = list(decoder.fineadainresblock)
        self._shared = _stacked([b.norm2.mlp_shared[0] for b in self._blocks])

    def prepare(self, latent: Tensor, features: list[Tensor]) -> SourceFeatures:
        return self._details(latent, features)

    def __call__(
        self, source: SourceFeatures, direction: Tensor, expression: Tensor
    ) -> tuple[Tensor, Tensor]:
        """As :meth:`Decoder.paint`."""
        with torch.cuda.device_of(direction):
            return self._painted(source, direction, expression)

    def _painted(
        self, source: SourceFeatures, direction: Tensor, expression: Tensor
    ) -> tuple[Tensor, Tensor]:
        latent, n = source.latent + direction, len(direction)
        styles = F.linear(latent, *self._style).split(self._widths, 1)
        hidden = F.linear(expression, *self._shared).relu_().chunk(len(self._blocks), 1)
        first, convs = self._convs[0], self._convs[1:]
        into, to_flows = styles[1 : len(convs) + 1], styles[len(convs) + 1 :]
        x = self._start * styles[0][:, :, None, None].to(self._form.dtype)
        x = F.conv2d(x.contiguous(memory_format=torch.channels_last), first.weight, padding=1)
        gain, bias = first.after(styles[0])
        # Parts of all styles, in rows of their own as the kernels walk them.
        x = activated(x, bias, gain=gain, style=into[0].contiguous())
        state: Tensor | None = None
        for j, (feature, detail) in enumerate(zip(source.features, source.details, strict=True)):
            up, same = convs[2 * j : 2 * j + 2]
            x = F.conv_transpose2d(x, up.weight, stride=2)
            style = into[2 * j + 1].contiguous()
            x = blurred(x, 1, total=4.0, after=up.after(into[2 * j]), style=style)
            x = F.conv2d(x, same.weight, padding=1)
            norm, (weight, flow_bias) = self._blocks[j].norm2, self._flows[j]
            scale, offset = 1 + norm.mlp_gamma(hidden[j]), norm.mlp_beta(hidden[j])
            further = into[2 * j + 2 : 2 * j + 3]
            state, x = painted_scale(
                x,
                same.after(into[2 * j + 1]),
                ((weight * to_flows[j][:, None]).expand(n, -1, -1).contiguous(), flow_bias),
                (detail, feature, scale, offset),
                self._rgbs[j],
                further[0].contiguous() if further else None,
                state,
            )
        assert state is not None
        flow, picture = state.split([3, 3], 1)
        return picture, torch.tanh(flow[:, :2]) * (flow.shape[-1] / 2)


def _stacked(layers: list[Any]) -> tuple[Tensor, Tensor]:
    """Linear layers of one input as one."""
    return torch.cat([x.weight for x in layers]), torch.cat([x.bias for x in layers])


def _weight(layer: nn.Module) -> Tensor:
    weight = layer.weight
    assert isinstance(weight, Tensor)
    return weight.detach()


def _bias(activation: nn.Module, gain: float) -> Tensor:
    bias = activation.bias
    assert isinstance(bias, Tensor)
    return (bias.detach().flatten() * gain).contiguous()
