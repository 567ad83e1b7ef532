"""``cmet edit``: one video, one emotion."""

from __future__ import annotations

import enum
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import options as opt
from ..errors import HubError, WeightsError
from .console import State, error_console, print_json, progress_bars

if TYPE_CHECKING:
    from ..editor import EmotionEditor
    from ..result import EditResult

_INPUT, _FACE, _NETWORK, _OUTPUT = "Input", "Face", "How it runs", "Output"
DEFAULTS, RUNTIME = opt.EditOptions(), opt.RuntimeOptions()
KEPT_SUFFIXES = (".mp4", ".mkv", ".mov", ".m4v")

Lips = enum.Enum("Lips", {name: name for name in opt.LIPS}, type=str)
Precision = enum.Enum("Precision", {name: name for name in opt.PRECISIONS}, type=str)
FaceDetectorKind = enum.Enum("FaceDetectorKind", {n: n for n in opt.FACE_DETECTORS}, type=str)
Paste = enum.Enum("Paste", {name: name for name in opt.PASTES}, type=str)
DEFAULT_DETECTOR, DEFAULT_PASTE = FaceDetectorKind("auto"), Paste(DEFAULTS.paste)
Source = enum.Enum("Source", {name: name for name in opt.SOURCES}, type=str)
Model = enum.Enum("Model", {name: name for name in opt.MODELS}, type=str)
DEFAULT_SOURCE, DEFAULT_MODEL = Source(DEFAULTS.source), Model("auto")
DEFAULT_LIPS, DEFAULT_PRECISION = Lips(DEFAULTS.lips), Precision(RUNTIME.precision)


def edit(
    video: Annotated[
        Path,
        typer.Option("--video", "-v", help="The video to edit.", rich_help_panel=_INPUT),
    ],
    emotion_audio: Annotated[
        list[Path],
        typer.Option(
            "--emotion-audio",
            "-e",
            help="Speech with the wanted emotion: a file, or a folder of them. Repeat to average.",
            rich_help_panel=_INPUT,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The edited video (.mp4, .mkv, .mov). Default: beside the input, named after "
            "the emotion.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    neutral_audio: Annotated[
        list[Path] | None,
        typer.Option(
            "--neutral-audio",
            "-n",
            help="Neutral speech to compare with: a file or folder. Default: the published neutral "
            "presets, else the video's own speech.",
            rich_help_panel=_INPUT,
        ),
    ] = None,
    intensity: Annotated[
        float,
        typer.Option(
            "--intensity",
            "-i",
            help="Strength of the emotion; 0 keeps the expression, negative reverses the change.",
        ),
    ] = DEFAULTS.intensity,
    lips: Annotated[
        Lips, typer.Option("--lips", help="Lip motion from the video's sound or its picture.")
    ] = DEFAULT_LIPS,
    face_detector: Annotated[
        FaceDetectorKind,
        typer.Option(
            "--face-detector",
            help="How the face is found; none: the middle square of the picture.",
            rich_help_panel=_FACE,
        ),
    ] = DEFAULT_DETECTOR,
    face: Annotated[
        str | None,
        typer.Option(
            "--face",
            help="Which face: a number from the left (see cmet faces), or all. Default: the "
            "largest and most present.",
            rich_help_panel=_FACE,
        ),
    ] = None,
    paste: Annotated[
        Paste,
        typer.Option(
            "--paste",
            help="What goes back into the frame: face, crop (the whole square), or none (the "
            "result is the bare crop).",
            rich_help_panel=_FACE,
        ),
    ] = DEFAULT_PASTE,
    source: Annotated[
        Source,
        typer.Option(
            "--source",
            help="Frame that lends its face: first, best, or every frame its own.",
            rich_help_panel=_FACE,
        ),
    ] = DEFAULT_SOURCE,
    model: Annotated[
        Model,
        typer.Option(
            "--model",
            help="cmet: the published networks; mini: the small one that ships with the tool, for "
            "drawn faces; auto: cmet.",
            rich_help_panel=_NETWORK,
        ),
    ] = DEFAULT_MODEL,
    device: Annotated[
        str,
        typer.Option("--device", help="auto, cpu, cuda, cuda:N or mps.", rich_help_panel=_NETWORK),
    ] = RUNTIME.device,
    precision: Annotated[
        Precision,
        typer.Option(
            "--precision", help="Number format of the networks.", rich_help_panel=_NETWORK
        ),
    ] = DEFAULT_PRECISION,
    batch_size: Annotated[
        int,
        typer.Option(
            "--batch-size", help="Frames per network call; 0: by device.", rich_help_panel=_NETWORK
        ),
    ] = RUNTIME.batch_size,
    weights_dir: Annotated[
        Path | None,
        typer.Option(
            "--weights-dir",
            help="Folder with the model weights. Default: $CMET_WEIGHTS_DIR, ./weights, the Hub "
            "cache.",
            rich_help_panel=_NETWORK,
        ),
    ] = None,
    download: Annotated[
        bool,
        typer.Option(
            "--download", help="Fetch missing weights without asking.", rich_help_panel=_NETWORK
        ),
    ] = False,
    crf: Annotated[
        int,
        typer.Option("--crf", help="x264 quality: 0 lossless ... 51.", rich_help_panel=_OUTPUT),
    ] = DEFAULTS.crf,
    compare: Annotated[
        bool,
        typer.Option(
            "--compare", help="Original and edited side by side.", rich_help_panel=_OUTPUT
        ),
    ] = DEFAULTS.compare,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace an existing output.", rich_help_panel=_OUTPUT),
    ] = DEFAULTS.overwrite,
    preview: Annotated[
        int | None,
        typer.Option(
            "--preview",
            help="Render only this many moments to a .png sheet: originals above, edits below.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    save_codes: Annotated[
        Path | None,
        typer.Option(
            "--save-codes", help="Also write every frame's codes (.npz).", rich_help_panel=_OUTPUT
        ),
    ] = DEFAULTS.save_codes,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object.", rich_help_panel=_OUTPUT)
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No progress.", rich_help_panel=_OUTPUT)
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Tracebacks for errors.", rich_help_panel=_OUTPUT)
    ] = False,
) -> None:
    """Give a talking face the emotion of a voice.

    [bold]cmet edit --video in.mp4 --emotion-audio sarcastic.wav[/]
    """
    State.verbose, State.json = verbose, json
    options = opt.EditOptions(
        intensity=intensity,
        lips=lips.value,
        source=source.value,
        face_detector=face_detector.value,
        face=parse_face(face),
        paste=paste.value,
        compare=compare,
        crf=crf,
        overwrite=overwrite,
        save_codes=save_codes,
    )
    runtime = opt.RuntimeOptions(device=device, precision=precision.value, batch_size=batch_size)
    output = output or default_output(video, emotion_audio, preview is not None)
    _refuse_early(video, output, overwrite)
    from ..emotion.prompt import EmotionPrompt

    prompt = EmotionPrompt.of(emotion_audio, neutral_audio or ())
    prompt.target_clips(), prompt.neutral_clips()  # typos are told before models load
    editor = _load_editor(weights_dir, model.value, runtime, download, quiet)
    with progress_bars(quiet or json) as progress:
        if preview is not None:
            times = editor.preview(
                video, prompt.target, output, frames=preview, neutral=prompt.neutral,
                options=options, progress=progress,
            )  # fmt: skip
    if preview is not None:
        if json:
            print_json({"output": str(output), "times_s": times})
        else:
            typer.echo(f"{output}  {len(times)} moments before and after")
        return
    with progress_bars(quiet or json) as progress:
        result = editor.edit(
            video,
            prompt.target,
            output,
            neutral=prompt.neutral,
            options=options,
            progress=progress,
        )
    report(result, json)


