"""The attack list: ``python tests/attack/run.py [--seed 1] [--minutes 10] [--only WORDS]``.

Prints a table of counts; exits 1 if anything was found.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "weights")]


def main() -> int:
    from all_attacks import ATTACKS
    from arena import Arena, make_materials
    from cases import run_attack
    from verdict import table

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--only", default="", help="kinds whose name holds these words")
    parser.add_argument("--share", type=float, default=1.0, help="of the cases")
    asked = parser.parse_args()
    start = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="attack-"))
    arena = Arena(folder, make_materials(folder / "materials"))
    attacks = [attack for attack in ATTACKS if asked.only in attack.kind]
    tallies, end = [], start + asked.minutes * 60
    for i, attack in enumerate(attacks):
        begun, rest = time.monotonic(), attacks[i:]
        # Each kind may take its part of the time that is left, so that none is crowded out.
        until = begun + (end - begun) * attack.weight / sum(a.weight for a in rest)
        count = max(1, round(attack.count * asked.share))
        tally = run_attack(arena, attack, asked.seed, count, until)
        tallies.append(tally)
        print(f"{attack.kind}: {tally.cases} cases, {time.monotonic() - begun:.0f} s", flush=True)
        for line in (*tally.faults, *tally.notes):
            print(f"  {line}", flush=True)
    print(f"\n{table(tallies)}\n\n{time.monotonic() - start:.0f} s, seed {asked.seed}")
    found = any(tally.faults for tally in tallies)
    if not found:
        shutil.rmtree(folder, ignore_errors=True)
    return int(found)


if __name__ == "__main__":
    sys.exit(main())
