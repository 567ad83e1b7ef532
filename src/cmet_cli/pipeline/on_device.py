"""Whether what is done to a video's pixels is done on the device of the networks; and its crops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..backends.compute import Compute, HostDevice
from ..faces.geometry import Square
from ..faces.repaint import Planes
from ..media.pixels import ColourConverter
from ..media.probe import VideoInfo
from ..media.reader import Frame

if TYPE_CHECKING:
    import torch
    from torch import Tensor

#: Pixels of faces in their frames, and faces, that are cut or repainted at once: bounds the memory
#: (70 bytes a pixel in 4:2:0, 135 in 4:4:4). 32 faces of 560 pixels.
MOST_PIXELS, MOST_FACES = 32 * 560**2, 32


def pixel_device(compute: Compute) -> torch.device | None:
    """The device on which faces are cut, compared and painted; None for NumPy and OpenCV.

    On CUDA alone: beside networks on a CPU, OpenCV is several times as fast as tensors, and on MPS
    nobody has measured it.
    """
    device = compute.device
    return device if not isinstance(device, HostDevice) and device.type == "cuda" else None


def at_once(squares: Sequence[Square]) -> int:
    """How many faces like these are worked on at a time."""
    side = max((square.side for square in squares), default=1.0)
    return max(1, min(MOST_FACES, int(MOST_PIXELS / side**2)))


class DeviceCropper:
    """As :class:`~cmet_cli.pipeline.cropper.Cropper`, many frames at once."""

    def __init__(self, info: VideoInfo, size_px: int, device: torch.device) -> None:
        self._size_px, self._layout, self._device = size_px, info.pixel_format, device
        self._converter = ColourConverter(info.colour, info.pixel_format, info.height)

    def __call__(self, frames: Sequence[Frame], squares: Sequence[Square]) -> Tensor:
        """-> RGB float32 ``[B, 3, S, S]`` in [0, 255]."""
        import torch

        few, crops = at_once(squares), []
        with torch.inference_mode():
            for start in range(0, len(frames), few):
                planes = [frame.planes for frame in frames[start : start + few]]
                crops.append(self._crop(planes, squares[start : start + few]))
            return torch.cat(crops)

    def _crop(self, planes: Sequence[Planes], squares: Sequence[Square]) -> Tensor:
        from ..faces.device.crop import crop_rgb

        layout, converter = self._layout, self._converter
        return crop_rgb(planes, squares, self._size_px, layout, converter, self._device)
