"""``cmet avatar``: drawn people that talk, as a clip or a whole data set."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UsageError
from .console import print_json, progress_bars
from .params import Json, Overwrite, Quiet, Verbose

if TYPE_CHECKING:
    from ..lab.avatar.writer import Scene

_WHO, _DATASET = "Who and how", "A whole data set"
MAX_SECONDS, MAX_FPS = 600.0, 240


def avatar(
    output: Annotated[
        Path, typer.Argument(help="A .mp4, .mov, .mkv; .wav for the speech alone; or a folder.")
    ],
    emotion: Annotated[
        str, typer.Option("--emotion", "-e", help="One of the ten.", rich_help_panel=_WHO)
    ] = "neutral",
    level: Annotated[
        int, typer.Option("--level", help="Strength, 1 to 3.", rich_help_panel=_WHO)
    ] = 3,
    identity: Annotated[
        int, typer.Option("--identity", help="Seed of the looks.", rich_help_panel=_WHO)
    ] = 0,
    voice: Annotated[
        int | None,
        typer.Option("--voice", help="Seed of the voice. Default: the identity's own."),
    ] = None,
    seconds: Annotated[
        float, typer.Option("--seconds", help="Length of a clip.", rich_help_panel=_WHO)
    ] = 4.0,
    seed: Annotated[
        int, typer.Option("--seed", help="Words and movements.", rich_help_panel=_WHO)
    ] = 0,
    size: Annotated[int, typer.Option("--size", help="Side of the square picture, pixels.")] = 256,
    scene: Annotated[
        str | None,
        typer.Option("--scene", metavar="WxH", help="A larger picture, the face off its middle."),
    ] = None,
    fps: Annotated[str, typer.Option("--fps", help="As 25 or 30000/1001.")] = "25",
    dataset: Annotated[
        bool,
        typer.Option(
            "--dataset", help="Fill OUTPUT as MEAD is laid out.", rich_help_panel=_DATASET
        ),
    ] = False,
    identities: Annotated[
        int,
        typer.Option(
            "--identities", help="People, from --identity upwards.", rich_help_panel=_DATASET
        ),
    ] = 4,
    clips: Annotated[
        int,
        typer.Option("--clips", help="Per person, emotion and level.", rich_help_panel=_DATASET),
    ] = 3,
    extended: Annotated[
        bool,
        typer.Option("--extended", help="The two extended emotions too.", rich_help_panel=_DATASET),
    ] = False,
    overwrite: Overwrite = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Draw a made-up person who talks with an emotion: picture, voice, or a data set of them.

    [bold]cmet avatar happy.mp4 --emotion happy --identity 7[/]
    """
    rate = _frame_rate(fps)
    _check_numbers(level, seconds, rate, (identity, seed, voice or 0))
    if dataset:
        from ..lab.avatar.dataset import DatasetSpec, write_dataset
        from ..lab.avatar.emotions import BASIC_EMOTIONS, EMOTIONS

        emotions = EMOTIONS if extended else BASIC_EMOTIONS
        spec = DatasetSpec(identities, clips, seconds, identity, emotions, size, rate, seed)
        with progress_bars(quiet or json, unit="clips/s") as progress:
            report = write_dataset(output, spec, overwrite=overwrite, progress=progress)
        found = {"output": str(output), "written": report.written, "present": report.present}
        text = f"{output}  {report.written} clips written, {report.present} already there"
    else:
        from ..lab.avatar.clip import make_clip
        from ..lab.avatar.emotions import EMOTIONS
        from ..lab.avatar.writer import write_clip

        if emotion not in EMOTIONS:
            raise UsageError(
                f"no emotion is called '{emotion}'", f"there are {', '.join(EMOTIONS)}"
            )
        clip = make_clip(
            identity_seed=identity, voice_seed=identity if voice is None else voice,
            emotion=emotion, level=level, seconds=seconds, fps=rate, seed=seed,
        )  # fmt: skip
        with progress_bars(quiet or json) as progress:
            write_clip(
                clip, output, scene=_scene(scene, size), overwrite=overwrite, progress=progress
            )
        found = {"output": str(output), "frames": len(clip), "seconds": float(len(clip) / rate)}
        text = f"{output}  {len(clip)} frames, {float(len(clip) / rate):.2f} s"
    print_json(found) if json else typer.echo(text)


def _frame_rate(text: str) -> Fraction:
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise UsageError(
            f"not a frame rate: '{text}'", "give it as 25, 29.97 or 30000/1001"
        ) from None
    if not 1 <= rate <= MAX_FPS:
        raise UsageError(f"frame rate must be between 1 and {MAX_FPS}, got {text}")
    return rate


def _check_numbers(level: int, seconds: float, rate: Fraction, seeds: tuple[int, ...]) -> None:
    if level not in (1, 2, 3):
        raise UsageError(f"level must be 1, 2 or 3, got {level}")
    if not (seconds * rate >= 1 and seconds <= MAX_SECONDS):
        raise UsageError(f"seconds must be between one frame and {MAX_SECONDS:.0f}, got {seconds}")
    if min(seeds) < 0:
        raise UsageError("seeds are whole numbers from 0 up")


def _scene(text: str | None, size_px: int) -> Scene:
    from ..lab.avatar.writer import Scene

    if text is None:
        return Scene.square(size_px)
    width, cross, height = text.partition("x")
    if not (cross and width.isdigit() and height.isdigit()):
        raise UsageError(f"not a picture size: '{text}'", "give it as 640x360")
    return Scene.wide(int(width), int(height))
