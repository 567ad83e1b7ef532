"""EDTalk's arithmetic laid out for speed: what :mod:`.networks` computes, by fewer passes.

Measured on two CPU cores at the published sizes, where the 3x3 convolutions alone reach the
machine's peak: channels-last throughout; weights in the chosen number format once, not at every
call; the activation's gain folded into weights and biases, biases into the convolutions; at large
pictures style and demodulation in the weights (few), at small ones on the activations (few); the
warp as a weighted sum of four table rows; of the last scale only three planes are moved (what is
moved linearly may as well be made a picture before), and only three of the trunk are kept. What is
small and sensitive stays in float32, as there.
"""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...log import log
from ..side_by_side import shares, side_by_side
from ..winograd import Winograd
from .decoder import Decoder, SourceFeatures, StyledConv, ToFlow, ToRGB, together
from .form import Details, Form, by_channel
from .layers import (
    ACTIVATION_GAIN,
    DEMODULATION_EPS,
    LEAKY_SLOPE,
)
from .networks import EDTalk
from .visual_encoder import AppearanceEncoder, EncoderBlock
from .warp import squashed, warped

if TYPE_CHECKING:
    from .fused import FusedDecoder, FusedEncoder

#: From this side on, and for so few pictures at a time, the style goes into the weights.
FOLD_SIDE, FOLD_BATCH = 64, 4
#: Pixels at once of what is done in float32 to pictures in another format.
PIECE = 4096


def has_kernels(device: torch.device) -> bool:
    """Whether the kernels of :mod:`.fused` may run there: Triton comes with torch for CUDA on
    Linux."""
    return device.type == "cuda" and importlib.util.find_spec("triton") is not None


class FastEDTalk:
    """The networks of an edit for inference, from a folded :class:`EDTalk`.

    dtype: of the large convolutions and features; everything that goes in and comes out is float32.
    """

    def __init__(self, model: EDTalk, dtype: torch.dtype) -> None:
        device = model.direction_exp.weight.device
        form = Form.on(device, dtype)
        self._model = model
        trunk = model.enc["net_app"]
        assert isinstance(trunk, AppearanceEncoder)
        self._encoder: _Encoder | FusedEncoder = _Encoder(trunk, form)
        self._decoder: _Decoder | FusedDecoder = _Decoder(model.dec, form)
        if has_kernels(device):
            self._fuse(trunk, form, device)

    def _fuse(self, trunk: AppearanceEncoder, form: Form, device: torch.device) -> None:
        """Take the kernels, if they work: Triton wants a C compiler, and a GPU it knows."""
        passes, config = (self._encoder, self._decoder), self._model.config
        try:
            from .fused import FusedDecoder, FusedEncoder

            self._encoder = FusedEncoder(trunk, form)
            self._decoder = FusedDecoder(self._model.dec, form)
            side = config.image_size_px
            with torch.inference_mode():
                source = self.prepare_source(torch.zeros(1, 3, side, side, device=device))
                self.render_moving(source, torch.zeros(1, config.code_dim, device=device))
        except Exception as error:  # whatever it lacks, the other way does without
            log.info("no Triton kernels on %s: %s", device, error)
            self._encoder, self._decoder = passes

    def encode(self, images: Tensor) -> Tensor:
        """``images [B, 3, S, S]`` in [-1, 1] -> codes ``[B, code_dim]``."""
        codes = side_by_side(self._codes, [(part,) for part in self._parts(images)])
        return together(codes)

    def prepare_source(self, images: Tensor) -> SourceFeatures:
        """As :meth:`EDTalk.prepare_source`; features in this form."""
        return self.encode_and_prepare(images)[1]

    def encode_and_prepare(self, images: Tensor) -> tuple[Tensor, SourceFeatures]:
        """What :meth:`encode` and :meth:`prepare_source` give, the encoder run once."""
        made = side_by_side(self._both, [(part,) for part in self._parts(images)])
        codes, sources = zip(*made, strict=True)
        return together(codes), SourceFeatures.together(sources)

    def render_moving(self, source: SourceFeatures, codes: Tensor) -> tuple[Tensor, Tensor]:
        """As :meth:`EDTalk.render_moving`."""
        parts = self._parts(codes)
        sources = source.chunks([len(part) for part in parts])
        made = side_by_side(self._paint, list(zip(sources, parts, strict=True)))
        frames, moved = zip(*made, strict=True)
        return together(frames), together(moved)

    def _parts(self, rows: Tensor) -> tuple[Tensor, ...]:
        """Of a batch, what is computed side by side."""
        return rows.chunk(shares(len(rows), self._model.config.image_size_px, rows.device))

    def _codes(self, images: Tensor) -> Tensor:
        return self._model.latent_to_codes(self._encoder(images)[0])

    def _both(self, images: Tensor) -> tuple[Tensor, SourceFeatures]:
        latent, features = self._encoder(images)
        return self._model.latent_to_codes(latent), self._decoder.prepare(latent, features)

    def _paint(self, source: SourceFeatures, codes: Tensor) -> tuple[Tensor, Tensor]:
        return self._decoder(source, *self._model.codes_to_directions(codes))


