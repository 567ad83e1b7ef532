"""One command is made at a time; they are the same as if all were."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from cmet_cli.cli.commands import COMMANDS, command_line


def names(app: typer.Typer) -> set[str | None]:
    return {one.name for one in [*app.registered_commands, *app.registered_groups]}


def shown(arguments: list[str], app: typer.Typer) -> str:
    run = CliRunner().invoke(app, arguments)
    assert run.exit_code == 0, run.output
    return run.output


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_alone_helps_as_among_all(name):
    assert names(command_line([name, "--help"])) == {name}
    alone, among = (
        shown([name, "--help"], app) for app in (command_line([name, "--help"]), command_line())
    )
    assert alone == among
    assert "Usage" in alone


@pytest.mark.parametrize(
    "arguments", [[], ["--help"], ["--version"], ["edti"], [""], ["--", "edit"]]
)
def test_what_begins_otherwise_is_answered_by_all(arguments):
    assert names(command_line(arguments)) == set(COMMANDS)


def test_a_mistyped_name_is_answered_with_the_nearest(cmet):
    run = cmet("btach")
    assert run.returncode == 2
    assert "batch" in run.stderr


def test_what_an_edit_does_not_need_is_not_loaded():
    code = (
        "import sys; from cmet_cli.cli.commands import command_line; command_line(['edit']); "
        "print(*(m for m in sys.modules if m.startswith('cmet_cli.cli.')))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert "cmet_cli.cli.edit" in loaded
    assert not loaded & {f"cmet_cli.cli.{name}" for name in ("batch", "bench", "train", "prepare")}
