"""Pass two: the codes of every face in every frame. Keeps a few dozen floats a frame and face."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import cv2
import numpy as np

from ..backends.base import Backend, CodeLayout, PreparingBackend
from ..backends.compute import Array, on_host
from ..backends.images import of_pixels, to_images
from ..errors import MediaError
from ..faces.geometry import Square
from ..faces.placement import Placement, fill_absent
from ..media.held import opened
from ..media.probe import VideoInfo
from ..media.reader import Frame
from ..options import Progress
from .ahead import ahead
from .cropper import Cropper, batches
from .find import FaceMap
from .on_device import DeviceCropper, pixel_device

if TYPE_CHECKING:
    import torch

#: RGB crops, ``[S, S, 3]`` each or ``[B, 3, S, S]`` on a device.
Crops: TypeAlias = "Sequence[np.ndarray] | torch.Tensor"

#: Of prepared sources, in one video: eight seconds of it with the model that ships.
KEPT_BYTES = 2**28


class KeptSources:
    """Crops and prepared sources of groups of frames, from reading to rendering: as many as there
    is room for. What is not there is made again."""

    def __init__(self, most_bytes: int) -> None:
        self._room = most_bytes
        self._kept: dict[tuple[int, ...], tuple[Crops, Any]] = {}

    @property
    def full(self) -> bool:
        return self._room <= 0

    def keep(self, frames: Sequence[int], crops: Crops, source: Any, size_bytes: int) -> None:
        """frames: their indices."""
        self._room -= size_bytes
        if not self.full:
            self._kept[tuple(frames)] = crops, source

    def of(self, frames: Sequence[int]) -> tuple[Crops, Any] | None:
        """Of exactly these frames."""
        return self._kept.get(tuple(frames))

    def clear(self) -> None:
        self._room = 0
        self._kept.clear()


@dataclass(frozen=True)
class FaceCodes:
    """One face's codes, float32 ``[n, layout.dim]`` (absent frames filled in from their
    neighbours), and its sharpness ``[n]`` (variance of the crop's Laplacian). sources: what was
    kept of the way there for frames that are rendered from themselves."""

    placement: Placement
    codes: np.ndarray
    sharpness: np.ndarray
    sources: KeptSources | None = field(default=None, compare=False, repr=False)

    def fitness(self, layout: CodeLayout) -> np.ndarray:
        """How fit each frame is to lend its face, float ``[n]``: sharp, near the clip's middle.

        A clip is mostly neutral and mostly frontal, so its medians stand for both.
        """
        present = self.placement.present
        seen, far = self.codes[present], np.zeros(len(self.codes))
        for part in (layout.pose_slice, layout.expression_slice):
            if part.start == part.stop:
                continue
            centre, spread = np.median(seen[:, part], 0), seen[:, part].std(0) + 1e-6
            far += (((self.codes[:, part] - centre) / spread) ** 2).mean(1)
        typical = np.median(self.sharpness[present]) + 1e-6
        return np.minimum(self.sharpness / typical, 2.0) - far


def crop_images(crops: Crops, backend: Backend) -> Array:
    """RGB crops -> images for a backend."""
    if isinstance(crops, Sequence):
        return to_images(np.stack(crops), backend.compute.device)
    return of_pixels(crops)


def encode_crops(crops: Crops, backend: Backend) -> np.ndarray:
    """RGB crops -> codes float32 ``[len(crops), layout.dim]``."""
    return on_host(backend.encode(crop_images(crops, backend)))


def encode_faces(
    info: VideoInfo,
    faces: FaceMap,
    backend: Backend,
    progress: Progress,
    *,
    device: torch.device | None = None,
    keep_bytes: int = 0,
) -> list[FaceCodes]:
    """Encode every face square of every frame. device: where they are cut; left out, as
    :func:`pixel_device` has it; keep_bytes: how much may be kept of sources, all faces together.
    """
    size_px, n = backend.crop.size_px, len(faces.ticks)
    device = device or pixel_device(backend.compute)
    here = Cropper(info, size_px)
    there = None if device is None else DeviceCropper(info, size_px, device)
    codes = [np.zeros((n, backend.layout.dim), np.float32) for _ in faces.placements]
    sharp = [np.zeros(n, np.float32) for _ in faces.placements]
    kept = [KeptSources(keep_bytes // len(codes)) for _ in faces.placements]

    def cut(seen: list[tuple[Frame, Square]]) -> Crops:
        if there is None:
            return [here(frame, square) for frame, square in seen]
        return there([frame for frame, _ in seen], [square for _, square in seen])

    def keep(job: tuple[int, list[int], Crops]) -> None:
        k, at, crops = job
        images = crop_images(crops, backend)
        if isinstance(backend, PreparingBackend) and not kept[k].full:
            found, source = backend.encode_and_prepare(images)
            kept[k].keep(at, crops, source, backend.prepared_bytes(source))
        else:
            found = backend.encode(images)
        codes[k][at] = on_host(found)
        sharp[k][at] = sharpnesses(crops)

    def crops_of(frames: Iterable[Frame]) -> Iterator[tuple[int, list[int], Crops]]:
        done = 0
        for group in batches(frames, backend.compute.batch_size):
            for k, placement in enumerate(faces.placements):
                seen = [(f, s) for f in group if f.index < n and (s := placement.square(f.index))]
                if seen:
                    yield k, [f.index for f, _ in seen], cut(seen)
            done += len(group)
            progress("reading", done, n)
        if done < n:
            raise MediaError(f"{info.path}: decoding it twice gave different frames")

    # The networks work on one group while the next is decoded and cut.
    with opened(info, faces.held) as frames:
        for _ in ahead(keep, crops_of(frames), backend.compute.device):
            pass
    return [
        FaceCodes(p, fill_absent(c, p.present), s, sources)
        for p, c, s, sources in zip(faces.placements, codes, sharp, kept, strict=True)
    ]


def sharpnesses(crops: Crops) -> np.ndarray:
    """Of each crop, float32 ``[n]``."""
    if isinstance(crops, Sequence):
        return np.array([sharpness_of(crop) for crop in crops], np.float32)
    from ..faces.device.crop import sharpness

    return on_host(sharpness(crops))


def sharpness_of(rgb: np.ndarray) -> float:
    """Variance of the Laplacian of a picture ``[S, S, 3]`` in [0, 255]."""
    return float(cv2.Laplacian(rgb.mean(-1), cv2.CV_32F).var())
