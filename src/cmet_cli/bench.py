"""How fast this machine is at each part of an edit, and how near to what it could be."""

from __future__ import annotations

import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from .backends.base import Backend, MovingBackend
from .backends.compute import Array, on_host
from .backends.devices import DTYPES, describe_machine
from .backends.images import to_images, to_pictures
from .backends.loader import published_order
from .backends.winograd import plain_only
from .faces.geometry import Square
from .faces.placement import Placement
from .media.encoder import EncodeSettings
from .media.ffmpeg import run_short
from .media.probe import VideoInfo, probe_video
from .media.reader import Frame, FrameReader
from .media.writer import FrameWriter, StreamPlan
from .options import no_progress
from .pipeline.codes import FaceEdit
from .pipeline.cropper import Cropper
from .pipeline.device_join import RenderedOnDevice
from .pipeline.encode import FaceCodes, encode_faces
from .pipeline.find import follow_faces
from .pipeline.join import Rendered
from .pipeline.on_device import DeviceCropper, pixel_device
from .pipeline.paint import FacePainter, Painted, PaintSettings
from .pipeline.render import Destination, RenderJob, render_video

REPEATS = 5
SIZE, RATE_HZ = (1280, 720), 25
#: The convolution whose speed stands for what the machine could reach: channels, side; and for how
#: many pictures on a GPU, which one does not fill.
PEAK_SHAPE, PEAK_PICTURES = (128, 128), 32
_MIB = 2**20


@dataclass
class Measured:
    """Frames a second of each part, medians; gflop: of one frame, encoding and rendering, by plain
    convolutions; peak: GFLOP/s of a 3x3 convolution in the same number format; share: how much of
    it is reached, which may be more than all where Winograd's do with fewer."""

    machine: str
    model: str
    precision: str
    batch_size: int
    frames: int
    per_second: dict[str, float] = field(default_factory=dict)
    whole_edit_s: float = 0.0
    real_time_factor: float = 0.0
    gflop: float = 0.0
    peak_gflops: float = 0.0
    share_of_peak: float = 0.0
    peak_memory_mib: float = 0.0
    published_order_s: float | None = None
    ratio: float | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Tracked:
    """A backend that does all its work and gives back the source's own picture, a little moved: so
    the joining has a face to work on whatever the weights are. For timings only."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def prepare(self, images: Array) -> Any:
        return self._backend.prepare(images), images

    def render(self, source: Any, codes: Array) -> Array:
        return self.render_moving(source, codes)[0]

    def expected_motion(self, change: np.ndarray) -> float | None:
        known = isinstance(self._backend, MovingBackend)
        return self._backend.expected_motion(change) if known else None  # type: ignore[attr-defined]

    def render_moving(self, source: Any, codes: Array) -> tuple[Array, Array]:
        prepared, images = source
        moving = isinstance(self._backend, MovingBackend)
        frames = (self._backend.render_moving if moving else self._backend.render)(prepared, codes)  # type: ignore[attr-defined]
        shape = (len(codes), *images.shape[2:], 2)
        if isinstance(images, np.ndarray):
            far = np.float32(3 * np.tanh(codes[:, -1]).mean())
            return np.broadcast_to(images, (len(codes), *images.shape[1:])), np.full(shape, far)
        moved = frames[1] if moving else torch.zeros(shape, device=codes.device)
        far = 3 * torch.tanh(codes[:, -1]).mean()
        return images.expand(len(codes), -1, -1, -1), torch.zeros_like(moved) + far


def measure(
    backend: Backend,
    seconds: float,
    against_published: bool = False,
    *,
    plain: Backend | None = None,
) -> Measured:
    """Time every part on a clip made for it. Raises :class:`CmetError` where ffmpeg fails.

    plain: the same networks in torch, whose work can be counted, where the backend is not of them.
    """
    found = Measured(
        machine=describe_machine(backend.compute.torch_device),
        model=backend.name,
        precision=backend.compute.precision,
        batch_size=backend.compute.batch_size,
        frames=max(8, round(seconds * RATE_HZ)),
    )
    with tempfile.TemporaryDirectory(prefix="cmet-bench-") as folder:
        clip = _clip(Path(folder) / "clip.mp4", found.frames)
        _time_parts(backend, clip, Path(folder), found)
        _time_whole(backend, clip, Path(folder) / "out.mp4", found)
    _compare_with_peak(plain or backend, found)
    if against_published:
        _compare_with_published(plain or backend, found)
    found.peak_memory_mib = _peak_memory_mib()
    return found


def _clip(path: Path, frames: int) -> VideoInfo:
    width, height = SIZE
    source = f"testsrc2=s={width}x{height}:r={RATE_HZ}:d={frames / RATE_HZ}"
    words = f"-f lavfi -i {source} -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 50"
    run_short([*words.split(), f"file:{path}"])
    return probe_video(path)


def _square(frames: int) -> Placement:
    """A face in the middle, three quarters of the picture high."""
    place = Placement.everywhere(frames, SIZE[1])
    squares = np.tile(np.array([SIZE[0] / 2, SIZE[1] / 2, 0.75 * SIZE[1]], np.float32), (frames, 1))
    return replace(place, squares=squares)


def median_s(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """Of several runs, after one that does not count."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _time_parts(backend: Backend, clip: VideoInfo, folder: Path, found: Measured) -> None:
    per_second, size = found.per_second, backend.crop.size_px
    with FrameReader(clip) as reader:
        frames = list(_few(reader, max(backend.compute.batch_size, 8)))
    n = min(backend.compute.batch_size, len(frames))  # a clip may be shorter than a batch
    place, cropper = _square(found.frames), Cropper(clip, size)
    crops = [cropper(f, place.square(f.index)) for f in frames[:n]]  # type: ignore[arg-type]
    images = to_images(np.stack(crops), backend.compute.device)
    codes = backend.encode(images)
    source = backend.prepare(images[:1])
    per_second["decode"] = found.frames / median_s(lambda: _decoded(clip))
    per_second["crop"] = n / median_s(_cropping(backend, clip, frames[:n]))
    render = getattr(backend, "render_moving", backend.render)
    there = pixel_device(backend.compute)

    def rendered() -> None:
        pictures = _first(render(source, codes))
        if there is None:  # else an edit leaves them where they are
            to_pictures(pictures)
        else:
            torch.cuda.synchronize(there)

    per_second["encode codes"] = n / median_s(lambda: on_host(backend.encode(images)))
    per_second["render"] = n / median_s(rendered)
    few = 1 if there is None else n
    per_second["flow and join"] = few / median_s(_joining(backend, clip, frames[:few]))
    with _writer(clip, folder / "w.mp4", found.frames) as write:
        start = time.perf_counter()
        write(frames[0])
    per_second["write"] = found.frames / (time.perf_counter() - start)


