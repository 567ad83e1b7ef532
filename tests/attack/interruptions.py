"""Signals at seeded moments, and runs that want the same output."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable

from arena import Box
from cases import Allowed, Attack, Case, Command, Plan, old_output

Prepare = Callable[[Box, random.Random], Plan]
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)


def _clip(box: Box):
    """Long enough that every stage takes a while."""
    return box.materials.make(
        "busy.mp4",
        "-f lavfi -i testsrc2=s=192x192:r=25:d=3 -f lavfi -i sine=f=220:d=3:r=16000 "
        "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac",
    )


def _edit(number: signal.Signals, outside: bool, most_s: float) -> Prepare:
    def prepare(box: Box, rng: random.Random) -> Plan:
        changes = old_output(box, rng)
        argv = box.edit(video=_clip(box), emotion_audio=box.materials.voice, save_codes="c.npz")
        argv += ["--overwrite"] if changes else []
        again = rng.choice([None, None, 0.05, 0.3]) if number is signal.SIGINT else None
        strike = (number, rng.uniform(0, most_s))
        command = Command(argv, outside=outside, strike=strike, again=again)
        return Plan([command], Allowed(("out.mp4", "c.npz")))

    return prepare


def forked_edits(count: int) -> list[Case]:
    return [Case(f"{i} {SIGNALS[i % 3].name} in an edit", _edit(SIGNALS[i % 3], False, 1.5))
            for i in range(count)]  # fmt: skip


def _any(number: signal.Signals, argv: list[object], most_s: float) -> Prepare:
    def prepare(box: Box, rng: random.Random) -> Plan:
        strike = (number, rng.uniform(0.04, most_s))
        return Plan([Command(argv, outside=True, strike=strike)], Allowed(()))

    return prepare


def starts(count: int) -> list[Case]:
    """From Python's first step to its last: importing, working, ending."""
    cases = []
    for i in range(count):
        if i % 2:
            prepare = _any(signal.SIGINT, ["--help"], 0.6)
            cases.append(Case(f"{i} SIGINT in --help", prepare))
        else:
            number = SIGNALS[i // 2 % 2]
            cases.append(Case(f"{i} {number.name} in an edit", _edit(number, True, 6.0)))
    return cases


def _batch(number: signal.Signals) -> Prepare:
    def prepare(box: Box, rng: random.Random) -> Plan:
        line = f"{box.materials.clips['mp4']},{box.materials.feature},%d.mp4\n"
        rows = "video,emotion_audio,output\n" + "".join(line % i for i in range(60))
        manifest = box.put("m.csv", rows.encode())
        argv = ["batch", manifest, "--output-dir", "made", "--weights-dir", box.materials.weights]
        argv += ["--workers", "1", "--device", "cpu", "--set", "face_detector=none", "--quiet"]
        strike = (number, rng.uniform(1.0, 14.0))
        command = Command(argv, outside=True, strike=strike)
        return Plan([command], Allowed((), folders=("made",)))

    return prepare


def batches(count: int) -> list[Case]:
    return [Case(f"{i} {SIGNALS[i % 3].name} in a batch", _batch(SIGNALS[i % 3]))
            for i in range(count)]  # fmt: skip


def _download(number: signal.Signals) -> Prepare:
    def prepare(box: Box, rng: random.Random) -> Plan:
        from hub_attacks import download, published
        from hub_server import HubServer

        def slow(handler) -> bool:
            if handler.command == "GET" and "/resolve/" in handler.path:
                time.sleep(0.6)
            return False

        hub = box.closing.enter_context(HubServer(published(), hostile=slow))
        strike = (number, rng.uniform(0, 1.8))
        command = Command(**download(hub) | {"strike": strike})
        return Plan([command], Allowed((), folders=("weights",)))

    return prepare


def downloads(count: int) -> list[Case]:
    return [Case(f"{i} {SIGNALS[i % 3].name} in a download", _download(SIGNALS[i % 3]))
            for i in range(count)]  # fmt: skip


# ---------------------------------------------------------------- two at once


def _race(i: int) -> Prepare:
    def prepare(box: Box, rng: random.Random) -> Plan:
        more = ["--overwrite"] if i % 2 else []
        argv = [*box.edit(), *more]
        other = [*box.edit(intensity=2), *more]
        return Plan([Command(argv), Command(other)])

    return prepare


def _race_batch(i: int) -> Prepare:
    def prepare(box: Box, rng: random.Random) -> Plan:
        command = _batch(signal.SIGINT)(box, rng).commands[0]
        again = Command(command.argv, outside=True)
        return Plan([again, again], Allowed((), folders=("made",)))

    return prepare


def races(count: int) -> list[Case]:
    pairs = [Case(f"{i} two edits, one output", _race(i)) for i in range(max(1, count - 1))]
    return [*pairs, Case("two batches, one folder", _race_batch(0))]


ATTACKS = [
    Attack("signals in edit", forked_edits, count=60, sample=4, weight=45),
    Attack("signals at start and end", starts, count=16, sample=1, weight=30, how="subprocess"),
    Attack("signals in batch", batches, count=6, sample=0, weight=60, how="subprocess"),
    Attack("signals in download", downloads, count=18, sample=2, weight=18),
    Attack("two runs, one output", races, count=8, sample=1, weight=30),
]
