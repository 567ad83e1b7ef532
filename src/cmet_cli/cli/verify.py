"""``cmet verify``: was this face edited, and who says so?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .console import error_console, one_line, print_json, print_warning
from .params import Json, Verbose

if TYPE_CHECKING:
    from ..provenance.credentials import Credentials


def verify(
    file: Annotated[Path, typer.Argument(help="A video or picture.")],
    anchors: Annotated[
        Path | None,
        typer.Option("--anchors", help="Certificates (.pem) of the authorities to trust."),
    ] = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Read and check a C2PA manifest, offline; exit code 1 where there is none to rely on.

    Without one, a sidecar (FILE.cmet.json) is looked for and told.
    """
    from ..media.ffmpeg import check_input
    from ..provenance.credentials import read_credentials
    from ..provenance.statement import read_sidecar

    check_input(file, "file")
    if anchors is not None:
        check_input(anchors, "anchors")
    found, sidecar = read_credentials(file, anchors), read_sidecar(file, print_warning)
    relied = found is not None and found.state == ("valid" if anchors is None else "trusted")
    if json:
        print_json(_as_dict(found, sidecar))
    else:
        _tell(file, found, sidecar, anchors)
    if not relied:
        raise typer.Exit(1)


def _as_dict(found: Credentials | None, sidecar: tuple[dict[str, Any], bool] | None) -> Any:
    from dataclasses import asdict

    beside = None if sidecar is None else {"said": sidecar[0], "same_file": sidecar[1]}
    return {"manifest": None if found is None else asdict(found), "sidecar": beside}


def _tell(
    file: Path,
    found: Credentials | None,
    sidecar: tuple[dict[str, Any], bool] | None,
    anchors: Path | None,
) -> None:
    console = error_console()
    if found is None:
        typer.echo(one_line(f"{file}: no C2PA manifest"))
    else:
        who = "; who signed was not checked (--anchors)" if anchors is None else ", by a stranger"
        meaning = {
            "trusted": "untouched since it was signed, by somebody you trust",
            "valid": f"untouched since it was signed{who}",
        }
        words = meaning.get(found.state, "not what was signed")
        typer.echo(one_line(f"{file}: {found.state}: {words}"))
        for name, value in (
            ("signed by", found.signer),
            ("made with", found.tool),
            ("made from", found.parent),
        ):
            if value:
                console.print(one_line(f"{name}: {value}"), markup=False)
        for problem in found.problems:
            console.print(one_line(problem), markup=False)
    said = found.said if found is not None and found.said else {}
    if sidecar is not None and not said:
        said = sidecar[0]
        same = "for this very file" if sidecar[1] else "for ANOTHER file of this name"
        console.print(f"a sidecar, unsigned, {same}:", markup=False)
    for name in ("notice", "prompt", "intensity", "edited_s"):
        if name in said:
            line = f"{name.replace('_s', ' (s)')}: {said[name]}"
            console.print(one_line(line), markup=False)
