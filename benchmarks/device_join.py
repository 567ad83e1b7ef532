"""Crop, difference and join: NumPy and OpenCV beside torch on a device, in one run.

``python benchmarks/device_join.py [--device cuda] [--size 256] [--frames 32] [--repeats 5]``:
frames a second of 720p and 1080p with a face as high as the picture, and how far the pictures that
come out are apart. The networks are left out: the renderings are the crops, moved a little.
Without a GPU ``--device cpu`` shows that it runs, and nothing about speed.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from cmet_cli.backends.devices import describe_machine
from cmet_cli.bench import median_s
from cmet_cli.faces.blend import face_mask
from cmet_cli.faces.calibration import FaceEllipse
from cmet_cli.faces.difference import warp
from cmet_cli.faces.geometry import Square
from cmet_cli.faces.repaint import Planes
from cmet_cli.media.probe import VideoInfo, probe_video
from cmet_cli.media.program import find_ffmpeg
from cmet_cli.media.reader import Frame, FrameReader
from cmet_cli.pipeline.cropper import Cropper
from cmet_cli.pipeline.device_join import DeviceDifferenceJoin, RenderedOnDevice
from cmet_cli.pipeline.join import Canvas, DifferenceJoin, Place, Rendered
from cmet_cli.pipeline.on_device import DeviceCropper

EXAMPLE = Path(__file__).parents[1] / "examples/neutral.mp4"
FACE = FaceEllipse((0.5, 0.53), (0.33, 0.385))
HEIGHTS = (720, 1080)
#: Of the motion, in shares of the crop's side, and of the shading, in grey levels.
MOVED, SHADED = 0.01, 8.0


@dataclass(frozen=True)
class Clip:
    """Frames of one size, where the face is in them, and how it changes."""

    info: VideoInfo
    frames: list[Frame]
    size_px: int
    motion: np.ndarray
    shading: np.ndarray

    @property
    def places(self) -> list[Place]:
        square = Square(self.info.width / 2, self.info.height / 2, float(self.info.height))
        return [Place(square, np.zeros(2, np.float32), 1.0) for _ in self.frames]

    @property
    def canvas(self) -> Canvas:
        return Canvas(self.info, Cropper(self.info, self.size_px), FACE)

    def rendered(self) -> list[Rendered]:
        out = []
        for frame, place in zip(self.frames, self.places, strict=True):
            crop = self.canvas.crop(frame, place.square)
            edited = np.clip(warp(crop, self.motion) - self.shading, 0, 255)
            out.append(Rendered(frame, crop, edited, crop, self.motion, 0, 1.3 * MOVED))
        return out


def clip_of(height: int, count: int, size_px: int, folder: Path) -> Clip:
    path = folder / f"{height}.mkv"
    width = height * 16 // 9
    fit = f"scale={height}:{height},pad={width}:{height}:{(width - height) // 2}:0"
    command = [find_ffmpeg(), "-loglevel", "error", "-y", "-stream_loop", "-1"]
    command += ["-i", str(EXAMPLE), "-vf", fit, "-an", "-frames:v", str(count)]
    subprocess.run([*command, "-pix_fmt", "yuv420p", "-qp", "0", str(path)], check=True)
    info = probe_video(path)
    with FrameReader(info) as reader:
        frames = list(reader)
    noise = np.random.default_rng(0).standard_normal((size_px, size_px, 3)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 0.06 * size_px) * face_mask(size_px, FACE)[..., None]
    soft /= soft.std()
    motion = np.ascontiguousarray(MOVED * size_px * soft[..., :2])
    return Clip(info, frames, size_px, motion, SHADED * soft[..., 2:])


def on_host(clip: Clip) -> Callable[[], list[Planes]]:
    rendered, canvas = clip.rendered(), clip.canvas

    def work() -> list[Planes]:
        join, out = DifferenceJoin(canvas), []
        for face, place in zip(rendered, clip.places, strict=True):
            canvas.crop(face.frame, place.square)
            planes = face.frame.planes
            out.append(join(planes, face, place.square, place.head, place.weight))
        return out

    return work


def on_device(clip: Clip, device: torch.device) -> Callable[[], list[Planes]]:
    rendered = [RenderedOnDevice.of(face, device) for face in clip.rendered()]
    crop, canvas = DeviceCropper(clip.info, clip.size_px, device), clip.canvas
    planes = [frame.planes for frame in clip.frames]

    def work() -> list[Planes]:
        crop(clip.frames, [place.square for place in clip.places])
        return DeviceDifferenceJoin(canvas, device)(planes, rendered, clip.places)

    return work


def rate(work: Callable[[], list[Planes]], frames: int, repeats: int) -> float:
    """Frames a second, the median of several runs after one that does not count."""
    return frames / median_s(work, repeats)


def apart(clip: Clip, some: list[Planes], others: list[Planes]) -> str:
    changed = differing = 0
    most = 0
    for frame, one, other in zip(clip.frames, some, others, strict=True):
        for old, a, b in zip(frame.planes, one, other, strict=True):
            far = np.abs(a.astype(int) - b.astype(int))
            changed, differing = changed + int((a != old).sum()), differing + int((far > 0).sum())
            most = max(most, int(far.max()))
    share = differing / max(1, changed)
    return f"{share:.2e} of the changed samples differ, by {most} at most"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--size", type=int, default=256, help="side of the networks' pictures")
    parser.add_argument("--frames", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    device = torch.device(given.device)
    if device.type == "cuda":
        device = torch.device("cuda", device.index or 0)
    print(f"{describe_machine(device)}; crops of {given.size} px, {given.frames} frames at once")
    print("crop, difference and join, frames a second")
    for height in HEIGHTS:
        with tempfile.TemporaryDirectory() as folder:
            clip = clip_of(height, given.frames, given.size, Path(folder))
        host, there = on_host(clip), on_device(clip, device)
        rates = [rate(work, given.frames, given.repeats) for work in (host, there)]
        print(
            f"{clip.info.width}x{height}: NumPy and OpenCV {rates[0]:7.1f}, torch on {device} "
            f"{rates[1]:7.1f}; {apart(clip, host(), there())}"
        )
