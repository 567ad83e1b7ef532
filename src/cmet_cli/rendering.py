"""Second pass: decode again, render with the edited codes, paste, encode."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from .analysis import Analysis, batches, best_frame, from_network, to_network
from .devices import Compute
from .errors import MediaError
from .face.crop import crop_rgb
from .face.geometry import Square
from .face.paste import paste_rgb
from .media.pixels import ColourConverter
from .media.probe import VideoInfo
from .media.reader import Frame, FrameReader
from .media.writer import EncodeSettings, FrameWriter, StreamPlan
from .models.decoder import SourceFeatures
from .models.edtalk import EDTalk
from .options import Progress


def render_video(
    info: VideoInfo,
    analysis: Analysis,
    codes: np.ndarray,
    square: Square,
    source: str,
    edtalk: EDTalk,
    compute: Compute,
    output: Path,
    settings: EncodeSettings,
    streams: StreamPlan,
    progress: Progress,
) -> None:
    """Write the edited video to ``output`` (a temporary name).

    codes: edited codes float32 ``[n, code_dim]``, one row per frame; source: ``first``, ``best`` or
    ``frame``. Decoding and encoding run in threads of their own beside the network.
    """
    painter = Painter(info, square, edtalk, compute)
    n, done, face = len(codes), 0, None
    if source == "best":
        c = edtalk.config
        face = painter.source_at(best_frame(analysis, c.pose_slice, c.expression_slice))
    with (
        FrameReader(info) as reader,
        FrameWriter(info, analysis.ticks, output, settings, streams) as writer,
        torch.inference_mode(),
    ):
        for group in batches(reader, compute.batch_size):
            if done + len(group) > n:
                raise MediaError(f"{info.path}: decoding it twice gave different frame counts")
            if source == "frame":
                face = painter.prepare(group)
            elif face is None:
                face = painter.prepare(group[:1])
            for planes in painter.paint(group, face, codes[done : done + len(group)]):
                writer.write(planes)
            done += len(group)
            progress("rendering", done, n)
        writer.finish()


class Painter:
    """Crops, renders and pastes frames of one video."""

    def __init__(self, info: VideoInfo, square: Square, edtalk: EDTalk, compute: Compute) -> None:
        self._info, self._square, self._edtalk, self._compute = info, square, edtalk, compute
        self._converter = ColourConverter(info.colour, info.pixel_format, info.height)
        self._size_px = edtalk.config.image_size_px
        self._mask = np.ones((self._size_px, self._size_px), np.float32)

    def prepare(self, frames: list[Frame]) -> SourceFeatures:
        """The frames' own faces as sources, ``B`` = number of frames."""
        layout = self._info.pixel_format
        crops = [
            crop_rgb(f.planes, self._square, self._size_px, layout, self._converter) for f in frames
        ]
        with self._compute.autocast():
            images = to_network(np.stack(crops)).to(self._compute.device)
            return self._edtalk.prepare_source(images)

    def source_at(self, index: int) -> SourceFeatures:
        """The face of one frame as source, decoding up to it."""
        with FrameReader(self._info) as reader, torch.inference_mode():
            for frame in reader:
                if frame.index == index:
                    return self.prepare([frame])
        raise MediaError(f"{self._info.path}: frame {index} could not be decoded again")

    def paint(
        self, frames: list[Frame], face: SourceFeatures, codes: np.ndarray
    ) -> Iterator[tuple[np.ndarray, ...]]:
        """Planes of each frame with the rendered face in place."""
        wanted = torch.from_numpy(codes).to(self._compute.device)
        with self._compute.autocast():
            rendered = self._edtalk.render(face, wanted)
        layout = self._info.pixel_format
        for frame, rgb in zip(frames, from_network(rendered), strict=True):
            yield paste_rgb(frame.planes, rgb, self._mask, self._square, layout, self._converter)
