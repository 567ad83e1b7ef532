"""Disks full at each stage, folders that cannot be written, a stdout that takes nothing."""

from __future__ import annotations

import functools
import os
import random
import subprocess
from collections.abc import Callable
from pathlib import Path

from arena import Box
from cases import Allowed, Attack, Case, Command, Plan

Prepare = Callable[[Box, random.Random], Plan]
LIMITS = (0, 100, 2000, 8000, 20_000, 1_000_000)


def _wide(box: Box) -> Path:
    """A clip whose result is larger than the limits tried: noise does not compress."""
    return box.materials.make(
        "noise.mp4",
        "-f lavfi -i nullsrc=s=128x128:r=25:d=0.4,geq=random(1)*255:128:128 "
        "-f lavfi -i anoisesrc=d=0.4:r=48000 -c:v libx264 -pix_fmt yuv420p -c:a aac",
    )


def edits(box: Box, rng: random.Random) -> tuple[list[object], tuple[str, ...]]:
    return box.edit(video=_wide(box)), ("out.mp4",)


def edits_over(box: Box, rng: random.Random) -> tuple[list[object], tuple[str, ...]]:
    (box.out / "out.mp4").write_bytes(box.materials.clips["mp4"].read_bytes())
    return [*box.edit(video=_wide(box)), "--overwrite"], ("out.mp4",)


def edits_mkv(box: Box, rng: random.Random) -> tuple[list[object], tuple[str, ...]]:
    return box.edit(video=_wide(box), output="out.mkv"), ("out.mkv",)


def codes(box: Box, rng: random.Random) -> tuple[list[object], tuple[str, ...]]:
    return box.edit(save_codes="codes.npz"), ("out.mp4", "codes.npz")


def preview(box: Box, rng: random.Random) -> tuple[list[object], tuple[str, ...]]:
    return [*box.edit(video=_wide(box), output="out.png"), "--preview=4"], ("out.png",)


def faces(box: Box, rng: random.Random) -> tuple[list[object], tuple[str, ...]]:
    return ["faces", "--face-detector=none", "-o", "out.png", _wide(box)], ("out.png",)


STAGES = {f.__name__: f for f in (edits, edits_mkv, codes, preview, faces)}


def _limited(stage: str, limit: int) -> Prepare:
    def prepare(box: Box, rng: random.Random) -> Plan:
        argv, outputs = (STAGES | {"edits_over": edits_over})[stage](box, rng)
        return Plan([Command(argv, largest_file=limit)], Allowed(outputs))

    return prepare


def limited(count: int) -> list[Case]:
    stages = STAGES | {"edits_over": edits_over}
    cases = [Case(f"{s} in {n} bytes", _limited(s, n)) for n in LIMITS for s in stages]
    cases += [Case(f"batch in {n} bytes", _batch(n)) for n in (0, 10_000)]
    random.Random(0).shuffle(cases)
    return cases


def _batch(limit: int) -> Prepare:
    def prepare(box: Box, rng: random.Random) -> Plan:
        line = f"{_wide(box)},{box.materials.feature},%d.mp4\n"
        rows = "video,emotion_audio,output\n" + "".join(line % i for i in range(3))
        manifest = box.put("m.csv", rows.encode())
        argv = ["batch", manifest, "--output-dir", "made", "--weights-dir", box.materials.weights]
        argv += ["--workers", "1", "--device", "cpu", "--set", "face_detector=none", "--quiet"]
        command = Command(argv, outside=True, largest_file=limit)
        return Plan([command], Allowed((), folders=("made",)))

    return prepare


# ---------------------------------------------------------------- a small file system


@functools.cache
def no_mounts() -> str:
    """Why nothing can be mounted here; empty where it can."""
    command = ["unshare", "-m", "sh", "-c", "mount -t tmpfs -o size=64k tmpfs /mnt"]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except OSError as error:
        return f"no unshare and mount ({error})"
    return "" if run.returncode == 0 else f"mounting is not permitted ({run.stderr.strip()[:80]})"


def _mount(box: Box, place: Path, *options: str) -> None:
    subprocess.run(["mount", *options, str(place)], check=True, timeout=20, capture_output=True)
    box.closing.callback(
        subprocess.run, ["umount", "-l", str(place)], check=False, capture_output=True
    )


def _small(stage: str, kib: int, place: str) -> Prepare:
    def prepare(box: Box, rng: random.Random) -> Plan:
        _mount(box, box.root / place, "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs")
        argv, outputs = STAGES[stage](box, rng)
        return Plan([Command(argv)], Allowed(outputs))

    return prepare


def _read_only(stage: str) -> Prepare:
    def prepare(box: Box, rng: random.Random) -> Plan:
        (box.out / "precious").write_bytes(b"mine")
        _mount(box, box.out, "--bind", str(box.out))
        subprocess.run(["mount", "-o", "remount,ro,bind", str(box.out)], check=True, timeout=20)
        argv, _ = STAGES[stage](box, random.Random(1))
        return Plan([Command(argv)], Allowed(()))

    return prepare


def mounted(count: int) -> list[Case]:
    cases = [Case(f"{s}, out of {k} KiB", _small(s, k, "out"))
             for k in (4, 16) for s in STAGES]  # fmt: skip
    cases += [Case(f"{s}, temporary folder of 4 KiB", _small(s, 4, "tmp")) for s in STAGES]
    random.Random(0).shuffle(cases)
    return cases


def read_only(count: int) -> list[Case]:
    return [Case(f"{stage} into a read-only folder", _read_only(stage)) for stage in STAGES]


# ---------------------------------------------------------------- a stdout that takes nothing


def _dead_end(argv: Callable[[Box], list[object]], outputs: tuple[str, ...]) -> Prepare:
    def prepare(box: Box, rng: random.Random) -> Plan:
        command = Command(argv(box), outside=True, stdout=Path("/dev/full"))
        return Plan([command], Allowed(outputs))

    return prepare


def dead_ends(count: int) -> list[Case]:
    return [
        Case("edit --json > /dev/full", _dead_end(lambda box: box.edit(), ("out.mp4",))),
        Case("batch --template > /dev/full", _dead_end(lambda _: ["batch", "--template"], ())),
        Case("--help > /dev/full", _dead_end(lambda _: ["--help"], ())),
        Case("doctor --json > /dev/full", _dead_end(lambda _: ["doctor", "--json"], ())),
    ]


def _not_root() -> str:
    return "" if os.geteuid() == 0 else "only root may mount"


ATTACKS = [
    Attack("largest file allowed", limited, count=38, sample=4, weight=45),
    Attack("full file system", mounted, count=15, sample=2, weight=15,
           skip=lambda: _not_root() or no_mounts()),
    Attack("read-only folder", read_only, count=5, sample=1, weight=3,
           skip=lambda: _not_root() or no_mounts()),
    Attack("stdout is full", dead_ends, count=4, sample=0, weight=12, how="subprocess"),
]  # fmt: skip
