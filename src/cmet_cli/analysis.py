"""First pass over the video: every frame's codes and its time. Keeps 36 floats a frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from .devices import Compute
from .face.crop import crop_rgb
from .face.geometry import Square
from .media.pixels import ColourConverter
from .media.probe import VideoInfo
from .media.reader import Frame, FrameReader
from .models.edtalk import EDTalk
from .options import Progress
from .timeline import Timeline

DAMAGED = "the video is damaged: {words}; {count} frames could be decoded"


@dataclass(frozen=True)
class Analysis:
    """codes float32 ``[n, code_dim]`` (lip, pose, expression); sharpness float32 ``[n]``, variance
    of the crop's Laplacian; ticks in ``info.time_base``.
    """

    codes: np.ndarray
    sharpness: np.ndarray
    ticks: list[int]
    timeline: Timeline
    warnings: tuple[str, ...] = ()


def to_network(rgb: np.ndarray) -> torch.Tensor:
    """Pictures ``[B, S, S, 3]`` float32 in [0, 255] -> ``[B, 3, S, S]`` in [-1, 1]."""
    return torch.from_numpy(rgb).permute(0, 3, 1, 2).div(127.5).sub(1.0)


def from_network(frames: torch.Tensor) -> np.ndarray:
    """``[B, 3, S, S]`` nominally in [-1, 1] -> ``[B, S, S, 3]`` float32 in [0, 255], clipped."""
    return frames.float().clamp(-1, 1).add(1).mul(127.5).permute(0, 2, 3, 1).cpu().numpy()


def batches(reader: FrameReader, size: int) -> Iterator[list[Frame]]:
    """Frames in lists of ``size``, the last one shorter."""
    group: list[Frame] = []
    for frame in reader:
        group.append(frame)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group


def analyse(
    info: VideoInfo, square: Square, edtalk: EDTalk, compute: Compute, progress: Progress
) -> Analysis:
    """Encode the face square of every frame."""
    converter = ColourConverter(info.colour, info.pixel_format, info.height)
    size_px = edtalk.config.image_size_px
    expected = expected_frames(info)
    codes, sharpness, done = [], [], 0
    with FrameReader(info, timestamps=True) as reader, torch.inference_mode():
        for group in batches(reader, compute.batch_size):
            crops = [
                crop_rgb(f.planes, square, size_px, info.pixel_format, converter) for f in group
            ]
            sharpness += [sharpness_of(crop) for crop in crops]
            images = to_network(np.stack(crops)).to(compute.device)
            with compute.autocast():
                latent, _ = edtalk.encode(images)
            codes.append(edtalk.latent_to_codes(latent.float()).cpu().numpy())
            done += len(group)
            progress("reading", done, max(expected, done) if expected else None)
        ticks = reader.ticks
        warnings = ()
        if reader.exit_code:
            warnings = (DAMAGED.format(words=reader.last_words, count=done),)
    progress("reading", done, done)
    timeline = Timeline.from_ticks(ticks, info.time_base)
    sharp = np.array(sharpness, np.float32)
    return Analysis(np.concatenate(codes), sharp, ticks, timeline, warnings)


def sharpness_of(rgb: np.ndarray) -> float:
    """Variance of the Laplacian of a picture ``[S, S, 3]`` in [0, 255]."""
    return float(cv2.Laplacian(rgb.mean(-1), cv2.CV_32F).var())


def best_frame(analysis: Analysis, pose: slice, expression: slice) -> int:
    """The frame fit to lend its face: sharp, and close to the clip's middle pose and expression.

    A clip is mostly neutral and mostly frontal, so its medians stand for both.
    """
    far = np.zeros(len(analysis.codes))
    for part in (pose, expression):
        values = analysis.codes[:, part]
        centre, spread = np.median(values, 0), values.std(0) + 1e-6
        far += (((values - centre) / spread) ** 2).mean(1)
    sharp = analysis.sharpness / (np.median(analysis.sharpness) + 1e-6)
    return int(np.argmax(np.minimum(sharp, 2.0) - far))


def expected_frames(info: VideoInfo) -> int:
    """A guess at the frame count from the header, for progress only (0: no idea)."""
    if info.duration_s is None or info.frame_rate is None:
        return 0
    return max(1, round(info.duration_s * info.frame_rate))