def parse_face(value: str | None) -> int | str | None:
    """``--face`` as a number where it is one."""
    return int(value) if value is not None and value.isdecimal() else value


def default_output(video: Path, emotion_audio: list[Path], preview: bool = False) -> Path:
    """``talk.mp4`` and ``sarcastic.wav`` -> ``talk_sarcastic.mp4`` beside the video."""
    suffix = video.suffix.lower() if video.suffix.lower() in KEPT_SUFFIXES else ".mp4"
    suffix = ".png" if preview else suffix
    return video.with_name(f"{video.stem}_{emotion_audio[0].stem}{suffix}")


def _refuse_early(video: Path, output: Path, overwrite: bool) -> None:
    """What needs no model to be wrong is said before any is loaded."""
    from ..media.ffmpeg import check_input
    from ..media.files import check_output

    check_input(video, "video")
    check_output(output, overwrite=overwrite, inputs=(video,))


def _load_editor(
    weights_dir: Path | None,
    model: opt.Model,
    runtime: opt.RuntimeOptions,
    download: bool,
    quiet: bool,
) -> EmotionEditor:
    """Load the networks, fetching the weights first where the user agrees."""
    from ..backends.devices import resolve

    resolve(runtime)  # a wrong device is told before a download is offered
    from ..editor import EmotionEditor

    try:
        return EmotionEditor.from_weights(weights_dir, model=model, runtime=runtime)
    except WeightsError as error:
        if (
            type(error) is not WeightsError
            or model == "mini"
            or not (download or _wants_download(error))
        ):
            raise
    from ..weights.download import download_weights

    try:
        with progress_bars(quiet, unit="B/s") as progress:
            download_weights(weights_dir, progress=progress)
    except HubError as error:
        raise HubError(f"weights are missing and {error.message}", error.hint) from error
    return EmotionEditor.from_weights(weights_dir, runtime=runtime)


def _wants_download(error: WeightsError) -> bool:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    error_console().print(f"{error.message}")
    return typer.confirm("Download the weights (about 1.2 GB) now?", default=False, err=True)


def report(result: EditResult, as_json: bool) -> None:
    """The last line: what was made, how long it is, how long it took."""
    if as_json:
        print_json(result.as_dict())
        return
    console = error_console()
    for warning in result.warnings:
        console.print(f"[yellow]warning:[/] {warning}")
    if result.frames_passed_through or result.frames_bridged:
        console.print(
            f"[dim]{result.frames_edited} frames edited ({result.frames_bridged} bridged), "
            f"{result.frames_passed_through} passed through[/]"
        )
    console.print(f"[dim]compared with {result.neutral_from}; lips from {result.lips}[/]")
    typer.echo(
        f"{result.output}  {result.frames} frames, {result.duration_s:.2f} s of video "
        f"in {result.elapsed_s:.1f} s (x{result.real_time_factor:.1f} real time)"
    )
