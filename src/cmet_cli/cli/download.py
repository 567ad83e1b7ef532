"""``cmet download-weights``: fetch, convert and verify the published files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ..errors import CmetError
from .console import print_json, print_warning, progress_bars
from .params import Json, Quiet, Verbose


def download_weights(
    folder: Annotated[
        Path | None,
        typer.Option("--dir", help="A plain portable folder. Default: beside the Hub's cache."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            help="One part: edtalk, audio2lip, connector, emotion2vec, yunet, presets; evaluation: "
            "what cmet evaluate uses (expression, sface, inception, i3d, syncnet). Repeat.",
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Verify what is there; needs no network.")
    ] = False,
    keep_originals: Annotated[
        bool, typer.Option("--keep-originals", help="Keep the pickles beside the safetensors.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Download the published model weights (about 1.2 GB), once.

    Honours the Hub client's variables: HF_ENDPOINT, HF_TOKEN, HF_HOME, HF_HUB_CACHE,
    HF_HUB_OFFLINE.
    """
    from ..weights import download as library

    if check:
        from ..weights.verify import check_folder

        checks = check_folder(folder, tuple(only or ()))
        if json:
            print_json({"files": [asdict(c) for c in checks]})
        else:
            for item in checks:
                typer.echo(f"{item.state:<10} {item}")
        problems = sum(not item.ok for item in checks)
        if problems and json:
            raise typer.Exit(1)
        if problems:
            raise CmetError(f"{problems} problem(s) found", "run `cmet download-weights`")
        return
    from ..backends.loader import published_shapes
    from ..evaluation.networks.load import evaluation_shapes

    with progress_bars(quiet or json, unit="B/s") as progress:
        report = library.download_weights(
            folder,
            only=tuple(only or ()),
            keep_originals=keep_originals,
            progress=progress,
            expected=published_shapes() | evaluation_shapes(),
        )
    if json:
        print_json(report.as_dict())
        return
    for warning in report.warnings:
        print_warning(warning)
    typer.echo(
        f"{report.folder}: {len(report.fetched)} file(s) downloaded, "
        f"{len(report.present)} already there"
    )
    for licence, names in _licences(report.fetched).items():
        typer.echo(f"licence of {', '.join(names)}: {licence}")


def _licences(kept: Sequence[str]) -> dict[str, list[str]]:
    """What the files that have come may be used for: the names of each licence's."""
    from ..weights.registry import EVALUATION_FILES, FILES, SEE_REPOSITORY

    found: dict[str, list[str]] = {}
    for entry in (*FILES, *EVALUATION_FILES):
        if entry.kept in kept:
            said = entry.licence + (f" ({entry.repo})" if entry.licence == SEE_REPOSITORY else "")
            found.setdefault(said, []).append(entry.name)
    return found
