"""Every option once: name, type, range, default and help.

The command line, the Python API and the batch manifest all read what stands here, so that a new
field of :class:`EditOptions` is at the same time a flag, an argument and a column.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from .errors import UsageError

Lips = Literal["audio", "video", "auto"]
Detail = Literal["source", "render"]
FaceDetectorKind = Literal["auto", "yunet", "haar", "none"]
Paste = Literal["face", "crop", "none"]
SourceChoice = Literal["auto", "first", "best", "frame"]
ModelChoice = Literal["auto", "cmet", "mini"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]

#: Called with a stage's name, how much of it is done, and its whole size (None: not known yet).
Progress = Callable[[str, int, "int | None"], None]

TRUE, FALSE = ("true", "yes", "1", "on"), ("false", "no", "0", "off")
_KIND_NAMES = {bool: "true or false", int: "a whole number", float: "a number", Path: "a path"}
# How the command line groups options in its help.
_EMOTION, _FACE, _NETWORK, _OUTPUT = "Emotion", "Face", "How it runs", "Output"


def no_progress(stage: str, done: int, total: int | None) -> None:
    """The default progress callback: silence."""


@dataclass(frozen=True)
class Option:
    """What is said of a field besides its name, type and default.

    help: for people; panel: its group in ``--help``; short: a one-letter flag; low, high: the least
    and the greatest value; writes: whether the path it takes is a file that the edit makes.
    """

    help: str
    panel: str
    short: str = ""
    low: float | None = None
    high: float | None = None
    writes: bool = False


@dataclass(frozen=True)
class Declared:
    """One declared field. kinds: the types a text may be read as, strictest first."""

    name: str
    kinds: tuple[Any, ...]
    default: Any
    option: Option

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def label(self) -> str:
        """Its name in messages: ``batch size``."""
        return self.name.replace("_", " ")

    @property
    def is_path(self) -> bool:
        return Path in self.kinds

    @property
    def accepts(self) -> str:
        """For people: ``one of audio, video``, ``a number from 0 to 51``."""
        return " or ".join(_described(kind, self.option) for kind in self.kinds)

    def parse(self, text: str) -> Any:
        """The value that a text means. Raises :class:`UsageError` saying what would be accepted."""
        for kind in self.kinds:
            value = _read(kind, text)
            if value is not None:
                return value
        raise UsageError(f"'{text}' is not {self.accepts}")

    def check(self, value: Any) -> None:
        """Raises :class:`UsageError` for a value outside the declared choices or range."""
        if value is None and self.default is None:
            return
        if isinstance(value, int | float) and not isinstance(value, bool):
            self._check_range(value)
        elif not any(_is_kind(kind, value) for kind in self.kinds):
            raise UsageError(f"{self.label} must be {self.accepts}, got '{value}'")

    def _check_range(self, value: float) -> None:
        low, high = self.option.low, self.option.high
        if low is None and high is None:
            return
        below, above = low is not None and value < low, high is not None and value > high
        if not math.isfinite(value) or below or above:
            raise UsageError(f"{self.label} must be{_between(low, high)}, got {value}")


def _between(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f" between {low:g} and {high:g}"
    return f" at least {low:g}" if low is not None else f" at most {high:g}"


def _described(kind: Any, option: Option) -> str:
    if get_origin(kind) is Literal:
        choices = get_args(kind)
        return ("one of " if len(choices) > 1 else "") + ", ".join(map(str, choices))
    words, low, high = _KIND_NAMES.get(kind, "text"), option.low, option.high
    if kind not in (int, float) or low is None:
        return words
    return f"{words} from {low:g}" + ("" if high is None else f" to {high:g}")


def _is_kind(kind: Any, value: Any) -> bool:
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    # To Python a bool is an int, to a user it is not.
    return isinstance(value, kind) and isinstance(value, bool) == (kind is bool)


def _read(kind: Any, text: str) -> Any:
    if get_origin(kind) is Literal:
        return next((choice for choice in get_args(kind) if str(choice) == text), None)
    if kind is bool:
        lower = text.lower()
        return True if lower in TRUE else False if lower in FALSE else None
    try:
        return kind(text)
    except (TypeError, ValueError):
        return None


_DECLARED: dict[type, dict[str, Declared]] = {}


def declared(options: type) -> dict[str, Declared]:
    """Every field of an options class that carries an :class:`Option`, by name."""
    if options not in _DECLARED:
        _DECLARED[options] = _declare(options)
    return _DECLARED[options]


def _declare(options: type) -> dict[str, Declared]:
    hints, found = get_type_hints(options, include_extras=True), {}
    for field in fields(options):
        hint, *notes = get_args(hints[field.name]) if _is_annotated(hints[field.name]) else (None,)
        option = next((note for note in notes if isinstance(note, Option)), None)
        if option is not None:
            default = None if field.default is MISSING else field.default
            found[field.name] = Declared(field.name, _kinds(hint), default, option)
    return found


def _is_annotated(hint: Any) -> bool:
    return get_origin(hint) is Annotated


def _kinds(hint: Any) -> tuple[Any, ...]:
    """``int | Literal["all"] | None`` -> (int, Literal["all"])."""
    members = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    return tuple(m for m in members if m is not type(None))


def check_declared(options: Any) -> None:
    """Check every declared field of an options object. Raises :class:`UsageError`."""
    for name, field in declared(type(options)).items():
        field.check(getattr(options, name))


@dataclass(frozen=True)
class EditOptions:
    """What to do to one video. Raises :class:`UsageError` on values that make no sense."""

    intensity: Annotated[
        float,
        Option(
            "Strength of the emotion; 0 keeps the expression, negative reverses the change.",
            _EMOTION,
            short="-i",
            low=-10,
            high=10,
        ),
    ] = 1.0
    lips: Annotated[
        Lips,
        Option(
            "Lip motion from the video's sound (as published) or its picture (as filmed); auto: "
            "video where detail is source, else audio.",
            _EMOTION,
        ),
    ] = "audio"
    detail: Annotated[
        Detail,
        Option(
            "Whose pixels the result shows: the video's own, moved and shaded by what the emotion "
            "changes (source), or the networks' rendering (render).",
            _FACE,
        ),
    ] = "render"
    source: Annotated[
        SourceChoice,
        Option(
            "Frame that lends its face: the first of a shot (as published), the best (frontal and "
            "sharp), or every frame its own; auto: what the model was found to do best.",
            _FACE,
        ),
    ] = "auto"
    crf: Annotated[int, Option("x264 quality: 0 lossless ... 51.", _OUTPUT, low=0, high=51)] = 18
    overwrite: Annotated[bool, Option("Replace an existing output.", _OUTPUT)] = False
    face_detector: Annotated[
        FaceDetectorKind,
        Option(
            "How the face is found: YuNet where its file is there, else OpenCV's Haar cascade; "
            "none: the middle square of the picture.",
            _FACE,
        ),
    ] = "auto"
    face: Annotated[
        int | Literal["all"] | None,
        Option(
            "Which face: a number from the left (see cmet faces), or all. Default: the largest and "
            "most present.",
            _FACE,
            low=1,
        ),
    ] = None
    paste: Annotated[
        Paste,
        Option(
            "What goes back into the frame: face, crop (the whole square), or none (the result is "
            "the bare crop).",
            _FACE,
        ),
    ] = "face"
    compare: Annotated[bool, Option("Original and edited side by side.", _OUTPUT)] = False
    save_codes: Annotated[
        Path | None, Option("Also write every frame's codes (.npz).", _OUTPUT, writes=True)
    ] = None

    def __post_init__(self) -> None:
        if isinstance(self.save_codes, str):
            object.__setattr__(self, "save_codes", Path(self.save_codes))
        check_declared(self)
        if self.paste == "none" and self.face == "all":
            raise UsageError("paste 'none' gives one crop, and face 'all' asks for several")
        if self.save_codes is not None and self.save_codes.suffix != ".npz":
            raise UsageError(f"codes are saved as .npz, got {self.save_codes}")

    @property
    def lips_from(self) -> Literal["audio", "video"]:
        """What ``auto`` means: an edit keeps the sound, so lips as filmed are right already."""
        if self.lips == "auto":
            return "video" if self.detail == "source" else "audio"
        return self.lips


@dataclass(frozen=True)
class RuntimeOptions:
    """Where and how the networks run."""

    device: Annotated[str, Option("auto, cpu, cuda, cuda:N or mps.", _NETWORK)] = "auto"
    precision: Annotated[Precision, Option("Number format of the networks.", _NETWORK)] = "auto"
    batch_size: Annotated[
        int, Option("Frames per network call; 0: by device.", _NETWORK, low=0, high=1024)
    ] = 0

    def __post_init__(self) -> None:
        check_declared(self)


@dataclass(frozen=True)
class ModelOptions:
    """Which networks, and where they lie."""

    model: Annotated[
        ModelChoice,
        Option(
            "cmet: the published networks; mini: the small one that ships with the tool, for drawn "
            "faces; auto: cmet.",
            _NETWORK,
        ),
    ] = "auto"
    weights_dir: Annotated[
        Path | None,
        Option(
            "Folder with the model weights. Default: $CMET_WEIGHTS_DIR, ./weights, the Hub cache.",
            _NETWORK,
        ),
    ] = None

    def __post_init__(self) -> None:
        check_declared(self)
