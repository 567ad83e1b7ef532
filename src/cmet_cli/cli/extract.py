"""``cmet extract``: cached features of a data set, for training the connector."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ..errors import UsageError
from ..options import FaceDetectorKind, ModelChoice, RuntimeOptions
from .console import error_console, one_line, print_json, progress_bars
from .params import Json, Overwrite, Quiet, Verbose, WeightsDir

RUNTIME = RuntimeOptions()
FAILURES_SHOWN = 20


def extract(
    folder: Annotated[
        Path, typer.Argument(help="Clips as ID/front/EMOTION/level_N/NNN.mp4 (and .wav).")
    ],
    weights_dir: WeightsDir = None,
    model: Annotated[
        ModelChoice, typer.Option("--model", help="mini: the one that ships with the package.")
    ] = "auto",
    face_detector: Annotated[
        FaceDetectorKind,
        typer.Option("--face-detector", help="none: the clips are cropped already."),
    ] = "auto",
    published: Annotated[
        bool, typer.Option("--published", help="Only the published selection of sentences.")
    ] = False,
    device: Annotated[
        str, typer.Option("--device", help="auto, cpu, cuda, cuda:N or mps.")
    ] = RUNTIME.device,
    batch_size: Annotated[
        int, typer.Option("--batch-size", help="Frames per network call; 0: by device.")
    ] = RUNTIME.batch_size,
    overwrite: Overwrite = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Cache expression codes and speech features beside the clips of a data set.

    Resumable: what is there is kept. Exit 1 if any clip failed; the others are done all the same.
    """
    if not folder.is_dir():
        raise UsageError(f"data folder not found: {folder}")
    from ..lab.training.extract import extract_folder, load_extractor

    runtime = RuntimeOptions(device=device, batch_size=batch_size)
    extractor = load_extractor(weights_dir, model=model, detector=face_detector, runtime=runtime)
    with progress_bars(quiet or json, unit="clips/s") as progress:
        report = extract_folder(
            folder, extractor, published_only=published, overwrite=overwrite, progress=progress
        )
    if json:
        print_json(asdict(report) | {"root": str(report.root)})
    else:
        _print(report.failed, report.odd)
        typer.echo(
            f"{folder}  {report.made} clips made, {report.present} already there, "
            f"{len(report.failed)} failed"
        )
    if report.failed:
        raise typer.Exit(1)


def _print(failed: tuple[tuple[str, str], ...], odd: tuple[str, ...]) -> None:
    """Warnings and failures, one line each, not without end."""
    console = error_console()
    lines = [f"failed: {clip}: {why}" for clip, why in failed]
    lines += [f"left out, not a clip of the layout: {name}" for name in odd]
    for line in lines[:FAILURES_SHOWN]:
        console.print(one_line(line), markup=False)
    if len(lines) > FAILURES_SHOWN:
        console.print(f"... and {len(lines) - FAILURES_SHOWN} more")
