"""The tool never imports the lab, and the lab never the command line; nothing goes in a circle."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import cmet_cli

ROOT = Path(cmet_cli.__file__).parent
LAB_COMMANDS = {"avatar.py", "extract.py", "prepare.py", "proof.py", "train.py"}


def imported(path: Path) -> set[str]:
    """Modules of the package that a file names, lazy imports counted, those for types left out."""
    package = ["cmet_cli", *path.relative_to(ROOT).parent.parts]
    tree, found = ast.parse(path.read_text("utf-8")), set()
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or id(node) in for_types:
            continue
        start = package[: len(package) - node.level + 1] if node.level else []
        module = ".".join([*start, *filter(None, [node.module])])
        inside = [f"{module}.{alias.name}" for alias in node.names]
        found |= {name for name in inside if is_module(name)} or {module}
    return {name for name in found if name.startswith("cmet_cli")}


def is_module(name: str) -> bool:
    place = ROOT.joinpath(*name.split(".")[1:])
    return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


def test_only_the_lab_s_own_commands_import_it():
    guilty = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.py")
        if any(name.startswith("cmet_cli.lab") for name in imported(path))
    }
    assert {f"cli/{name}" for name in LAB_COMMANDS} <= guilty  # else this test sees nothing
    outside = {name for name in guilty if not name.startswith("lab/")}
    assert outside == {f"cli/{name}" for name in LAB_COMMANDS}


def test_the_lab_does_not_import_the_command_line():
    upward = [
        (path.name, name)
        for path in (ROOT / "lab").rglob("*.py")
        for name in imported(path)
        if name.startswith("cmet_cli.cli")
    ]
    assert not upward


def test_the_lab_s_rooms_and_files_form_no_circle():
    files, rooms = {}, {}
    for path in (ROOT / "lab").rglob("*.py"):
        me = "cmet_cli." + ".".join(path.relative_to(ROOT).with_suffix("").parts)
        names = {name for name in imported(path) if name.startswith("cmet_cli.lab.")}
        files[me] = names
        mine = me.split(".")[2]
        rooms.setdefault(mine, set()).update({n.split(".")[2] for n in names} - {mine})
    for graph in (files, rooms):
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            pytest.fail(f"a circle: {error.args[1]}")


def test_an_edit_s_modules_load_without_the_lab():
    check = (
        "import sys, cmet_cli.editor, cmet_cli.batch.run, cmet_cli.cli.commands\n"
        "cmet_cli.cli.commands.command_line()\n"
        "sys.exit(any(name.startswith('cmet_cli.lab') for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", check], check=True, timeout=120)
