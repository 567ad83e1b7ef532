"""A seeded sample of the attack list (``make attack`` runs it all); its judge can judge."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "weights"))  # the Hub's server

from all_attacks import ATTACKS
from arena import Arena, Command, Ended, make_materials
from cases import run_attack
from verdict import Allowed, Tally, judge, snapshot, table

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals, mounts and /proc")
SEED = 1
SAMPLED = [attack for attack in ATTACKS if attack.sample]


@pytest.fixture(scope="module")
def arena(tmp_path_factory):
    folder = tmp_path_factory.mktemp("attack")
    return Arena(folder, make_materials(folder / "materials"))


@pytest.mark.parametrize("attack", SAMPLED, ids=lambda attack: attack.kind)
def test_nothing_is_broken_by(arena, attack):
    if why_not := attack.skip():
        pytest.skip(why_not)
    tally = run_attack(arena, attack, SEED, attack.sample)
    assert tally.cases == attack.sample
    assert tally.faults == []


def test_an_edit_of_the_arena_is_a_real_one(arena):
    """Else everything would be refused for another reason than the attack."""
    box = arena.box()
    before, command = snapshot(box), Command(box.edit())
    ended = arena.run(box, command)
    assert ended.code == 0, ended.stderr
    assert judge(box, before, Allowed(), [(command, ended)]) == []
    assert judge(box, before, Allowed(()), [(command, ended)])[0][0] == "left"


WRONG = {
    "tracebacks": ([], Ended(1, "", "Traceback (most recent call last):\n error: x")),
    "unclear": ([], Ended(1, "", "well\n")),
    "hangs": ([], Ended(None, "", "")),
    "broken": ([("out/out.mp4", b"half")], Ended(0, "", "")),
    "left": ([("tmp/cmet-x.trial", b""), ("out/.out.01234567.part.mp4", b"")], Ended(0, "", "")),
    "executed": ([("executed", b"")], Ended(2, "", "error: x")),
}


@pytest.mark.parametrize("column", WRONG)
def test_the_judge_sees_what_is_wrong(arena, column):
    made, ended = WRONG[column]
    box = arena.box()
    if column != "broken":
        (box.out / "out.mp4").write_bytes(arena.materials.clips["mp4"].read_bytes())
    before = snapshot(box)
    for name, content in made:
        (box.root / name).write_bytes(content)
    found = {kind for kind, _ in judge(box, before, Allowed(), [(Command([]), ended)])}
    assert found == {column}


def test_the_judge_keeps_what_was_there(arena):
    box = arena.box()
    precious, old = box.put("precious.mp4", b"mine"), box.out / "out.mp4"
    old.write_bytes(arena.materials.clips["mp4"].read_bytes())
    before = snapshot(box)
    precious.write_bytes(b"other")
    old.unlink()
    killed = Command([], strike=(signal.SIGKILL, 0.0))
    ends = [(killed, Ended(-9, "", "", struck=True))]
    told = [text for kind, text in judge(box, before, Allowed(), ends) if kind == "broken"]
    assert sorted(told) == ["in/precious.mp4 was changed", "out/out.mp4 is gone"]


def test_the_table_adds_up():
    tallies = [Tally("a"), Tally("b")]
    tallies[0].add("x", [("hangs", "for ever"), ("left", "y"), ("left", "z")], [None])
    tallies[1].add("y", [], [0])
    last = table(tallies).splitlines()[-1].split()
    assert last == ["all", "2", "1", "1", "0", "0", "1", "0", "1", "0", "0"]
