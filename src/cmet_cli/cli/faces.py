"""``cmet faces``: which face has which number."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..options import FaceDetectorKind
from .console import print_json, progress_bars
from .params import Json, Overwrite, Quiet, Verbose, WeightsDir


def faces(
    video: Annotated[Path, typer.Argument(help="The video to look at.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A picture (.png) with numbered boxes.")
    ] = Path("faces.png"),
    face_detector: Annotated[
        FaceDetectorKind, typer.Option("--face-detector", help="How faces are found.")
    ] = "auto",
    weights_dir: WeightsDir = None,
    overwrite: Overwrite = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Show the faces of a video with the numbers that [bold]cmet edit --face[/] takes."""
    from ..pipeline.numbered_faces import face_sheet

    with progress_bars(quiet or json) as progress:
        found = face_sheet(
            video,
            output,
            detector=face_detector,
            weights_dir=weights_dir,
            overwrite=overwrite,
            progress=progress,
        )
    if json:
        print_json({"output": str(output), "faces": found})
        return
    for row in found:
        typer.echo(f"face {row['number']}: in {row['frames']} of {row['of']} frames")
    typer.echo(str(output))
