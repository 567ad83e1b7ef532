"""``cmet inspect``: a page that shows what an edit hears, asks for and does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..options import EditOptions, ModelOptions, RuntimeOptions
from .console import progress_bars
from .edit import EmotionAudio, NeutralAudio, load_editor, tell_asked
from .params import NOT_SHOWN, OUTPUT, Quiet, Verbose, Without, takes_options

Page = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="The page (.html). Default: beside the video.",
        rich_help_panel=OUTPUT,
    ),
]
#: Options that say how a video is written.
OF_A_FILE = ("compare", "crf", "encoder", "preset")
Frames = Annotated[int, typer.Option("--frames", help="Moments shown before and after.")]


@takes_options
def inspect(
    video: Annotated[Path, typer.Argument(help="The video to look inside.")],
    options: Annotated[EditOptions, Without(*NOT_SHOWN, *OF_A_FILE)],
    model: ModelOptions,
    runtime: RuntimeOptions,
    emotion_audio: EmotionAudio = None,
    neutral_audio: NeutralAudio = None,
    output: Page = None,
    frames: Frames = 6,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Look inside: frames before and after, codes and changes over time, what was heard.

    [bold]cmet inspect in.mp4 --emotion happy -o report.html[/]
    """
    from ..media.ffmpeg import check_input
    from ..media.files import check_output

    check_input(video, "video")
    output = output or video.with_name(f"{video.stem}_inspect.html")
    check_output(output, overwrite=options.overwrite, inputs=(video,))
    editor = load_editor(model, runtime, download=False, quiet=quiet)
    clips, neutral = tuple(emotion_audio or ()), tuple(neutral_audio or ())
    with progress_bars(quiet) as progress:
        editor.inspect(
            video,
            clips,
            output,
            frames=frames,
            neutral=neutral,
            options=options,
            progress=progress,
        )
    tell_asked(editor)
    typer.echo(str(output))
