"""``cmet sweep``: many emotions on one face, in one picture or one video."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import UsageError
from ..options import ASKING, EditOptions, ModelOptions, RuntimeOptions
from .console import progress_bars
from .edit import Video, load_editor
from .params import NOT_SHOWN, OUTPUT, Quiet, Verbose, Without, takes_options

Emotions = Annotated[
    list[str] | None,
    typer.Option(
        "--show", "-s", help="A name or a mixture, a row of the sheet. Several with commas."
    ),
]
All = Annotated[bool, typer.Option("--all", help="Every name that is known.")]
Intensities = Annotated[
    str, typer.Option("--intensities", help="The columns, with commas between.")
]
Sheet = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="The sheet (.png). Default: beside the video.",
        rich_help_panel=OUTPUT,
    ),
]
VideoOut = Annotated[
    Path | None,
    typer.Option("--video-out", help="Also all of it as a video of tiles.", rich_help_panel=OUTPUT),
]


@takes_options
def sweep(
    video: Video,
    options: Annotated[EditOptions, Without(*NOT_SHOWN, *ASKING[1:], "intensity", "compare")],
    model: ModelOptions,
    runtime: RuntimeOptions,
    show: Emotions = None,
    all_names: All = False,
    intensities: Intensities = "0.5,1,1.5",
    output: Sheet = None,
    video_out: VideoOut = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Show every emotion at several strengths, in seconds.

    [bold]cmet sweep --video in.mp4 --all -o sheet.png[/]
    """
    from ..media.containers import container_of
    from ..media.ffmpeg import check_input
    from ..media.files import check_output

    columns = _numbers(intensities)
    check_input(video, "video")
    output = output or video.with_name(f"{video.stem}_sweep.png")
    for place in (output, video_out):
        if place is not None:
            check_output(place, overwrite=options.overwrite, inputs=(video,))
    if output.suffix.lower() != ".png":
        raise UsageError(f"a sheet is written as .png: {output}", "--video-out is for a video")
    if video_out is not None:
        container_of(video_out)
    editor = load_editor(model, runtime, download=False, quiet=quiet)
    asked = [*(show or ()), options.emotion]
    names = [name for text in asked for name in text.split(",") if name.strip()]
    if all_names or not names:
        names += editor.model.ear.presets.names
    with progress_bars(quiet) as progress:
        for place in filter(None, (output, video_out)):
            time_s = editor.sweep(
                video, names, place, intensities=columns, options=options, progress=progress
            )
            when = "" if time_s is None else f" at {time_s:.2f} s"
            typer.echo(f"{place}  {len(names)} by {len(columns)} tiles{when}")


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise UsageError(f"intensities are numbers with commas between, not '{text}'") from None
