"""``cmet extract``: cached features of a data set, for training the connector."""

from __future__ import annotations

import enum
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from .. import options as opt
from ..errors import UsageError
from .console import State, error_console, one_line, print_json, progress_bars

RUNTIME = opt.RuntimeOptions()
ModelName = enum.Enum("ModelName", {name: name for name in opt.MODELS}, type=str)
Detector = enum.Enum("Detector", {name: name for name in opt.FACE_DETECTORS}, type=str)
AUTO_MODEL, AUTO_DETECTOR = ModelName("auto"), Detector("auto")
FAILURES_SHOWN = 20


def extract(
    folder: Annotated[
        Path, typer.Argument(help="Clips as ID/front/EMOTION/level_N/NNN.mp4 (and .wav).")
    ],
    weights_dir: Annotated[
        Path | None,
        typer.Option("--weights-dir", help="Folder with the encoders; no connector is needed."),
    ] = None,
    model: Annotated[
        ModelName, typer.Option("--model", help="mini: the one that ships with the package.")
    ] = AUTO_MODEL,
    face_detector: Annotated[
        Detector, typer.Option("--face-detector", help="none: the clips are cropped already.")
    ] = AUTO_DETECTOR,
    published: Annotated[
        bool, typer.Option("--published", help="Only the published selection of sentences.")
    ] = False,
    device: Annotated[
        str, typer.Option("--device", help="auto, cpu, cuda, cuda:N or mps.")
    ] = RUNTIME.device,
    batch_size: Annotated[
        int, typer.Option("--batch-size", help="Frames per network call; 0: by device.")
    ] = RUNTIME.batch_size,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Make all of them anew.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Tracebacks for errors.")] = False,
) -> None:
    """Cache expression codes and speech features beside the clips of a data set.

    Resumable: what is there is kept. Exit 1 if any clip failed; the others are done all the same.
    """
    State.verbose, State.json = verbose, json
    if not folder.is_dir():
        raise UsageError(f"data folder not found: {folder}")
    from ..lab.training.extract import extract_folder, load_extractor

    runtime = opt.RuntimeOptions(device=device, batch_size=batch_size)
    extractor = load_extractor(
        weights_dir, model=model.value, detector=face_detector.value, runtime=runtime
    )
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
