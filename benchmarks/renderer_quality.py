"""What the small model's renderer can do on drawn people whom no training has seen, by itself.

``python benchmarks/renderer_quality.py [--people 48] [-o sheet.png]``: how near its pictures are to
the true drawings, from their own codes, from true ones and from ones that are read off somebody
else; how much of the true change is reached, in codes and in pixels; milliseconds a picture on one
thread. The sheet has, for each of the first four people, the drawings above and the renderings
below.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import torch

from cmet_cli.backends.compute import Compute
from cmet_cli.backends.edtalk.backend import EDTalkBackend
from cmet_cli.backends.loader import load_backend
from cmet_cli.lab.training.renderer_quality import (
    contact_sheet,
    draw_edit_trials,
    frame_ms,
    renderer_report,
)
from cmet_cli.weights.folder import inspect_folder, mini_folder

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=48)
    parser.add_argument("--weights-dir", type=Path)
    parser.add_argument("-o", "--sheet", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    weights = inspect_folder(given.weights_dir or mini_folder())
    backend, _ = load_backend(weights, Compute(torch.device("cpu"), "fp32", 0))
    assert isinstance(backend, EDTalkBackend)
    networks = backend.edtalk
    trials = draw_edit_trials(given.people, networks.config.image_size_px)
    for name, value in renderer_report(networks, trials).items():
        shown = value if isinstance(value, list) else [value]
        print(f"{name:24}", *(f"{v:.2f}" for v in shown))
    print(f"{'milliseconds a picture':24} {frame_ms(networks):.1f}")
    if given.sheet is not None:
        sheet = contact_sheet(networks, draw_edit_trials(4, networks.config.image_size_px))
        cv2.imwrite(str(given.sheet), sheet[..., ::-1])
