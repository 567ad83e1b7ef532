"""What an attack is made of, and how one is run and judged."""

from __future__ import annotations

import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from arena import Arena, Box, Command, Ended
from verdict import Allowed, Tally, judge, snapshot


@dataclass(frozen=True)
class Plan:
    """The commands of one case, all started at once, and what they may write."""

    commands: list[Command]
    allowed: Allowed = field(default_factory=Allowed)


@dataclass(frozen=True)
class Case:
    """prepare: fills the case's folder and says what to run, by a random generator of its own."""

    name: str
    prepare: Callable[[Box, random.Random], Plan]


@dataclass(frozen=True)
class Attack:
    """A kind of attack. cases: as many as asked for, the same for the same seed; sample: how many
    of them the tests run; weight: its part of the time, about the seconds it takes; skip: why it
    cannot be run on this machine, if so."""

    kind: str
    cases: Callable[[int], list[Case]]
    count: int
    sample: int
    how: str = "forked"
    weight: float = 30.0
    skip: Callable[[], str] = lambda: ""


def old_output(box: Box, rng: random.Random, name: str = "out.mp4") -> dict[str, object]:
    """Every third time an older file has the output's name, and --overwrite is said: it must be
    there whole until the new one is."""
    if rng.random() > 0.33:
        return {}
    (box.out / name).write_bytes(box.materials.clips["mp4"].read_bytes())
    return {"overwrite": True}


def run_case(arena: Arena, case: Case, seed: str) -> tuple[list[tuple[str, str]], list[int | None]]:
    """-> what was wrong, and the commands' exit codes. The folder is kept where something was."""
    box = arena.box()
    with box.closing:
        plan = case.prepare(box, random.Random(f"{seed}/{case.name}"))
        before = snapshot(box)
        ends: list[Ended | None] = [None] * len(plan.commands)

        def go(i: int) -> None:
            ends[i] = arena.run(box, plan.commands[i])

        threads = [threading.Thread(target=go, args=(i,)) for i in range(1, len(ends))]
        for thread in threads:
            thread.start()
        go(0)
        for thread in threads:
            thread.join()
        ended = [end for end in ends if end is not None]
        faults = judge(box, before, plan.allowed, list(zip(plan.commands, ended, strict=True)))
    if not faults:
        shutil.rmtree(box.root, ignore_errors=True)
    return [(c, f"{text}  [{box.root}]") for c, text in faults], [end.code for end in ended]


def run_attack(
    arena: Arena, attack: Attack, seed: int, count: int, until: float = float("inf")
) -> Tally:
    """Run ``count`` cases two at a time; those not begun at ``until`` (monotonic) are not run."""
    tally, lock = Tally(attack.kind, attack.how), threading.Lock()
    why_not = attack.skip()
    if why_not:
        tally.skipped, tally.notes = count, [f"{attack.kind}: not run: {why_not}"]
        return tally

    def one(case: Case) -> None:
        if time.monotonic() > until:
            with lock:
                tally.skipped += 1
            return
        faults, codes = run_case(arena, case, f"{seed}/{attack.kind}")
        with lock:
            tally.add(case.name, faults, codes)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, _cases(attack, count)))
    return tally


def _cases(attack: Attack, count: int) -> Iterator[Case]:
    yield from attack.cases(count)[:count]


__all__ = ["Allowed", "Attack", "Case", "Command", "Plan", "old_output", "run_attack", "run_case"]
