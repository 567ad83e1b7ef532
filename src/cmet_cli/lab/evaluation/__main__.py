"""``make proof``: train the judge, measure the mini model, print and save the figures."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import torch

from ...backends.edtalk.load import load_networks, load_speechnet
from ...cli.console import progress_bars
from ...emotion.speech.mini import MiniSpeechEncoder
from ...media.files import atomic_path
from ...weights.folder import inspect_folder, mini_folder
from .judge import JudgeConfig, train_judge
from .methods import Bench
from .proof import prove

PROOF_FILE = "proof.json"


def load_bench(folder: Path) -> Bench:
    """The model of a folder, on the CPU."""
    weights = inspect_folder(folder)
    networks = load_networks(weights, torch.device("cpu"))
    return Bench(networks, MiniSpeechEncoder(load_speechnet(weights, networks.config)))


def main() -> None:
    """``python -m cmet_cli.lab.evaluation [FOLDER] [PEOPLE]``."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else mini_folder()
    people = int(sys.argv[2]) if len(sys.argv) > 2 else 24
    start, bench = time.perf_counter(), load_bench(folder)
    with progress_bars(quiet=not sys.stderr.isatty()) as progress:
        judge = train_judge(JudgeConfig(size_px=bench.size_px), progress)
        figures = prove(bench, judge, people, progress)
    figures["seconds"] = round(time.perf_counter() - start, 1)
    text = json.dumps(figures, indent=1)
    with atomic_path(folder / PROOF_FILE, overwrite=True) as part:
        part.write_text(text + "\n", "utf-8")
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
