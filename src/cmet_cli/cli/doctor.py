"""``cmet doctor``: which edits could run here?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import State, error_console, print_json


def doctor(
    weights_dir: Annotated[
        Path | None, typer.Option("--weights-dir", help="Folder with the model weights.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Tracebacks for errors.")] = False,
) -> None:
    """Say what is found and which edits could run. Exit 1 if none could."""
    State.verbose, State.json = verbose, json
    from ..doctor import diagnose

    findings = diagnose(weights_dir)
    if json:
        print_json({f.name: {"ok": f.ok, "detail": f.detail} for f in findings})
    else:
        console = error_console()
        for finding in findings:
            lacking = "[red]FAIL[/]" if finding.needed else "[yellow]no[/]  "
            mark = "[green]ok[/]  " if finding.ok else lacking
            console.print(f"{mark}  {finding.name:<11} ", end="")
            console.print(finding.detail, markup=False)
    if not findings[-1].ok:
        raise typer.Exit(1)
