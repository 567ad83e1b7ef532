"""``cmet avatar``: drawn people that talk, as a clip or a whole data set."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..declared import Option, check_declared, declared
from ..errors import UsageError
from ..options import Progress
from .console import print_json, progress_bars
from .params import Json, Overwrite, Quiet, Verbose, takes_options

if TYPE_CHECKING:
    from ..lab.avatar.clip_writer import Scene

_WHO, _PICTURE, _DATASET = "Who and how", "Picture", "A whole data set"
MAX_SECONDS, MAX_FPS = 600.0, 240
_RATE = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}|/[0-9]{1,9})?")
_SIZE = re.compile(r"([0-9]{1,5})x([0-9]{1,5})")

Output = Annotated[
    Path, typer.Argument(help="A .mp4, .mov, .mkv; .wav for the speech alone; or a folder.")
]


@dataclass(frozen=True)
class AvatarOptions:
    """Who talks, how, and in what picture. Raises :class:`UsageError`."""

    emotion: Annotated[str, Option("One of the ten.", _WHO, short="-e")] = "neutral"
    level: Annotated[int, Option("Strength, 1 to 3.", _WHO, low=1, high=3)] = 3
    identity: Annotated[int, Option("Seed of the looks.", _WHO, low=0)] = 0
    voice: Annotated[
        int | None, Option("Seed of the voice. Default: the identity's own.", _WHO, low=0)
    ] = None
    seconds: Annotated[float, Option("Length of a clip.", _WHO, high=MAX_SECONDS)] = 4.0
    seed: Annotated[int, Option("Words and movements.", _WHO, low=0)] = 0
    size: Annotated[int, Option("Side of the square picture, pixels.", _PICTURE)] = 256
    scene: Annotated[
        str | None, Option("A larger picture, as 640x360, the face off its middle.", _PICTURE)
    ] = None
    fps: Annotated[str, Option("As 25 or 30000/1001.", _PICTURE)] = "25"

    def __post_init__(self) -> None:
        check_declared(self)
        if not self.seconds * self.frame_rate >= 1:
            raise UsageError(f"seconds must be at least one frame, got {self.seconds}")

    @property
    def frame_rate(self) -> Fraction:
        try:
            # A Fraction of 1e99999999 is made of as many digits.
            rate = Fraction(self.fps if _RATE.fullmatch(self.fps) else "")
        except (ValueError, ZeroDivisionError):
            raise UsageError(
                f"not a frame rate: '{self.fps[:40]}'", "give it as 25, 29.97 or 30000/1001"
            ) from None
        if not 1 <= rate <= MAX_FPS:
            raise UsageError(f"frame rate must be between 1 and {MAX_FPS}, got {self.fps}")
        return rate

    def make_scene(self) -> Scene:
        from ..lab.avatar.clip_writer import Scene

        if self.scene is None:
            return Scene.square(self.size)
        found = _SIZE.fullmatch(self.scene)
        if found is None:
            raise UsageError(f"not a picture size: '{self.scene[:40]}'", "give it as 640x360")
        return Scene.wide(int(found[1]), int(found[2]))


@dataclass(frozen=True)
class DatasetOptions:
    """A data set instead of one clip."""

    dataset: Annotated[bool, Option("Fill OUTPUT as MEAD is laid out.", _DATASET)] = False
    identities: Annotated[int, Option("People, from --identity upwards.", _DATASET)] = 4
    clips: Annotated[int, Option("Per person, emotion and level.", _DATASET)] = 3
    extended: Annotated[bool, Option("The two extended emotions too.", _DATASET)] = False


@takes_options
def avatar(
    output: Output,
    options: AvatarOptions,
    dataset: DatasetOptions,
    overwrite: Overwrite = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Draw a made-up person who talks with an emotion: picture, voice, or a data set of them.

    [bold]cmet avatar happy.mp4 --emotion happy --identity 7[/]
    """
    _check_used(options, dataset)
    unit = "clips/s" if dataset.dataset else "frames/s"
    with progress_bars(quiet or json, unit=unit) as progress:
        if dataset.dataset:
            found, text = _write_dataset(output, options, dataset, overwrite, progress)
        else:
            found, text = _write_clip(output, options, overwrite, progress)
    print_json({"output": str(output)} | found) if json else typer.echo(f"{output}  {text}")


def _check_used(options: AvatarOptions, dataset: DatasetOptions) -> None:
    """Raises :class:`UsageError` for what would not be followed."""
    of_clips = [n for n in ("emotion", "level", "voice", "scene") if _is_given(options, n)]
    of_sets = [n for n in ("identities", "clips", "extended") if _is_given(dataset, n)]
    if dataset.dataset and of_clips:
        raise UsageError(f"a data set has every emotion and level, and no --{of_clips[0]}")
    if not dataset.dataset and of_sets:
        raise UsageError(f"--{of_sets[0]} is of a data set", "ask for one with --dataset")


def _is_given(options: object, name: str) -> bool:
    return bool(getattr(options, name) != declared(type(options))[name].default)


def _write_dataset(
    output: Path,
    options: AvatarOptions,
    dataset: DatasetOptions,
    overwrite: bool,
    progress: Progress,
) -> tuple[dict[str, Any], str]:
    """-> what was done, for machines and for people."""
    from ..lab.avatar.dataset import DatasetSpec, write_dataset
    from ..lab.avatar.emotions import BASIC_EMOTIONS, EMOTIONS

    spec = DatasetSpec(
        identities=dataset.identities,
        clips=dataset.clips,
        seconds=options.seconds,
        first=options.identity,
        emotions=EMOTIONS if dataset.extended else BASIC_EMOTIONS,
        size_px=options.size,
        fps=options.frame_rate,
        seed=options.seed,
    )
    report = write_dataset(output, spec, overwrite=overwrite, progress=progress)
    found = {"written": report.written, "present": report.present}
    return found, f"{report.written} clips written, {report.present} already there"


def _write_clip(
    output: Path, options: AvatarOptions, overwrite: bool, progress: Progress
) -> tuple[dict[str, Any], str]:
    """-> what was done, for machines and for people."""
    from ..lab.avatar.clip import make_clip
    from ..lab.avatar.clip_writer import write_clip
    from ..lab.avatar.emotions import EMOTIONS

    if options.emotion not in EMOTIONS:
        known = f"there are {', '.join(EMOTIONS)}"
        raise UsageError(f"no emotion is called '{options.emotion}'", known)
    scene = options.make_scene()
    clip = make_clip(
        identity_seed=options.identity,
        voice_seed=options.identity if options.voice is None else options.voice,
        emotion=options.emotion,
        level=options.level,
        seconds=options.seconds,
        fps=options.frame_rate,
        seed=options.seed,
    )
    write_clip(clip, output, scene=scene, overwrite=overwrite, progress=progress)
    seconds = float(len(clip) / clip.fps)
    return {"frames": len(clip), "seconds": seconds}, f"{len(clip)} frames, {seconds:.2f} s"
