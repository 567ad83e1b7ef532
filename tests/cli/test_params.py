"""Options classes as flags of a command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import pytest
import typer
from typer.testing import CliRunner

from cmet_cli.cli.params import Without, takes_options
from cmet_cli.declared import Option, check_declared
from cmet_cli.errors import UsageError


@dataclass(frozen=True)
class Brew:
    cups: Annotated[int, Option("How many.", "Pot", short="-c", low=1, high=9)] = 2
    tea: Annotated[Literal["black", "green"], Option("Which.", "Pot")] = "green"
    pour: Annotated[int | Literal["all"] | None, Option("Into which cup.", "Pot")] = None
    milk: Annotated[bool, Option("With it.", "Pot")] = True
    spice: Annotated[str, Option("Some.", "Pot", several=True)] = "none"

    def __post_init__(self) -> None:
        check_declared(self)


def run(*arguments: str):
    """-> (result, what the command was called with)."""
    calls: list[tuple[Brew, str]] = []

    @takes_options
    def brew(brew: Brew, name: Annotated[str, typer.Argument()] = "pot") -> None:
        """Make tea."""
        calls.append((brew, name))

    app = typer.Typer()
    app.command()(brew)
    return CliRunner().invoke(app, list(arguments)), calls


def test_defaults_are_the_classes_own():
    result, calls = run()
    assert result.exit_code == 0, result.output
    assert calls == [(Brew(), "pot")]


def test_what_a_command_has_no_use_for_is_no_flag_of_it():
    calls: list[Brew] = []

    @takes_options
    def brew(brew: Annotated[Brew, Without("tea", "spice")]) -> None:
        """Make tea."""
        calls.append(brew)

    app = typer.Typer()
    app.command()(brew)
    assert CliRunner().invoke(app, ["--cups", "3"]).exit_code == 0
    assert calls == [Brew(3)]
    refused = CliRunner().invoke(app, ["--tea", "black"])
    assert refused.exit_code == 2
    assert "--tea" in refused.output
    assert "spice" not in CliRunner().invoke(app, ["--help"]).output


def test_flags_fill_one_object():
    _, calls = run("-c", "5", "--tea", "black", "--pour", "3", "--no-milk", "kettle")
    assert calls == [(Brew(5, "black", 3, False), "kettle")]
    assert run("--pour", "all")[1][0][0].pour == "all"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(("--cups", "10"), "between 1 and 9"), (("--pour", "some"), "a whole number or all")],
)
def test_the_class_itself_refuses(arguments, words):
    result, calls = run(*arguments)
    assert calls == []
    assert isinstance(result.exception, UsageError)
    assert words in str(result.exception)


def test_choices_are_refused_by_typer():
    result, calls = run("--tea", "white")
    assert (result.exit_code, calls) == (2, [])
    assert "white" in result.output


def test_help_shows_every_flag_in_its_panel():
    text = run("--help")[0].output
    for words in ("Make tea.", "Pot", "--cups", "--tea", "--pour", "--no-milk", "Into which cup."):
        assert words in text


def test_a_list_is_given_with_commas_or_by_repeating_the_flag():
    assert run()[1][0][0].spice == "none"
    assert run("--spice", "mace,clove")[1][0][0].spice == "mace,clove"
    assert run("--spice", "mace", "--spice", "clove")[1][0][0].spice == "mace,clove"
