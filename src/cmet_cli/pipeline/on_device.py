"""Whether what is done to a video's pixels is done on the device of the networks; and its crops."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..backends.devices import Compute
from ..faces.device.crop import crop_rgb
from ..faces.geometry import Square
from ..media.pixels import ColourConverter
from ..media.probe import VideoInfo
from ..media.reader import Frame


def pixel_device(compute: Compute, info: VideoInfo) -> torch.device | None:
    """The device on which faces are cut, compared and painted; None for NumPy and OpenCV.

    On CUDA alone: where the networks share the CPU's memory nothing is gained by tensors, and on
    MPS nobody has measured it. HDR's curves are in NumPy.
    """
    return compute.device if compute.device.type == "cuda" and not info.colour.hdr else None


class DeviceCropper:
    """As :class:`~cmet_cli.pipeline.cropper.Cropper`, many frames at once."""

    def __init__(self, info: VideoInfo, size_px: int, device: torch.device) -> None:
        self.size_px, self.layout, self.device = size_px, info.pixel_format, device
        self.converter = ColourConverter(info.colour, info.pixel_format, info.height)

    def __call__(self, frames: Sequence[Frame], squares: Sequence[Square]) -> Tensor:
        """-> RGB float32 ``[B, 3, S, S]`` in [0, 255]."""
        planes = [frame.planes for frame in frames]
        layout, converter = self.layout, self.converter
        with torch.inference_mode():
            return crop_rgb(planes, squares, self.size_px, layout, converter, self.device)
