"""What a GPU does with the networks and with whole edits, in one run.

``python benchmarks/gpu.py [--device cuda] [--seconds 3] [--repeats 5] [--batches 1 16 32]``: at the
published sizes (numbers drawn for weights) frames a second of encoding and rendering, with and
without the fused kernels, beside the published order of work on the same card; then two clips from
file to file with warm networks, by stage: the example in the middle of 720p, and as it is. On a CPU
it shows that it runs, and nothing about speed.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from memory import make_clip

from cmet_cli import EmotionEditor
from cmet_cli.backends.base import Backend
from cmet_cli.backends.devices import DTYPES, Compute, describe_machine
from cmet_cli.backends.edtalk import fast
from cmet_cli.backends.edtalk.backend import EDTalkBackend
from cmet_cli.backends.edtalk.fast import FastEDTalk
from cmet_cli.backends.loader import filled_backend, published_order
from cmet_cli.bench import Tracked, median_s, peak_gflops
from cmet_cli.emotion.source import EmotionSource
from cmet_cli.media.clock import Timeline
from cmet_cli.model import load_model
from cmet_cli.options import RuntimeOptions

FACE_PX = 540
#: Of one frame encoded and rendered, counted by ``cmet bench``.
GFLOP = 61.3


@dataclass(frozen=True)
class Ways:
    """Networks laid out in several ways, on one device."""

    backend: EDTalkBackend
    networks: dict[str, FastEDTalk]

    @classmethod
    def on(cls, device: torch.device) -> Ways:
        backend: Any = filled_backend(Compute(device, "fp32", 1))
        networks = {}
        for precision in ("fp32", "bf16", "fp16") if device.type == "cuda" else ("fp32",):
            kernels, dtype = fast.has_kernels, DTYPES[precision]
            networks[precision] = FastEDTalk(backend.edtalk, dtype)
            if kernels(device):
                try:
                    fast.has_kernels = lambda _: False  # type: ignore[assignment]
                    networks[f"{precision} without kernels"] = FastEDTalk(backend.edtalk, dtype)
                finally:
                    fast.has_kernels = kernels
        return cls(backend, networks)


def timed(device: torch.device, work: Callable[[], object], repeats: int) -> float:
    """Seconds of one call, the median of several, each with five in a row."""

    def five() -> None:
        for _ in range(5):
            work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return median_s(five, repeats) / 5


@torch.inference_mode()
def networks(ways: Ways, batches: list[int], repeats: int) -> None:
    device, size = ways.backend.compute.torch_device, ways.backend.crop.size_px
    order = published_order(ways.backend)
    assert order is not None
    torch.backends.cudnn.allow_tf32 = True  # as torch has it
    two = torch.rand(2, 3, size, size, device=device) * 2 - 1
    published_s = timed(device, lambda: order(two[:1], two[1:]), repeats)
    print(f"published order of work, fp32 with TF32: {1 / published_s:.1f} frames/s")
    torch.backends.cudnn.allow_tf32 = False  # ours in fp32 is exact
    for name, network in ways.networks.items():
        peak = peak_gflops(device, DTYPES[name.split()[0]])
        for n in batches:
            images = torch.rand(n, 3, size, size, device=device) * 2 - 1
            codes = network.encode(images)
            source = network.prepare_source(images[:1])
            encode_s = timed(device, lambda: network.encode(images), repeats) / n  # noqa: B023
            render_s = timed(device, lambda: network.render_moving(source, codes), repeats) / n  # noqa: B023
            both_s = encode_s + render_s
            print(
                f"{name:24s} batch {n:3d}: encode {1 / encode_s:7.0f}, render {1 / render_s:7.0f}, "
                f"both {1 / both_s:7.0f} frames/s; {published_s / both_s:5.1f} x published; "
                f"{GFLOP / both_s / peak:.0%} of {peak / 1000:.0f} TFLOP/s"
            )


class Fixed(EmotionSource):
    """The same change of expression throughout."""

    def __init__(self, backend: Backend) -> None:
        self._change = np.full(backend.layout.expression, 0.3, np.float32)

    def delta(self, codes: np.ndarray, timeline: Timeline) -> np.ndarray:
        return np.tile(self._change, (len(codes), 1))


def edits(device: str, clips: list[Path], repeats: int) -> None:
    """File to file, the networks warm and the video new to them each time."""
    small = load_model(choice="mini", runtime=RuntimeOptions(device=device))
    full: Any = Tracked(filled_backend(replace(small.backend.compute, batch_size=0)))
    for name, model in (("mini", small), ("published sizes", replace(small, backend=full))):
        for clip in clips:
            whole, found = [], list[dict[str, float]]()
            for _ in range(repeats + 2):
                editor = EmotionEditor(model)
                with tempfile.TemporaryDirectory() as folder:
                    result = editor.edit(clip, Fixed(model.backend), Path(folder) / "out.mp4")
                whole.append(result.elapsed_s)
                found.append(result.stages_s)
            # Batches are tried out in the first, and the second is the first of that size.
            stages = {k: round(median(f[k] for f in found[2:]), 3) for k in found[0]}
            compute = model.backend.compute
            print(
                f"{name}, {clip.parent.name}: {result.frames} frames in {median(whole[2:]):.2f} s "
                f"(least {min(whole[2:]):.2f}, first {whole[0]:.2f}; {compute.precision}, batch "
                f"{compute.batch_size}); {stages}"
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--clip", type=Path)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8, 16, 32])
    given = parser.parse_args()
    where = torch.device(given.device)
    where = torch.device("cuda", where.index or 0) if where.type == "cuda" else where
    print(describe_machine(where), "torch", torch.__version__)
    laid_out = Ways.on(where)
    networks(laid_out, given.batches, given.repeats)
    with tempfile.TemporaryDirectory() as temporary:
        clips = [given.clip] if given.clip else []
        for size, face_px in () if clips else (((1280, 720), FACE_PX), ((256, 256), 256)):
            folder = Path(temporary) / f"{size[1]}p"
            folder.mkdir()
            clips.append(make_clip(folder, given.seconds, size, face_px))
        edits(given.device, clips, given.repeats)