def _few(reader: FrameReader, count: int) -> Iterator[Frame]:
    for frame in reader:
        yield frame
        if frame.index + 1 >= count:
            return


def _first(rendered: Any) -> Array:
    return rendered[0] if isinstance(rendered, tuple) else rendered


def _decoded(clip: VideoInfo) -> int:
    with FrameReader(clip) as reader:
        return sum(1 for _ in reader)


def _cropping(backend: Backend, clip: VideoInfo, frames: list[Frame]) -> Callable[[], object]:
    """Cuts a face out of each frame, where an edit does."""
    place, size = _square(len(frames)), backend.crop.size_px
    device = pixel_device(backend.compute)
    squares = [Square(*map(float, row)) for row in place.squares]
    if device is None:
        here = Cropper(clip, size)
        return lambda: [here(f, s) for f, s in zip(frames, squares, strict=True)]
    there = DeviceCropper(clip, size, device)

    def crop() -> None:
        there(frames, squares)
        torch.cuda.synchronize(device)

    return crop


def _joining(backend: Backend, clip: VideoInfo, frames: list[Frame]) -> Callable[[], object]:
    """Joins a face that moved up by a pixel, where an edit does."""
    n, device = len(frames), pixel_device(backend.compute)
    codes = np.zeros((n, backend.layout.dim), np.float32)
    edit = FaceEdit(FaceCodes(_square(n), codes, np.ones(n)), codes, codes[:, :1], codes)
    painter = FacePainter(clip, edit, PaintSettings("first", "face"), backend)
    faces: list[Painted] = []
    for frame in frames:
        crop = painter.crop(frame, painter.square(frame))
        motion = np.zeros((*crop.shape[:2], 2), np.float32)
        motion[..., 1] = -1
        rendered = Rendered(frame, crop, np.roll(crop, 1, axis=0), crop, motion)
        faces.append(rendered if device is None else RenderedOnDevice.of(rendered, device))
    planes = {frame.index: frame.planes for frame in frames}
    return lambda: painter.paint_all(planes, faces)


