"""How long after the start of ``cmet edit`` its first frame is painted: this checkout and another.

``python benchmarks/first_frame.py [--against OTHER_CHECKOUT] [--clip CLIP] [--runs 5]
[-- OPTIONS]``: with the model that ships, by turns, and the whole command too. Printed are medians
(and the least) in seconds; with ``--against`` the ratios. Options are ``cmet edit``'s; without any
``--emotion happy``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parents[1]
#: The command, told of the module that paints when that is imported: no thread watches for it,
#: beside which faces would not be found by a process of their own.
CODE = """
import importlib.machinery, sys, time
begin, name = float(sys.argv.pop(1)), "cmet_cli.pipeline.paint"

class Told:
    def find_spec(self, asked, path=None, target=None):
        if asked != name:
            return None
        spec = importlib.machinery.PathFinder.find_spec(asked, path)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            paint_all, done = module.FacePainter.paint_all, []

            def painted(*given, **named):
                made = paint_all(*given, **named)
                if not done:
                    print("first", time.time() - begin, flush=True)
                    done.append(True)
                return made

            module.FacePainter.paint_all = painted

        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, Told())
from cmet_cli.__main__ import main
main()
"""


def run(checkout: Path, clip: Path, output: Path, options: list[str]) -> tuple[float, float]:
    command = ["edit", "--video", str(clip), "--model", "mini", *options]
    command += ["--overwrite", "--quiet", "-o", str(output)]
    environment = os.environ | {"PYTHONPATH": str(checkout / "src")}
    begin = time.time()
    told = subprocess.run(
        [sys.executable, "-c", CODE, str(begin), *command],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    whole = time.time() - begin
    line = next(line for line in told.stdout.splitlines() if line.startswith("first "))
    return float(line.split()[1]), whole


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--against", type=Path)
    parser.add_argument("--clip", type=Path, default=HERE / "examples/wide.mp4")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("options", nargs="*", default=["--emotion", "happy"])
    asked = parser.parse_args()
    checkouts = [HERE, *([asked.against.resolve()] if asked.against else [])]
    rows: dict[Path, list[tuple[float, float]]] = {one: [] for one in checkouts}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(asked.runs + 1):
            for one in checkouts if turn % 2 else checkouts[::-1]:
                found = run(one, asked.clip, Path(folder) / "out.mp4", asked.options)
                if turn:  # the first warms the disk
                    rows[one].append(found)
    medians = []
    for one, measured in rows.items():
        first, whole = zip(*measured, strict=True)
        medians.append((statistics.median(first), statistics.median(whole)))
        print(
            f"{one}: first frame {medians[-1][0]:.2f} ({min(first):.2f}) s, "
            f"whole {medians[-1][1]:.2f} ({min(whole):.2f}) s"
        )
    if len(medians) == 2:
        (first, whole), (other_first, other_whole) = medians
        print(f"ratios: first frame {other_first / first:.2f}, whole {other_whole / whole:.2f}")


if __name__ == "__main__":
    main()
