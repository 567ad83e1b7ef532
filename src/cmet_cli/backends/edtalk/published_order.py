"""The published order of work, for comparison with ours in one process.

One frame at a time; the source encoded again for each, and the driving picture once for the head
and once for the face (three encodings: 165 GFLOP a frame at the published sizes); both convolutions
of every expression block though one is thrown away; blurs as StyleGAN2's ``upfirdn2d`` does them
without a CUDA kernel (every channel a picture of its own, zeros inserted and then convolved);
modulated convolutions by weights made for each sample. The arithmetic is the same.
"""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .decoder import FineExpressionBlock
from .layers import DEMODULATION_EPS, Blur, ModulatedConv2d, UpsampleBlur
from .networks import EDTalk


class PublishedOrder:
    """The plain modules, driven as the published script drives them."""

    def __init__(self, model: EDTalk) -> None:
        self._model = as_published(copy.deepcopy(model))

    @torch.inference_mode()
    def frame(self, source: Tensor, driving: Tensor) -> Tensor:
        """Pictures ``[1, 3, S, S]`` -> the source as the driving one, ``[1, 3, S, S]``."""
        model = self._model
        head, codes = (model.latent_to_codes(model.encode(driving)[0]) for _ in range(2))
        pose = model.config.pose_slice
        codes[:, pose] = head[:, pose]
        latent, features = model.encode(source)
        for block, feature in zip(model.dec.fineadainresblock, features, strict=True):
            assert isinstance(block, FineExpressionBlock)
            block.conv2(feature)  # as large as the convolution whose result is not used there
        return model.dec(
            model.dec.prepare_source(latent, features), *model.codes_to_directions(codes)
        )


def as_published(module: EDTalk) -> EDTalk:
    """Blurs and modulated convolutions computed the published way, in place."""
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, Blur):
                setattr(parent, name, _Filter(child.kernel, 1, child.padding[:2]))
            elif isinstance(child, UpsampleBlur):
                setattr(parent, name, _Filter(child.kernel, 2, (2, 1)))
            elif isinstance(child, ModulatedConv2d):
                child.forward = _Modulated(child)  # type: ignore[method-assign]
    return module


class _Filter(nn.Module):
    """Insert zeros, pad, convolve every channel by itself."""

    def __init__(self, kernel: Tensor, up: int, padding: tuple[int, ...]) -> None:
        super().__init__()
        self.kernel, self.up, self.padding = kernel.flip(0, 1)[None, None], up, padding

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        rows = x.reshape(-1, 1, height, 1, width, 1)
        rows = F.pad(rows, [0, self.up - 1, 0, 0, 0, self.up - 1])
        rows = rows.reshape(-1, 1, height * self.up, width * self.up)
        rows = F.conv2d(F.pad(rows, [*self.padding, *self.padding]), self.kernel)
        return rows.view(batch, channels, *rows.shape[2:])


class _Modulated:
    """A weight for each sample, and one grouped convolution."""

    def __init__(self, layer: ModulatedConv2d) -> None:
        self._layer = layer

    def __call__(self, x: Tensor, latent: Tensor) -> Tensor:
        layer, batch = self._layer, len(x)
        style = layer.modulation(latent)[:, None, :, None, None]
        weight = layer.scaled_weight() * style  # [B, out, in, k, k]
        if layer.demodulate:
            weight = weight * torch.rsqrt(
                weight.square().sum([2, 3, 4], keepdim=True) + DEMODULATION_EPS
            )
        x = x.reshape(1, -1, *x.shape[2:])
        if layer.blur is None:
            x = F.conv2d(x, weight.flatten(0, 1), padding=layer.padding, groups=batch)
            return x.view(batch, -1, *x.shape[2:])
        x = F.conv_transpose2d(x, weight.transpose(1, 2).flatten(0, 1), stride=2, groups=batch)
        return layer.blur(x.view(batch, -1, *x.shape[2:]))