class _Encoder:
    def __init__(self, trunk: AppearanceEncoder, form: Form) -> None:
        self._form = form
        first, *blocks, last = trunk.convs
        assert isinstance(first, nn.Sequential)
        self._first = _conv_and_bias(first[0], first[1], form, ACTIVATION_GAIN)
        self._blocks = [_EncoderBlock(b, form) for b in blocks if isinstance(b, EncoderBlock)]
        assert isinstance(last.weight, Tensor)
        self._last = form(last.weight)

    def __call__(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        x = F.leaky_relu_(F.conv2d(self._form(images), *self._first), LEAKY_SLOPE)
        features = [x]
        for block in self._blocks:
            x = block(x)
            features.append(x)
        return F.conv2d(x, self._last).flatten(1).float(), features[-2::-1]


class _EncoderBlock:
    """The factor 1/sqrt(2) of the sum is in the second activation (whose gain it undoes) and in the
    skip's weights; the skip is blurred only where it is then looked at."""

    def __init__(self, block: EncoderBlock, form: Form) -> None:
        same = _conv_and_bias(block.conv1[0], block.conv1[1], form, ACTIVATION_GAIN)
        self._same = Winograd(*same)
        self._half = _conv_and_bias(block.conv2[1], block.conv2[2], form, 1.0)
        skip = block.skip[1].weight
        assert isinstance(skip, Tensor)
        self._skip = form(skip / ACTIVATION_GAIN)
        self._channels = skip.shape[1]
        self._blur = form.blur(self._channels, 1.0, skip.device)

    def __call__(self, x: Tensor) -> Tensor:
        blur, groups = self._blur, self._channels
        y = self._same(x, LEAKY_SLOPE)
        y = F.conv2d(y, blur, padding=2, groups=groups)
        y = F.leaky_relu_(F.conv2d(y, *self._half, stride=2), LEAKY_SLOPE)
        return y.add_(F.conv2d(F.conv2d(x, blur, stride=2, padding=1, groups=groups), self._skip))


def _conv_and_bias(
    conv: nn.Module, activation: nn.Module, form: Form, gain: float
) -> tuple[Tensor, Tensor]:
    """Leaky ReLU is homogeneous: its gain may as well be its input's."""
    weight, bias = conv.weight, activation.bias
    assert isinstance(weight, Tensor)
    assert isinstance(bias, Tensor)
    return form(weight * gain), (bias.detach().flatten() * gain).to(form.dtype)


class _StyledConv:
    """A modulated convolution with its bias and activation."""

    def __init__(self, styled: StyledConv, form: Form) -> None:
        conv = styled.conv
        weight = conv.weight[0].detach()  # [out, in, k, k]
        self._form, self._up = form, conv.blur is not None
        self._energy = weight.square().sum((2, 3)).t().contiguous()
        self._style = conv.modulation
        self._exact = weight.transpose(0, 1) if self._up else weight
        self._shared = form(self._exact)
        bias = styled.activate.bias.detach().flatten() * ACTIVATION_GAIN
        self._bias = bias.to(form.dtype)
        exact = form.dtype == torch.float32 and not self._up
        self._fewer = Winograd(weight, self._bias) if exact else None
        self._channels = len(bias)
        self._blur = form.blur(self._channels, 4.0, weight.device) if self._up else None

    def __call__(self, x: Tensor, latent: Tensor) -> Tensor:
        style, gain = self._modulation(latent)
        if self._fewer is not None and self._fewer.pays(x):
            return self._fewer.styled(x, style, gain, LEAKY_SLOPE)
        if x.shape[-1] >= FOLD_SIDE and len(x) <= FOLD_BATCH:
            rows = [self._folded(*one) for one in zip(x.split(1), style, gain, strict=True)]
            y = rows[0] if len(rows) == 1 else torch.cat(rows)
        else:
            y = self._convolved(x * style[:, :, None, None].to(x.dtype), self._shared, None)
            y = by_channel(y, gain.to(y.dtype), self._bias)
        return F.leaky_relu_(y, LEAKY_SLOPE)

    def planes(self, x: Tensor, latent: Tensor, weight: Tensor) -> Tensor:
        """What a 1x1 convolution ``[B, k, C]`` makes of it, in float32: ``[B, k, s, s]``."""
        if self._fewer is not None and self._fewer.pays(x):
            style, gain = self._modulation(latent)
            return self._fewer.styled(x, style, gain, LEAKY_SLOPE, weight)
        return _planes(self(x, latent), weight)

    def _modulation(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Of what goes in ``[B, in]``, and of what comes out ``[B, out]``."""
        style = self._style(latent)
        gain = torch.rsqrt(style.square() @ self._energy + DEMODULATION_EPS) * ACTIVATION_GAIN
        return style, gain

    def _folded(self, x: Tensor, style: Tensor, gain: Tensor) -> Tensor:
        """One picture, its style and gain in the weights."""
        into, out = (style[:, None], gain) if self._up else (style, gain[:, None])
        weight = self._exact * (into * out)[..., None, None]
        return self._convolved(x, self._form(weight), self._bias)

    def _convolved(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self._blur is None:
            return F.conv2d(x, weight, bias, padding=1)
        x = F.conv_transpose2d(x, weight, stride=2)
        return F.conv2d(x, self._blur, bias, padding=1, groups=self._channels)


class _Decoder:
    def __init__(self, decoder: Decoder, form: Form) -> None:
        self._form, self._plain = form, decoder
        self._start = form(decoder.input.input)
        self._first = _StyledConv(decoder.conv1, form)
        self._convs = [_StyledConv(c, form) for c in decoder.convs if isinstance(c, StyledConv)]
        self._details = Details(decoder, form)

    def prepare(self, latent: Tensor, features: list[Tensor]) -> SourceFeatures:
        """The last scale's features are what they show, ``[B, 3, s, s]`` float32."""
        made = self._details(latent, features)
        *smaller, largest = made.features
        to_rgb = self._plain.to_rgbs[-1]
        assert isinstance(to_rgb, ToRGB)
        shown = _planes(largest, _shown(to_rgb).expand(len(largest), -1, -1))
        return replace(made, features=(*smaller, shown))

    def __call__(
        self, source: SourceFeatures, direction: Tensor, expression: Tensor
    ) -> tuple[Tensor, Tensor]:
        """As :meth:`Decoder.paint`."""
        latent, n, plain = source.latent + direction, len(direction), self._plain
        trunk = self._first(self._start.expand(n, -1, -1, -1), latent)
        rgb: Tensor | None = None
        flow: Tensor | None = None
        last = len(source.features) - 1
        for j, (feature, detail) in enumerate(zip(source.features, source.details, strict=True)):
            to_flow, to_rgb, conv = plain.to_flows[j], plain.to_rgbs[j], self._convs[2 * j + 1]
            assert isinstance(to_flow, ToFlow)
            assert isinstance(to_rgb, ToRGB)
            trunk = self._convs[2 * j](trunk, latent)
            gamma, beta = plain.fineadainresblock[j].norm2(expression)  # type: ignore[operator]
            scale, offset = 1 + gamma.flatten(1), beta.flatten(1)
            if j < last:
                trunk = conv(trunk, latent)
                flow = _raw_flow(to_flow, _planes(trunk, _weight(to_flow, latent)), flow)
                dtype = detail.dtype
                moved = warped(by_channel(detail, scale.to(dtype), offset.to(dtype), feature), flow)
                planes = _planes(moved, _shown(to_rgb).expand(n, -1, -1))
            else:
                raw = conv.planes(trunk, latent, _weight(to_flow, latent))
                flow = _raw_flow(to_flow, raw, flow)
                shows = _shown(to_rgb)
                planes = _planes(detail, shows * scale[:, None]) + feature
                planes = warped(planes + (offset @ shows[0].t())[..., None, None], flow)
            mask = torch.sigmoid(flow[:, 2:3])
            rgb = _picture(to_rgb, planes, mask, rgb)
            if j < last:
                trunk = torch.lerp(trunk, moved, mask.to(trunk.dtype))
        assert rgb is not None
        assert flow is not None
        return rgb, squashed(flow[:, :2]) * (flow.shape[-1] / 2)


def _planes(x: Tensor, weight: Tensor) -> Tensor:
    """A 1x1 convolution in float32 to a few planes, with weights for each picture: ``[1 or B, C, s,
    s]`` and ``[B, k, C]`` -> ``[B, k, s, s]``."""
    n, channels, height, width = x.shape
    if n < len(weight):  # one picture: all of its planes at once
        made = _planes(x, weight.reshape(1, -1, channels))
        return made.reshape(len(weight), -1, height, width)
    rows = x.permute(0, 2, 3, 1).reshape(n, -1, channels)
    if x.device.type != "cpu" or x.dtype == torch.float32 or rows.shape[1] <= PIECE:
        made = torch.bmm(rows.float(), weight.transpose(1, 2))
        return made.view(n, height, width, -1).permute(0, 3, 1, 2)
    # Each piece is still at hand when it is multiplied; whole planes are faster to go on with.
    pieces = rows.transpose(1, 2).split(PIECE, 2)
    made = torch.cat([torch.bmm(weight, piece.float()) for piece in pieces], 2)
    return made.view(n, -1, height, width)


def _weight(layer: ToFlow, latent: Tensor) -> Tensor:
    """Of warp and mask ``[B, 3, C]``."""
    return layer.conv.weight[0, :, :, 0, 0] * layer.conv.modulation(latent)[:, None]


def _shown(layer: ToRGB) -> Tensor:
    """Of what features show ``[1, 3, C]``."""
    weight = layer.conv[0].weight
    assert isinstance(weight, Tensor)
    return weight[None, :, :, 0, 0]


def _raw_flow(layer: ToFlow, planes: Tensor, previous: Tensor | None) -> Tensor:
    """Warp and mask before their squashing, ``[B, 3, s, s]`` float32."""
    raw = planes + layer.bias
    return raw if previous is None else raw + layer.upsample(previous)


def _picture(layer: ToRGB, planes: Tensor, mask: Tensor, previous: Tensor | None) -> Tensor:
    """A scale's contribution, from what its warped features show before it is masked."""
    rgb = layer.conv[1](planes * mask) + layer.bias
    return rgb if previous is None else rgb + layer.upsample(previous)
