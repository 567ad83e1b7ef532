"""SyncNet v2: how far the lips of a few frames lie from a fifth of a second of sound.

"Out of time: automated lip sync in the wild" (Chung and Zisserman, ACCV workshops 2016); tensors
are named as in the published file.
"""

from __future__ import annotations

from torch import Tensor, nn

DIM = 1024
SIDE_PX = 224
#: What is seen at once, at 25 frames a second, and what is heard, at 100 columns a second.
FRAMES, COLUMNS = 5, 20
COEFFICIENTS = 13


def _unit(conv: nn.Module, norm: nn.Module) -> list[nn.Module]:
    return [conv, norm, nn.ReLU()]


def _hearing() -> nn.Sequential:
    def layer(a: int, b: int, kernel: tuple[int, int], padding: int) -> list[nn.Module]:
        return _unit(nn.Conv2d(a, b, kernel, 1, padding), nn.BatchNorm2d(b))

    return nn.Sequential(
        *layer(1, 64, (3, 3), 1),
        nn.MaxPool2d((1, 1), (1, 1)),
        *layer(64, 192, (3, 3), 1),
        nn.MaxPool2d((3, 3), (1, 2)),
        *layer(192, 384, (3, 3), 1),
        *layer(384, 256, (3, 3), 1),
        *layer(256, 256, (3, 3), 1),
        nn.MaxPool2d((3, 3), (2, 2)),
        *layer(256, 512, (5, 4), 0),
    )


def _seeing() -> nn.Sequential:
    def layer(
        a: int, b: int, kernel: tuple[int, int, int], stride: int = 1, padding: int = 1
    ) -> list[nn.Module]:
        conv = nn.Conv3d(a, b, kernel, (1, stride, stride), (0, padding, padding))
        return _unit(conv, nn.BatchNorm3d(b))

    return nn.Sequential(
        *layer(3, 96, (5, 7, 7), 2, 0),
        nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
        *layer(96, 256, (1, 5, 5), 2, 1),
        nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
        *layer(256, 256, (1, 3, 3)),
        *layer(256, 256, (1, 3, 3)),
        *layer(256, 256, (1, 3, 3)),
        nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
        *layer(256, 512, (1, 6, 6), 1, 0),
    )


def _head() -> nn.Sequential:
    norm = nn.BatchNorm1d(512)
    return nn.Sequential(nn.Linear(512, 512), norm, nn.ReLU(), nn.Linear(512, DIM))


class SyncNet(nn.Module):
    """Two towers into one space, where what belongs together lies close."""

    def __init__(self) -> None:
        super().__init__()
        self.netcnnaud, self.netfcaud = _hearing(), _head()
        self.netcnnlip, self.netfclip = _seeing(), _head()

    def hear(self, columns: Tensor) -> Tensor:
        """float32 ``[B, 1, 13, 20]``, cepstra of 0.2 s -> ``[B, 1024]``."""
        return self.netfcaud(self.netcnnaud(columns).flatten(1))

    def see(self, frames: Tensor) -> Tensor:
        """float32 ``[B, 3, 5, 224, 224]``, BGR in 0..255 -> ``[B, 1024]``."""
        return self.netfclip(self.netcnnlip(frames).flatten(1))
