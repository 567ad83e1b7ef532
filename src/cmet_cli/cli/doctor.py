"""``cmet doctor``: which edits could run here?"""

from __future__ import annotations

import typer

from .console import error_console, print_json
from .params import Json, Verbose, WeightsDir


def doctor(
    weights_dir: WeightsDir = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Say what is found and which edits could run. Exit 1 if none could."""
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