@contextmanager
def _writer(clip: VideoInfo, path: Path, frames: int) -> Iterator[Callable[[Frame], None]]:
    """Writes one frame over and over; waits until all is on the disk."""
    ticks = [int(k / RATE_HZ / clip.time_base) for k in range(frames)]
    with FrameWriter(clip, ticks, path, EncodeSettings(), StreamPlan()) as writer:

        def write(frame: Frame) -> None:
            for _ in range(frames):
                writer.write(frame.planes)
            writer.finish()

        yield write


def _time_whole(backend: Backend, clip: VideoInfo, output: Path, found: Measured) -> None:
    """All passes over a file, from frames to frames; what is asked for is a fixed change."""

    def edit() -> None:
        faces = follow_faces(clip, "none", None, no_progress)
        faces = replace(faces, placements=(_square(len(faces.ticks)),))
        (face,) = encode_faces(clip, faces, backend, no_progress)
        delta = np.full((len(faces.ticks), backend.layout.expression), 0.3, np.float32)
        codes = face.codes.copy()
        codes[:, backend.layout.expression_slice] += delta
        tracked: Any = Tracked(backend)
        settings = PaintSettings("first" if backend.source == "best" else backend.source, "face")
        job = RenderJob(clip, faces, [FaceEdit(face, codes, delta, face.codes)], settings)
        render_video(job, tracked, Destination(output, EncodeSettings(), StreamPlan()), no_progress)

    found.whole_edit_s = median_s(edit, 1 if backend.crop.size_px > 128 else 3)
    found.real_time_factor = found.whole_edit_s / (found.frames / RATE_HZ)
    found.per_second["whole edit"] = found.frames / found.whole_edit_s


def _compare_with_peak(backend: Backend, found: Measured) -> None:
    size, device = backend.crop.size_px, backend.compute.torch_device
    images = torch.zeros(1, 3, size, size, device=device)
    with plain_only(), FlopCounterMode(display=False) as counter:
        codes = backend.encode(images)
        flop = counter.get_total_flops()
        source = backend.prepare(images)
        prepared = counter.get_total_flops() - flop
        backend.render(source, codes)
    found.gflop = (counter.get_total_flops() - prepared) / 1e9
    found.peak_gflops = peak_gflops(device, DTYPES[found.precision])
    a_frame_s = 1 / found.per_second["encode codes"] + 1 / found.per_second["render"]
    found.share_of_peak = found.gflop / a_frame_s / found.peak_gflops


def peak_gflops(device: torch.device, dtype: torch.dtype) -> float:
    """What a large 3x3 convolution reaches here, channels last."""
    channels, side = PEAK_SHAPE
    n = PEAK_PICTURES if device.type == "cuda" else 1
    x = torch.randn(n, channels, side, side, device=device, dtype=dtype)
    weight = torch.randn(channels, channels, 3, 3, device=device, dtype=dtype)
    x, weight = (t.contiguous(memory_format=torch.channels_last) for t in (x, weight))

    def work() -> None:
        for _ in range(8):
            torch.nn.functional.conv2d(x, weight, padding=1)
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return n * 8 * 2 * channels**2 * 9 * side**2 / median_s(work) / 1e9


def _compare_with_published(backend: Backend, found: Measured) -> None:
    order = published_order(backend)
    if order is None:
        return
    size = backend.crop.size_px
    images = torch.zeros(2, 3, size, size, device=backend.compute.torch_device)
    found.published_order_s = median_s(lambda: order(images[:1], images[1:]).cpu(), 3)
    ours_s = 1 / found.per_second["encode codes"] + 1 / found.per_second["render"]
    found.ratio = found.published_order_s / ours_s


def _peak_memory_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / _MIB if sys.platform == "darwin" else peak / 1024
