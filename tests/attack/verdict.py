"""What an attack may not leave behind, and the table of counts."""

from __future__ import annotations

import json
import os
import signal
import stat
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from arena import Box, Command, Ended, left_processes

TRACEBACKS = ("Traceback (most recent call last)", "this is a bug in cmet", "Exception ignored in")
TRACEBACKS += ("Exception in thread", "Fatal Python error", "Segmentation fault")
CLEAR = ("error:", '"error":', "Usage:", "failed: line")
COLUMNS = ("tracebacks", "unclear", "hangs", "broken", "left", "executed")
HEADS = ("tracebacks", "no clear line", "hangs", "half-written/overwritten", "left behind",
         "executed")  # fmt: skip
# The second: where all is done but Python has not ended yet.
CODES = {signal.SIGINT: (130, -2), signal.SIGTERM: (143, -15), signal.SIGKILL: (-9,)}


@dataclass
class Tally:
    """Counts of one kind of attack, and what was wrong in words."""

    kind: str
    how: str = "forked"
    cases: int = 0
    done: int = 0
    refused: int = 0
    skipped: int = 0
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COLUMNS, 0))
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(
        self, case: str, faults: Iterable[tuple[str, str]], codes: Iterable[int | None]
    ) -> None:
        self.cases += 1
        self.done += all(code == 0 for code in codes)
        self.refused += any(code != 0 for code in codes)
        faults = list(faults)
        for column in {column for column, _ in faults}:
            self.counts[column] += 1
        self.faults += [f"{self.kind}: {case}: {column}: {text}" for column, text in faults]


