"""Second pass: decode again, render with the edited codes, paste, encode."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from .analysis import Analysis, batches, from_network, to_network
from .devices import Compute
from .errors import MediaError
from .face.crop import crop_rgb
from .face.geometry import Square
from .face.paste import paste_rgb
from .media.pixels import ColourConverter
from .media.probe import VideoInfo
from .media.reader import FrameReader
from .media.writer import EncodeSettings, FrameWriter, StreamPlan
from .models.edtalk import EDTalk
from .options import Progress


def render_video(
    info: VideoInfo,
    analysis: Analysis,
    codes: np.ndarray,
    square: Square,
    edtalk: EDTalk,
    compute: Compute,
    output: Path,
    settings: EncodeSettings,
    streams: StreamPlan,
    progress: Progress,
) -> None:
    """Write the edited video to ``output`` (a temporary name).

    codes: edited codes float32 ``[n, code_dim]``, one row per frame. Decoding and encoding run in
    threads of their own beside the network.
    """
    converter = ColourConverter(info.colour, info.pixel_format, info.height)
    size_px, n = edtalk.config.image_size_px, len(codes)
    mask = np.ones((size_px, size_px), np.float32)
    wanted = torch.from_numpy(codes).to(compute.device)
    source = None
    done = 0
    with (
        FrameReader(info) as reader,
        FrameWriter(info, analysis.ticks, output, settings, streams) as writer,
        torch.inference_mode(),
    ):
        for group in batches(reader, compute.batch_size):
            if done + len(group) > n:
                raise MediaError(f"{info.path}: decoding it twice gave different frame counts")
            if source is None:
                # The published choice: the first frame lends its face to the whole clip.
                crop = crop_rgb(group[0].planes, square, size_px, info.pixel_format, converter)
                with compute.autocast():
                    source = edtalk.prepare_source(to_network(crop[None]).to(compute.device))
            with compute.autocast():
                rendered = edtalk.render(source, wanted[done : done + len(group)])
            for frame, rgb in zip(group, from_network(rendered), strict=True):
                writer.write(
                    paste_rgb(frame.planes, rgb, mask, square, info.pixel_format, converter)
                )
            done += len(group)
            progress("rendering", done, n)
        writer.finish()
