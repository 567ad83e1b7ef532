"""``cmet edit``: one video, one emotion."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import HubError, WeightsError
from ..options import EditOptions, ModelOptions, RuntimeOptions
from .console import error_console, print_json, print_warning, progress_bars
from .params import OUTPUT, Json, Quiet, Verbose, takes_options

if TYPE_CHECKING:
    from ..editor import EmotionEditor
    from ..emotion.speech_prompt import SpeechPrompt
    from ..pipeline.early import EarlyFind
    from ..result import EditResult

_INPUT = "Input"
STANDS_IN = (
    "no published networks on this machine: using the small model that ships with cmet "
    "(`cmet download-weights` gets the published ones)"
)
FEW = 3
STEADIER = "is steadier with three recordings or more"

_VIDEO = typer.Option("--video", "-v", help="The video to edit.", rich_help_panel=_INPUT)
Video = Annotated[Path, _VIDEO]
MaybeVideo = Annotated[Path | None, _VIDEO]
EmotionAudio = Annotated[
    list[Path] | None,
    typer.Option(
        "--emotion-audio",
        "-e",
        help="Speech with the wanted emotion: a file, or a folder of them. Repeat to average.",
        rich_help_panel=_INPUT,
    ),
]
NeutralAudio = Annotated[
    list[Path] | None,
    typer.Option(
        "--neutral-audio",
        "-n",
        help="Neutral speech to compare with: a file or folder. Default: the published neutral "
        "presets, else the video's own speech.",
        rich_help_panel=_INPUT,
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="The edited video (.mp4, .m4v, .mkv, .mov). Default: beside the input, named after "
        "what is asked for.",
        rich_help_panel=OUTPUT,
    ),
]
Preview = Annotated[
    int | None,
    typer.Option(
        "--preview",
        help="Render only this many moments to a .png sheet: originals above, edits below.",
        rich_help_panel=OUTPUT,
    ),
]
Sign = Annotated[
    tuple[Path, Path] | None,
    typer.Option(
        "--sign",
        help="Sign the result as C2PA has it: CERT.pem KEY.pem (as --sign-cert and --sign-key).",
        rich_help_panel=OUTPUT,
        metavar="CERT KEY",
    ),
]
Download = Annotated[
    bool,
    typer.Option(
        "--download", help="Fetch missing weights without asking.", rich_help_panel="How it runs"
    ),
]


@takes_options
def edit(
    *,
    video: MaybeVideo = None,
    options: EditOptions,
    model: ModelOptions,
    runtime: RuntimeOptions,
    emotion_audio: EmotionAudio = None,
    output: Output = None,
    neutral_audio: NeutralAudio = None,
    preview: Preview = None,
    sign: Sign = None,
    download: Download = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Give a talking face the emotion of a voice; or new speech, or let a picture talk.

    [bold]cmet edit --video in.mp4 --emotion-audio sarcastic.wav[/]
    """
    if sign is not None:
        options = replace(options, sign_cert=sign[0], sign_key=sign[1])
    from ..naming import default_output, pictured

    shown = pictured(video, options)
    clips, neutral = tuple(emotion_audio or ()), tuple(neutral_audio or ())
    output = output or default_output(shown, clips, options, preview is not None)
    _refuse_early(shown, output, options, preview is not None)
    with _finding_early(video, options, model) as early:
        from ..asking import Wanted

        wanted = Wanted.of(clips, neutral, options)
        wanted.files()  # typos are told before models load
        _tell_few(wanted.prompt, bool(clips), quiet or json)
        editor = load_editor(model, runtime, download, quiet)
        editor.expect(early)
        with progress_bars(quiet or json) as progress:
            if preview is None:
                result = editor.edit(
                    video, clips, output, neutral=neutral, options=options, progress=progress
                )
            else:
                times = editor.preview(
                    shown,
                    clips,
                    output,
                    frames=preview,
                    neutral=neutral,
                    options=options,
                    progress=progress,
                )
    if preview is None:
        report(result, json)
    elif json:
        print_json({"output": str(output), "times_s": times})
    else:
        tell_asked(editor)
        typer.echo(f"{output}  {len(times)} moments before and after")