def table(tallies: Iterable[Tally]) -> str:
    """Counts as text, one line a kind."""
    tallies = list(tallies)
    head = ["attack", "run as", "cases", "done", "refused/ended", *HEADS, "not run"]
    lines = [
        [t.kind, t.how, t.cases, t.done, t.refused, *(t.counts[c] for c in COLUMNS), t.skipped]
        for t in tallies
    ]
    total = [sum(row[i] for row in lines) for i in range(2, len(head))]  # type: ignore[misc]
    rows = [head, *lines, ["all", "", *total]]
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(head))]
    said = [
        "  ".join(str(c).ljust(w) if i < 2 else str(c).rjust(w)
                  for i, (c, w) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    ]  # fmt: skip
    return "\n".join(said)


Shot = dict[str, tuple[str, bytes]]


def snapshot(box: Box) -> Shot:
    """Every entry below a case's folder, by relative path: its kind and its content."""
    found: Shot = {}
    for folder, folders, files in os.walk(box.root):
        for name in [*folders, *files]:
            path = Path(folder, name)
            mode = path.lstat().st_mode
            key = str(path.relative_to(box.root))
            if stat.S_ISREG(mode):
                found[key] = ("file", path.read_bytes())
            elif stat.S_ISLNK(mode):
                found[key] = ("link", os.fsencode(path.readlink()))
            elif not stat.S_ISDIR(mode):
                found[key] = ("special", b"")
    return found


@dataclass(frozen=True)
class Allowed:
    """Which files a case may make or replace.

    outputs: by name in ``out``; anywhere below these folders of ``out`` too (``folders``);
    leftovers: temporary names may stay (after SIGKILL).
    """

    outputs: tuple[str, ...] = ("out.mp4",)
    folders: tuple[str, ...] = ()
    leftovers: bool = False


def judge(
    box: Box, before: Shot, allowed: Allowed, ends: list[tuple[Command, Ended]]
) -> list[tuple[str, str]]:
    """Everything wrong with how a case ended: (column of the table, words)."""
    faults = [fault for command, ended in ends for fault in _of_run(command, ended)]
    if box.payload.exists():
        faults.append(("executed", "the payload ran"))
    deadline = time.monotonic() + 10
    while (left := list(left_processes(box))) and time.monotonic() < deadline:
        time.sleep(0.1)
    faults += [("left", f"process: {words}") for words in left]
    return faults + list(_of_files(box, before, allowed, ends))


def _of_run(command: Command, ended: Ended) -> Iterable[tuple[str, str]]:
    if ended.code is None:
        yield "hangs", f"not over in time: {ended.stderr[-3000:]!r}"
        return
    said = ended.stdout + ended.stderr
    if any(words in said for words in TRACEBACKS):
        yield "tracebacks", said[-700:]
    number = command.strike[0] if command.strike and ended.struck else None
    if ended.code < 0 and ended.code != -(number or 0):
        yield "tracebacks", f"ended by signal {-ended.code}: {ended.stderr[-300:]!r}"
    if number is not None:
        if ended.code not in (0, 1, *CODES[number]):
            yield "unclear", f"code {ended.code} after {number.name}: {said[-300:]!r}"
        if number is signal.SIGINT and ended.code == 130 and "interrupted" not in ended.stderr:
            yield "unclear", f"interrupted without a word: {ended.stderr!r}"
    elif ended.code not in (0, 1, 2):
        yield "unclear", f"code {ended.code}: {said[-300:]!r}"
    elif ended.code and command.stdout is None and not any(words in said for words in CLEAR):
        yield "unclear", f"code {ended.code} without a word: {said[-300:]!r}"


def _of_files(
    box: Box, before: Shot, allowed: Allowed, ends: list[tuple[Command, Ended]]
) -> Iterable[tuple[str, str]]:
    after, good = snapshot(box), any(ended.code == 0 for _, ended in ends)
    killed = allowed.leftovers or any(
        c.strike and c.strike[0] is signal.SIGKILL and e.struck for c, e in ends
    )
    for own in ("begun", "ended"):  # the harness's
        after.pop(own, None)
    after.pop("executed", None)
    for key, was in before.items():
        if key not in after:
            yield "broken", f"{key} is gone"
        elif after[key] != was and not _may_change(key, allowed):
            yield "broken", f"{key} was changed"
    for key in after:
        if key in before and after[key] == before[key]:
            continue
        path, hidden = box.root / key, any(p.startswith(".") for p in Path(key).parts[1:])
        if _may_change(key, allowed):
            wrong = incomplete(path, ends) if after[key][0] == "file" else ""
            if wrong:
                yield "broken", f"{key}: {wrong}"
        elif not (killed and (hidden or key.startswith("tmp/"))) and not key.startswith("home/"):
            yield "left", f"{key} ({len(after[key][1])} bytes)"
    failed = not any(ended.code == 0 or ended.struck or c.stdout for c, ended in ends)
    for name in allowed.outputs if failed else ():
        if after.get(f"out/{name}") != before.get(f"out/{name}"):
            yield "broken", f"failed, and {name} is there"
    for name in allowed.outputs if good and not allowed.folders else ():
        if f"out/{name}" not in after:
            yield "broken", f"ended well without {name}"


def _may_change(key: str, allowed: Allowed) -> bool:
    inside = key.removeprefix("out/")
    if inside == key or ".part" in Path(inside).name or ".incoming" in inside:
        return False
    return inside in allowed.outputs or any(inside.startswith(f"{f}/") for f in allowed.folders)


def incomplete(path: Path, ends: list[tuple[Command, Ended]]) -> str:
    """What is missing from a file under its final name; empty where nothing is."""
    try:
        if path.suffix in (".mp4", ".mkv", ".mov"):
            return _broken_video(path, ends)
        if path.suffix == ".png":
            data = path.read_bytes()
            return "" if data[:4] == b"\x89PNG" and b"IEND" in data[-12:] else "no whole PNG"
        if path.suffix in (".npz", ".npy"):
            loaded = np.load(path)
            [loaded[name] for name in loaded.files] if path.suffix == ".npz" else None
        if path.suffix == ".safetensors":
            from safetensors import safe_open

            with safe_open(path, framework="np") as file:
                list(file.keys())
        if path.suffix == ".json":
            json.loads(path.read_text())
        if path.suffix == ".html" and "</html>" not in path.read_text():
            return "no whole page"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _broken_video(path: Path, ends: list[tuple[Command, Ended]]) -> str:
    from cmet_cli.media.probe import probe_video
    from cmet_cli.media.reader import FrameReader

    with FrameReader(probe_video(path)) as reader:
        frames, words = sum(1 for _ in reader), reader.last_words
    told = [n for _, end in ends if end.code == 0 and (n := _told_frames(end.stdout))]
    if told and frames not in told:
        return f"{frames} frames, {told} told"
    # Sound is copied packet by packet, with its damage.
    return f"damaged: {words}" if "h264" in words else ""


def _told_frames(stdout: str) -> int | None:
    try:
        return json.loads(stdout.splitlines()[-1])["frames"]
    except (ValueError, LookupError):
        return None
