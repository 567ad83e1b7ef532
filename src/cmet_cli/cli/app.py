"""The ``cmet`` command: registers the subcommands and turns errors into one line and a code."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from types import FrameType
from typing import Annotated

import typer

from .._version import __version__
from ..errors import CmetError, MediaError
from . import avatar, batch, doctor, download, edit, extract, faces, train
from .console import State, error_console, print_error

EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143
_TRAINING = "Making data and models"

app = typer.Typer(
    name="cmet",
    help="Edit the emotion of a talking-face video, by speech.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cmet {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Edit the emotion of a talking-face video, by speech."""


app.command("edit")(edit.edit)
app.command("batch")(batch.batch)
app.command("faces")(faces.faces)
app.command("download-weights")(download.download_weights)
app.command("doctor")(doctor.doctor)
app.command("avatar", rich_help_panel=_TRAINING)(avatar.avatar)
app.command("extract", rich_help_panel=_TRAINING)(extract.extract)
app.add_typer(train.train_app, name="train", rich_help_panel=_TRAINING)


def _terminate(signum: int, frame: FrameType | None) -> None:
    raise SystemExit(EXIT_TERMINATED)  # unwinds, so that temporary files go


def main() -> None:
    """Entry point of the console script."""
    # torch's threads spin while they wait, which costs a busy machine most of its speed: with one
    # other process on two cores an edit took 30 s so, 3 s with sleeping threads, alone the same.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    signal.signal(signal.SIGTERM, _terminate)
    try:
        app(standalone_mode=True)
    except KeyboardInterrupt:
        error_console().print("interrupted; nothing was written")
        sys.exit(EXIT_INTERRUPTED)
    except (CmetError, OSError, MemoryError) as error:
        if State.verbose:
            traceback.print_exc()
        sys.exit(print_error(_as_cmet_error(error)))
    except Exception as error:
        if State.verbose:
            traceback.print_exc()
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        hint = "this is a bug in cmet; run again with --verbose and report it"
        sys.exit(print_error(CmetError(what, hint)))


def _as_cmet_error(error: Exception) -> CmetError:
    if isinstance(error, CmetError):
        return error
    if isinstance(error, MemoryError):
        return CmetError("out of memory", "use a smaller --batch-size")
    return MediaError(f"{getattr(error, 'filename', None) or 'system'}: {error.args[-1]}")
