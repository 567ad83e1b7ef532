"""Which commands there are. One is asked for at a time, and the others' modules, their options and
what Typer makes of them all take longer than reading a video's first frames."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, NamedTuple

import typer

from .._version import __version__

_TRAINING = "Making data and models"


class _Command(NamedTuple):
    """A module of this folder, what in it is the command or a group of them, and the heading under
    which the help has it."""

    module: str
    part: str
    panel: str | None = None


#: By their names, in the help's order.
COMMANDS = {
    "edit": _Command("edit", "edit"),
    "batch": _Command("batch", "batch"),
    "sweep": _Command("sweep", "sweep"),
    "inspect": _Command("inspect", "inspect"),
    "timeline": _Command("timeline", "timeline"),
    "faces": _Command("faces", "faces"),
    "emotions": _Command("emotions", "emotions_app"),
    "download-weights": _Command("download", "download_weights"),
    "evaluate": _Command("evaluate", "evaluate"),
    "verify": _Command("verify", "verify"),
    "doctor": _Command("doctor", "doctor"),
    "bench": _Command("bench", "bench"),
    "avatar": _Command("avatar", "avatar", _TRAINING),
    "prepare": _Command("prepare", "prepare_app", _TRAINING),
    "extract": _Command("extract", "extract", _TRAINING),
    "proof": _Command("proof", "proof", _TRAINING),
    "train": _Command("train", "train_app", _TRAINING),
}


def command_line(arguments: Sequence[str] = ()) -> typer.Typer:
    """What answers these arguments: with the command that they begin with alone, or with all where
    they begin otherwise (help, a name that does not exist)."""
    app = typer.Typer(
        name="cmet",
        help="Edit the emotion of a talking-face video, by speech.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    asked = next(iter(arguments), "")
    for name in [asked] if asked in COMMANDS else COMMANDS:
        _add(app, name)
    return app


def _add(app: typer.Typer, name: str) -> None:
    module, part, panel = COMMANDS[name]
    found = getattr(import_module(f".{module}", __package__), part)
    if isinstance(found, typer.Typer):
        app.add_typer(found, name=name, rich_help_panel=panel)
    else:
        app.command(name, rich_help_panel=panel)(found)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cmet {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Edit the emotion of a talking-face video, by speech."""
