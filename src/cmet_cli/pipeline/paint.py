"""One video's painter: renders edited faces and joins them to the frames they came from."""

from __future__ import annotations

import numpy as np
import torch

from ..backends.devices import Compute
from ..backends.edtalk.crop import EDTALK_CROP
from ..backends.edtalk.decoder import SourceFeatures
from ..backends.edtalk.networks import EDTalk
from ..errors import MediaError
from ..faces.blend import head_mask, match_colours, square_mask
from ..faces.geometry import Square
from ..faces.paste import paste_rgb
from ..faces.placement import Placement
from ..media.probe import VideoInfo
from ..media.reader import Frame, FrameReader
from .encode import Cropper, FaceCodes, from_network, to_network

Planes = tuple[np.ndarray, ...]


class FacePainter:
    """Paints one face of one video.

    edited: codes float32 ``[n, code_dim]``; source: ``first``, ``best`` or ``frame``; paste:
    ``face``, ``crop`` or ``none``.
    """

    def __init__(
        self,
        info: VideoInfo,
        face: FaceCodes,
        edited: np.ndarray,
        source: str,
        paste: str,
        edtalk: EDTalk,
        compute: Compute,
    ) -> None:
        self._info, self._paste = info, paste
        self._edtalk, self._compute = edtalk, compute
        self.placement: Placement = face.placement
        self._edited, self._own_source = edited, source == "frame"
        self.crop = Cropper(info, edtalk.config.image_size_px)
        self._kept: tuple[int, SourceFeatures] | None = None
        self._borrowed: dict[int, np.ndarray] = {}
        scores = None
        if source == "best":
            scores = face.fitness(edtalk.config.pose_slice, edtalk.config.expression_slice)
        self._source_frames = self.placement.source_frames(scores)
        if source == "best":
            self._fetch_source_frames()

    def _fetch_source_frames(self) -> None:
        """Decode up to the last source frame and keep their crops (one a shot)."""
        wanted = {int(i) for i in np.unique(self._source_frames) if i >= 0}
        with FrameReader(self._info) as reader:
            for frame in reader:
                square = self.placement.square(frame.index) if frame.index in wanted else None
                if square is not None:
                    self._borrowed[frame.index] = self.crop(frame, square)
                if len(self._borrowed) == len(wanted):
                    return
        raise MediaError(f"{self._info.path}: decoding it twice gave different frames")

    def active(self, index: int) -> bool:
        """Whether a frame is edited at all."""
        return bool(self.placement.weights[index] > 0) and self._source_frames[index] >= 0

    def render(self, frames: list[Frame]) -> list[tuple[Frame, np.ndarray, np.ndarray]]:
        """Active frames -> (frame, rendered, original) crops, RGB float32 in [0, 255]."""
        out = []
        for run in self._runs(frames):
            originals = [self.crop(f, self._square(f)) for f in run]
            source = self._source(run, originals)
            codes = torch.from_numpy(self._edited[[f.index for f in run]])
            with self._compute.autocast(), torch.inference_mode():
                rendered = self._edtalk.render(source, codes.to(self._compute.device))
            out += list(zip(run, from_network(rendered), originals, strict=True))
        return out

    def paint(self, planes: Planes, frame: Frame, rendered: np.ndarray, old: np.ndarray) -> Planes:
        """The frame's planes with the rendered face joined in."""
        square = self._square(frame)
        mask = self._mask(square, self.placement.head_offsets[frame.index])
        if float(mask.min()) < 1.0:
            rendered = match_colours(rendered, old, mask)
        weight = np.float32(self.placement.weights[frame.index])
        layout, converter = self._info.pixel_format, self.crop.converter
        return paste_rgb(planes, rendered, mask * weight, square, layout, converter)

    def _mask(self, square: Square, head: np.ndarray) -> np.ndarray:
        size = self.crop.size_px
        if self._paste == "face":
            return head_mask(size, EDTALK_CROP.face, float(head[0]), float(head[1]))
        whole = square.side >= min(self._info.width, self._info.height) - 1
        return square_mask(size, faded=not whole)

    def _square(self, frame: Frame) -> Square:
        square = self.placement.square(frame.index)
        assert square is not None  # active frames have one
        return square

    def _runs(self, frames: list[Frame]) -> list[list[Frame]]:
        """Frames in lists that share a source (with ``frame``: one list, each its own)."""
        runs: list[list[Frame]] = []
        for frame in frames:
            source_frame = self._source_frames[frame.index]
            same = runs and (
                self._own_source or self._source_frames[runs[-1][0].index] == source_frame
            )
            if same:
                runs[-1].append(frame)
            else:
                runs.append([frame])
        return runs

    def _source(self, run: list[Frame], originals: list[np.ndarray]) -> SourceFeatures:
        if self._own_source:
            return self._prepare(np.stack(originals))
        source_frame = int(self._source_frames[run[0].index])
        if self._kept is None or self._kept[0] != source_frame:
            # The first frame of a shot lends its face, and is the first one met.
            crop = self._borrowed.pop(source_frame, originals[0])
            self._kept = (source_frame, self._prepare(crop[None]))
        return self._kept[1]

    def _prepare(self, crops: np.ndarray) -> SourceFeatures:
        with self._compute.autocast(), torch.inference_mode():
            return self._edtalk.prepare_source(to_network(crops).to(self._compute.device))
