"""``cmet timeline``: a plan of emotions over time, to start from."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from .console import one_line
from .params import Overwrite


def timeline(
    video: Annotated[Path, typer.Argument(help="The video that the plan is for.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The plan (.csv). Default: beside it.")
    ] = None,
    subtitles: Annotated[
        Path | None, typer.Option("--subtitles", help="An .srt: a row per line of speech.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a plan for [bold]cmet edit --timeline[/]: fill in which emotion goes where."""
    from ..emotion.schedule import starter_plan, subtitle_lines
    from ..errors import UsageError
    from ..media.ffmpeg import check_input
    from ..media.files import atomic_path, check_output
    from ..media.probe import probe_video

    check_input(video, "video")
    output = output or video.with_name(f"{video.stem}_timeline.csv")
    if output.suffix.lower() != ".csv":
        raise UsageError(f"a plan is written as .csv: {output}")
    read = tuple(filter(None, (video, subtitles)))
    check_output(output, overwrite=overwrite, inputs=read)
    if subtitles is not None:
        check_input(subtitles, "subtitles")
    lines = subtitle_lines(subtitles) if subtitles is not None else []
    names = _names() if lines else ()
    text = starter_plan(probe_video(video).duration_s or 5.0, lines, names)
    with atomic_path(output, overwrite=overwrite) as part:
        part.write_text(text, "utf-8")
    rows = sum(not line.startswith("#") for line in text.splitlines()) - 1
    what = "a row" if rows == 1 else f"{rows} rows"
    then = shlex.join(["cmet", "edit", "--video", str(video), "--timeline", str(output)])
    typer.echo(one_line(f"{output}  {what} to fill in; then: {then}"))


def _names() -> tuple[str, ...]:
    """What an edit could ask for here."""
    from ..emotion.presets import names_for
    from ..errors import WeightsError
    from ..weights.folder import find_weights

    try:
        return names_for(find_weights()).names
    except WeightsError:
        return ()