def _finding_early(
    video: Path | None, options: EditOptions, model: ModelOptions
) -> AbstractContextManager[EarlyFind | None]:
    """Looks for faces while the networks load, where there is more than one core."""
    if video is None or (os.cpu_count() or 1) < 2:
        return nullcontext()
    from ..pipeline.early import EarlyFind

    return EarlyFind(video, options.face_detector, model.weights_dir, model.model)


def _tell_few(prompt: SpeechPrompt, has_clips: bool, silent: bool) -> None:
    """A quiet word where more recordings would help, on either side of the difference."""
    if silent or not has_clips:
        return
    sides = ("an emotion", prompt.target_clips()), ("neutral speech", prompt.neutral_clips())
    for what, clips in sides:
        if 0 < len(clips) < FEW:
            error_console().print(f"[dim]{what} {STEADIER}[/]")


def _refuse_early(picture: Path, output: Path, options: EditOptions, preview: bool) -> None:
    """What needs no model to be wrong is said before any is loaded."""
    from ..media.containers import check_picture, container_of
    from ..media.ffmpeg import check_input
    from ..media.files import check_output

    check_input(picture, "identity image" if picture == options.identity_image else "video")
    if preview:
        from ..reporting import check_own_picture

        check_own_picture(options, "a preview")
        check_picture(output)
    else:
        container_of(output)
    check_output(output, overwrite=options.overwrite, inputs=(picture,))


def load_editor(
    model: ModelOptions, runtime: RuntimeOptions, download: bool, quiet: bool
) -> EmotionEditor:
    """Load the networks, fetching the weights first where the user agrees."""
    from ..backends.loader import check_runtime

    check_runtime(runtime)  # a wrong device is told before a download is offered
    from ..editor import EmotionEditor
    from ..weights.folder import nothing_published

    fetch = download and model.model != "mini" and nothing_published(model.weights_dir)
    try:
        if not fetch:
            chosen = model.weights_dir, model.model
            editor = EmotionEditor.from_weights(chosen[0], model=chosen[1], runtime=runtime)
            if chosen == (None, "auto") and editor.weights.own_ear and not quiet:
                error_console().print(f"[dim]{STANDS_IN}[/]")
            return editor
    except WeightsError as error:
        missing = type(error) is WeightsError and model.model != "mini"
        if not missing or not (download or _wants_download(error)):
            raise
    from ..backends.loader import published_shapes
    from ..weights.download import download_weights

    try:
        with progress_bars(quiet, unit="B/s") as progress:
            received = download_weights(
                model.weights_dir, expected=published_shapes(), progress=progress
            )
    except HubError as error:
        raise HubError(f"weights are missing and {error.message}", error.hint) from error
    for warning in received.warnings:
        print_warning(warning)
    return EmotionEditor.from_weights(model.weights_dir, model=model.model, runtime=runtime)


def _wants_download(error: WeightsError) -> bool:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    error_console().print(f"{error.message}")
    return typer.confirm("Download the weights (about 1.2 GB) now?", default=False, err=True)


def tell_asked(editor: EmotionEditor) -> None:
    """What was heard, and warnings about it; for requests that end without a result."""
    if editor.asked is None:
        return
    for warning in editor.asked.warnings:
        print_warning(warning)
    if editor.asked.heard.shares:
        error_console().print(f"heard: {editor.asked.heard}")


def report(result: EditResult, as_json: bool) -> None:
    """The last line: what was made, how long it is, how long it took."""
    if as_json:
        print_json(result.as_dict())
        return
    console = error_console()
    for warning in result.warnings:
        print_warning(warning)
    if result.frames == 1:
        print_warning("that was one frame; --identity-image and --speech let a picture speak")
    if result.frames_passed_through or result.frames_bridged:
        console.print(
            f"[dim]{result.frames_edited} frames edited ({result.frames_bridged} bridged), "
            f"{result.frames_passed_through} passed through[/]"
        )
    if result.heard:
        shares = ", ".join(f"{name} {share:.2f}" for name, share in result.heard.items())
        console.print(f"heard: {shares}")
    compared = f"compared with {result.neutral_from}; " if result.neutral_from else ""
    console.print(f"[dim]model {result.model}; {compared}lips from {result.lips}[/]")
    typer.echo(
        f"{result.output}  {result.frames} frames, {result.duration_s:.2f} s of video "
        f"in {result.elapsed_s:.1f} s ({result.real_time_factor:.1f} times its length)"
    )
