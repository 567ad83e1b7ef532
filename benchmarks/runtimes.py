"""Other runtimes on the very networks of an edit, at the published sizes with stand-in weights.

``pip install onnxscript onnxruntime openvino``, then ``OMP_WAIT_POLICY=PASSIVE python
benchmarks/runtimes.py`` (threads that sleep while they wait, as the command has them): encoding a
picture to codes, and rendering a picture by codes (its features included), a picture at a time, in
fp32. By turns in one process, medians; start-up is what a runtime takes until its first result.
Pictures by weights that nobody trained magnify rounding: only of codes does "off" tell anything.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cmet_cli.backends.devices import Compute
from cmet_cli.backends.edtalk.fast import FastEDTalk
from cmet_cli.backends.edtalk.load import filled
from cmet_cli.backends.edtalk.networks import EDTalk

TURNS = 7
Run = Callable[..., Any]


class Encode(nn.Module):
    def __init__(self, model: EDTalk) -> None:
        super().__init__()
        self.model = model

    def forward(self, picture: Tensor) -> Tensor:
        return self.model.latent_to_codes(self.model.encode(picture)[0])


class Render(nn.Module):
    def __init__(self, model: EDTalk) -> None:
        super().__init__()
        self.model = model

    def forward(self, picture: Tensor, codes: Tensor) -> Tensor:
        return self.model.render(self.model.prepare_source(picture), codes)


def by_onnxruntime(path: Path) -> Run:
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    return lambda *given: session.run(None, dict(zip(names, map(np.asarray, given), strict=True)))[
        0
    ]


def by_openvino(path: Path) -> Run:
    import openvino

    settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    settings["INFERENCE_NUM_THREADS"] = str(torch.get_num_threads())
    compiled = openvino.compile_model(str(path), "CPU", settings)
    return lambda *given: compiled([np.asarray(value) for value in given])[0]


def candidates(
    module: nn.Module, ours: Run, given: tuple[Tensor, ...], folder: Path
) -> dict[str, Run]:
    """What there is, each tried once; start-up is told."""
    path = folder / f"{type(module).__name__}.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, given, path, dynamo=True, verbose=False)
    makers: dict[str, Callable[[], Run]] = {
        "ours": lambda: ours,
        "plain modules": lambda: module,
        "torch.compile of ours": lambda: torch.compile(ours),
        "torch.compile of plain": lambda: torch.compile(module),
        "ONNX Runtime": lambda: by_onnxruntime(path),
        "OpenVINO": lambda: by_openvino(path),
    }
    made: dict[str, Run] = {}
    expected = np.asarray(module(*given))
    for name, make in makers.items():
        start = time.perf_counter()
        try:
            run = make()
            found = np.asarray(run(*given))
        except Exception as error:
            print(f"  {name:24} did not run: {str(error).splitlines()[0][:90]}")
            continue
        took = time.perf_counter() - start
        apart = float(np.abs(found - expected).max() / np.abs(expected).max())
        print(f"  {name:24} start-up {took:6.1f} s, {apart:.0e} off the plain modules")
        made[name] = run
    return made


@torch.inference_mode()
def main() -> None:
    backend = filled(Compute(torch.device("cpu"), "fp32", 1))
    model = backend.edtalk.eval()
    fast = FastEDTalk(model, torch.float32)
    size = model.config.image_size_px
    picture = torch.rand(1, 3, size, size) * 2 - 1
    codes = Encode(model)(picture)

    def render(picture: Tensor, codes: Tensor) -> Tensor:
        return fast.render_moving(fast.prepare_source(picture), codes)[0]

    with tempfile.TemporaryDirectory() as name:
        for module, ours, given in (
            (Encode(model), fast.encode, (picture,)),
            (Render(model), render, (picture, codes)),
        ):
            print(type(module).__name__)
            runs = candidates(module, ours, given, Path(name))
            times: dict[str, list[float]] = {one: [] for one in runs}
            for _ in range(TURNS):
                for one, run in runs.items():
                    start = time.perf_counter()
                    run(*given)
                    times[one].append(time.perf_counter() - start)
            base = statistics.median(times["ours"])
            for one, found in times.items():
                middle = statistics.median(found)
                print(f"  {one:24}{middle:8.3f} s{middle / base:7.2f} x ours")


if __name__ == "__main__":
    main()
