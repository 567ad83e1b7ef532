"""The whole command on a 720p clip: this checkout and another one by turns.

``python benchmarks/seven_twenty.py [--against OTHER_CHECKOUT] [--clip CLIP] [--seconds 5 ...]
[--runs 5]``: without a clip the example portrait, 540 pixels high, in a grey 1280x720 picture.
Printed are medians (and the least): seconds from the start of the process to its end, of the edit
alone, and of the processors, both with all that was started; with ``--against`` the ratios. Other
jobs on the machine slow both alike, as they take turns.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from memory import make_clip

HERE = Path(__file__).parents[1]
FACE_PX = 540
FIGURES = ("whole", "edit", "cpu")


def run(checkout: Path, clip: Path, output: Path) -> tuple[float, float, float]:
    command = [sys.executable, "-m", "cmet_cli", "edit", "--video", str(clip), "--model", "mini"]
    command += ["--emotion", "happy", "--overwrite", "--json", "--quiet", "-o", str(output)]
    environment = os.environ | {"PYTHONPATH": str(checkout / "src")}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    whole = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return whole, float(json.loads(told.stdout)["elapsed_s"]), cpu


def compare(checkouts: list[Path], clip: Path, runs: int, folder: Path) -> None:
    rows: dict[Path, list[tuple[float, float, float]]] = {one: [] for one in checkouts}
    for turn in range(runs + 1):
        for one in checkouts if turn % 2 else checkouts[::-1]:
            found = run(one, clip, folder / "out.mp4")
            if turn:  # the first warms the disk
                rows[one].append(found)
    medians = {}
    for one, measured in rows.items():
        columns: list[tuple[float, ...]] = list(zip(*measured, strict=True))
        medians[one] = [statistics.median(c) for c in columns]
        cells = zip(FIGURES, medians[one], map(min, columns), strict=True)
        print(one, "  ".join(f"{name} {m:.2f} ({least:.2f}) s" for name, m, least in cells))
    if len(checkouts) == 2:
        new, old = (medians[one] for one in checkouts)
        ratios = zip(FIGURES, old, new, strict=True)
        print("ratios: ", "  ".join(f"{name} {b / a:.2f}" for name, b, a in ratios))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--clip", type=Path)
    parser.add_argument("--seconds", type=float, nargs="+", default=[5.0])
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    turns = [HERE, *([given.against] if given.against else [])]
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        for length in given.seconds if given.clip is None else [0.0]:
            shown = given.clip or make_clip(work, length, face_px=FACE_PX)
            print(given.clip or f"{length:g} s of 720p")
            compare(turns, shown, given.runs, work)
