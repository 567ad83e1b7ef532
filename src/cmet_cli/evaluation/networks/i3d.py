"""I3D: the video network behind the Fréchet video distance.

"Quo vadis, action recognition?" (Carreira and Zisserman, CVPR 2017), Inception-v1 inflated to
three dimensions, trained on Kinetics-400; tensors are named as in its usual PyTorch port. Padding
is TensorFlow's ``SAME``: by the input's size, the odd one at the end.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CLASSES = 400
SIDE_PX = 224
#: Two steps must be left after three halvings of time.
LEAST_FRAMES = 9

Triple = tuple[int, int, int]
#: Widths of the branches: 1x1, 3x3 (in, out), the second 3x3 (in, out), after the pooling.
Widths = tuple[int, int, int, int, int, int]


def pad_same(x: Tensor, kernel: Triple, stride: Triple) -> Tensor:
    """Zeros around ``[B, C, T, H, W]``, so that every ``stride``-th place has a whole kernel."""
    sides: list[int] = []
    for size, k, s in zip(x.shape[:1:-1], kernel[::-1], stride[::-1], strict=True):  # W, H, T
        missing = max(k - (size % s or s), 0)
        sides += [missing // 2, missing - missing // 2]
    return F.pad(x, sides)


class Unit3d(nn.Module):
    """Convolution, normalisation, ReLU; or, with a bias, the convolution alone."""

    def __init__(
        self,
        channels: tuple[int, int],
        kernel: Triple = (1, 1, 1),
        stride: Triple = (1, 1, 1),
        *,
        plain: bool = False,
    ) -> None:
        super().__init__()
        self._kernel, self._stride = kernel, stride
        self.conv3d = nn.Conv3d(*channels, kernel, stride, bias=plain)
        self.bn = None if plain else nn.BatchNorm3d(channels[1])

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv3d(pad_same(x, self._kernel, self._stride))
        return x if self.bn is None else F.relu(self.bn(x))


class MaxPool3d(nn.Module):
    """Over what :func:`pad_same` pads: after a ReLU nought never wins wrongly."""

    def __init__(self, kernel: Triple, stride: Triple) -> None:
        super().__init__()
        self._kernel, self._stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        return F.max_pool3d(pad_same(x, self._kernel, self._stride), self._kernel, self._stride)


class Mixed(nn.Module):
    """Four branches side by side."""

    def __init__(self, channels: int, widths: Widths) -> None:
        super().__init__()
        cube = (3, 3, 3)
        self.b0 = Unit3d((channels, widths[0]))
        self.b1a, self.b1b = Unit3d((channels, widths[1])), Unit3d((widths[1], widths[2]), cube)
        self.b2a, self.b2b = Unit3d((channels, widths[3])), Unit3d((widths[3], widths[4]), cube)
        self.b3a, self.b3b = MaxPool3d(cube, (1, 1, 1)), Unit3d((channels, widths[5]))

    def forward(self, x: Tensor) -> Tensor:
        branches = (
            self.b0(x),
            self.b1b(self.b1a(x)),
            self.b2b(self.b2a(x)),
            self.b3b(self.b3a(x)),
        )
        return torch.cat(branches, 1)


_MIXED: dict[str, Widths] = {
    "3b": (64, 96, 128, 16, 32, 32),
    "3c": (128, 128, 192, 32, 96, 64),
    "4b": (192, 96, 208, 16, 48, 64),
    "4c": (160, 112, 224, 24, 64, 64),
    "4d": (128, 128, 256, 24, 64, 64),
    "4e": (112, 144, 288, 32, 64, 64),
    "4f": (256, 160, 320, 32, 128, 128),
    "5b": (256, 160, 320, 32, 128, 128),
    "5c": (384, 192, 384, 48, 128, 128),
}


class I3D(nn.Module):
    """float32 ``[B, 3, T, 224, 224]`` RGB in [-1, 1] -> logits ``[B, 400]``, T at least 9."""

    def __init__(self) -> None:
        super().__init__()
        flat, halved = (1, 3, 3), (1, 2, 2)
        self.Conv3d_1a_7x7 = Unit3d((3, 64), (7, 7, 7), (2, 2, 2))
        self.MaxPool3d_2a_3x3 = MaxPool3d(flat, halved)
        self.Conv3d_2b_1x1 = Unit3d((64, 64))
        self.Conv3d_2c_3x3 = Unit3d((64, 192), (3, 3, 3))
        self.MaxPool3d_3a_3x3 = MaxPool3d(flat, halved)
        channels = 192
        for name, widths in _MIXED.items():
            if name == "4b":
                self.MaxPool3d_4a_3x3 = MaxPool3d((3, 3, 3), (2, 2, 2))
            if name == "5b":
                self.MaxPool3d_5a_2x2 = MaxPool3d((2, 2, 2), (2, 2, 2))
            self.add_module(f"Mixed_{name}", Mixed(channels, widths))
            channels = widths[0] + widths[2] + widths[4] + widths[5]
        self.logits = Unit3d((channels, CLASSES), plain=True)

    def forward(self, x: Tensor) -> Tensor:
        for name, layer in self.named_children():
            if name != "logits":
                x = layer(x)
        x = F.avg_pool3d(x, (2, 7, 7), (1, 1, 1))  # [B, 1024, T', 1, 1]
        return self.logits(x).flatten(2).mean(2)
