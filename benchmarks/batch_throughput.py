"""``cmet batch`` against a shell loop of ``cmet edit`` over the same rows, as a ratio in one run.

``python benchmarks/batch_throughput.py [ROWS]``: 24 short clips by default, the mini model where it
is complete, else a tiny random one. ``--check ROWS``: seconds to check a manifest of so many rows.
``--memory ROWS``: peak memory of driver and worker over a long batch, first tenth against last.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from cmet_cli.batch.run import BatchOptions, batch_status, check_batch
from cmet_cli.batch.state import DATABASE, STATE_FOLDER, State
from cmet_cli.media.ffmpeg import find_ffmpeg
from cmet_cli.weights.folder import inspect_folder, mini_folder

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
CLIP_S = 0.4
VIDEOS = 4
SAMPLE_EVERY_S = 0.5


def model_arguments(folder: Path) -> list[str]:
    """The mini model on drawn faces; while it is not there, random weights on the whole picture."""
    if mini_folder().is_dir() and not inspect_folder(mini_folder()).missing:
        return ["--model", "mini"]
    return ["--weights-dir", str(tiny_model(folder / "tiny"))]


def tiny_model(folder: Path) -> Path:
    """The random model of the tests."""
    import json
    from dataclasses import asdict

    import torch
    from safetensors.torch import save_file

    sys.path.insert(0, str(ROOT / "tests"))
    from conftest import TINY, TINY_CLASSES

    folder.mkdir()
    torch.manual_seed(0)
    for name, kind in TINY_CLASSES.items():
        save_file(kind(TINY[name]).state_dict(), folder / f"{name}.safetensors")
    config = {name: asdict(part) for name, part in TINY.items()}
    (folder / "config.json").write_text(json.dumps({"name": "tiny", **config}))
    return folder


def make_rows(folder: Path, count: int) -> list[tuple[str, str, str]]:
    """Short pieces of the example portrait, each with several voices: (video, voice, intensity)."""
    voices = sorted((EXAMPLES / "voices").glob("*.wav"))
    for i in range(VIDEOS):
        command = [find_ffmpeg(), "-loglevel", "error", "-y", "-ss", str(i * CLIP_S), "-t"]
        command += [str(CLIP_S), "-i", str(EXAMPLES / "neutral.mp4"), str(folder / f"{i}.mp4")]
        subprocess.run(command, check=True)
    # Every row is another edit: the intensity tells apart what video and voice do not.
    return [
        (f"{i % VIDEOS}.mp4", str(voices[i // VIDEOS % len(voices)]), f"{1 + i / (4 * count):.4f}")
        for i in range(count)
    ]


def write_manifest(folder: Path, rows: list[tuple[str, str, str]]) -> Path:
    lines = ["video,emotion_audio,intensity,output"]
    lines += [f"{v},{e},{k},{i}.mp4" for i, (v, e, k) in enumerate(rows)]
    path = folder / "rows.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def batch_command(manifest: Path, model: list[str], *more: str) -> list[str]:
    command = [sys.executable, "-m", "cmet_cli", "batch", str(manifest), "--device", "cpu"]
    return [*command, "--quiet", "--set", "face_detector=none", *model, *more]


def throughput(count: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model, rows = model_arguments(folder), make_rows(folder, count)
        manifest = write_manifest(folder, rows)
        start = time.perf_counter()
        subprocess.run(batch_command(manifest, model), check=True, stderr=subprocess.DEVNULL)
        batch_s = time.perf_counter() - start
        with State(folder / "rows_out" / STATE_FOLDER) as state:
            edits_s = sum(row["elapsed_s"] for row in state.rows(status="done"))
        script = "set -e\n" + "\n".join(
            shlex.join(
                [sys.executable, "-m", "cmet_cli", "edit", "--video", str(folder / video), "-e"]
                + [voice, "-i", intensity, "-o", str(folder / f"loop{i}.mp4"), "--device", "cpu"]
                + ["--quiet", "--face-detector", "none", *model]
            )
            for i, (video, voice, intensity) in enumerate(rows)
        )
        start = time.perf_counter()
        subprocess.run(["sh", "-c", script], check=True, capture_output=True)
        loop_s = time.perf_counter() - start
    print(f"{count} rows of {CLIP_S} s, {' '.join(model[:2])}, {os.cpu_count()} cores")
    print(f"cmet batch: {batch_s:.1f} s ({count / batch_s:.2f} rows/s; {edits_s:.1f} s of edits)")
    print(f"cmet edit in a shell loop: {loop_s:.1f} s ({count / loop_s:.2f} rows/s)")
    print(f"ratio: {loop_s / batch_s:.2f}")


def check(count: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for i in range(1000):
            (folder / f"{i}.mp4").write_bytes(b"v")
        (folder / "voice.wav").write_bytes(b"s")
        lines = ["video,emotion_audio,intensity,output"]
        lines += [
            f"{i % 1000}.mp4,voice.wav,{i % 7 / 7:.3f},{i // 500}/{i}.mp4" for i in range(count)
        ]
        (folder / "rows.csv").write_text("\n".join(lines))
        start = time.perf_counter()
        checked = check_batch(BatchOptions(folder / "rows.csv"))
        seconds = time.perf_counter() - start
    assert not checked.problems, checked.problems[:3]
    print(f"{count} rows checked in {seconds:.2f} s")


def resident_mib(pid: int) -> float:
    """Memory of a process and its direct children, MiB (Linux)."""
    total = 0.0
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for process in [str(pid), *children]:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
        total += pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    return total


def memory(count: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = model_arguments(folder)
        manifest = write_manifest(folder, make_rows(folder, count))
        command = batch_command(manifest, model, "--workers", "1")
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        samples: list[tuple[int, float]] = []
        state = folder / "rows_out" / STATE_FOLDER
        pause = threading.Event()
        while process.poll() is None:
            pause.wait(SAMPLE_EVERY_S)
            if (state / DATABASE).exists() and process.poll() is None:
                done = batch_status(BatchOptions(manifest)).done
                samples.append((done, resident_mib(process.pid)))
        early = [m for done, m in samples if count * 0.1 <= done < count * 0.2]
        late = [m for done, m in samples if done >= count * 0.9]
    print(f"{count} rows: {max(early):.0f} MiB in the second tenth, {max(late):.0f} in the last")
    print(f"ratio: {max(late) / max(early):.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="?", type=int, default=24)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--memory", action="store_true")
    asked = parser.parse_args()
    (check if asked.check else memory if asked.memory else throughput)(asked.rows)


if __name__ == "__main__":
    main()
