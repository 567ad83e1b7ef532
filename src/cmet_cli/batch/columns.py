"""The columns of a manifest, read off the options of an edit so that a new option is a column."""

from __future__ import annotations

import difflib
import types
from dataclasses import MISSING, dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from ..errors import UsageError
from ..options import EditOptions

CLIP_SEPARATOR = ";"
OUTPUT_PREFIX = "save_"  # an option of this name is a file that the edit writes, not one it reads
TRUE, FALSE = ("true", "yes", "1", "on"), ("false", "no", "0", "off")
_NAMES = {bool: "true or false", int: "a whole number", float: "a number", Path: "a path"}


@dataclass(frozen=True)
class Column:
    """One column. role: ``video``, ``clips``, ``output`` or ``option``; kinds: the types a cell may
    have, tried in order; about: for the template."""

    name: str
    role: str
    kinds: tuple[Any, ...]
    default: Any = None
    about: str = ""

    @property
    def writes(self) -> bool:
        """Whether its cells name files that the edit makes."""
        return self.role == "output" or (self.is_path and self.name.startswith(OUTPUT_PREFIX))

    @property
    def is_path(self) -> bool:
        return Path in self.kinds


FILE_COLUMNS = (
    Column("video", "video", (Path,), about="the video to edit; required"),
    Column(
        "emotion_audio",
        "clips",
        (Path,),
        about="speech with the wanted emotion: a file or folder, several separated by ';'; "
        "required",
    ),
    Column("neutral_audio", "clips", (Path,), about="neutral speech to compare with; as above"),
    Column(
        "output",
        "output",
        (Path,),
        about="relative to the output folder; default: named after video, emotion and options",
    ),
)


@lru_cache(maxsize=4)
def columns(options: type = EditOptions) -> dict[str, Column]:
    """Every column by name: the files of an edit, then each field of its options."""
    hints = get_type_hints(options)
    found = {column.name: column for column in FILE_COLUMNS}
    for field in fields(options):
        default = None if field.default is MISSING else field.default
        kinds = _kinds(hints[field.name])
        about = f"{describe(kinds)}; default: {'none' if default is None else _plain(default)}"
        found[field.name] = Column(field.name, "option", kinds, default, about)
    return found


def _kinds(hint: Any) -> tuple[Any, ...]:
    """``int | str | None`` -> (int, str): what a cell's text may be read as, strictest first."""
    members = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    members = tuple(m for m in members if m is not type(None))
    return tuple(sorted(members, key=lambda m: m is str))


def describe(kinds: tuple[Any, ...]) -> str:
    """For people: ``one of audio, video``, ``a number``."""
    words = []
    for kind in kinds:
        if get_origin(kind) is Literal:
            words.append("one of " + ", ".join(map(str, get_args(kind))))
        else:
            words.append(_NAMES.get(kind, "text"))
    return " or ".join(words)


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def parse_cell(column: Column, text: str) -> Any:
    """The value of a non-empty cell. Raises :class:`UsageError` naming what would be accepted."""
    for kind in column.kinds:
        value = _as_kind(kind, text)
        if value is not None:
            return value
    raise UsageError(f"'{text}' is not {describe(column.kinds)}")


def _as_kind(kind: Any, text: str) -> Any:
    if get_origin(kind) is Literal:
        return next((choice for choice in get_args(kind) if str(choice) == text), None)
    if kind is bool:
        lower = text.lower()
        return True if lower in TRUE else False if lower in FALSE else None
    try:
        return kind(text)
    except (TypeError, ValueError):
        return None


def normal_name(name: str) -> str:
    """``Emotion-Audio`` and ``--emotion-audio`` are ``emotion_audio``."""
    return name.strip().lstrip("-").lower().replace("-", "_").replace(" ", "_")


def unknown_column(name: str) -> str:
    """What to say of a column nobody knows."""
    near = difflib.get_close_matches(normal_name(name), columns(), n=1, cutoff=0.5)
    return f"unknown column '{name}'" + (f"; did you mean '{near[0]}'?" if near else "")


def template() -> str:
    """A commented manifest that lists every column and parses as it stands."""
    known = columns()
    width = max(map(len, known))
    lines = [
        "# One edit per line. Empty cells take the default; unused columns may be deleted.",
        "# Inputs are relative to this file, outputs to the output folder (--output-dir).",
        "# Lines that begin with # and blank lines are skipped.",
        "#",
        *(f"# {column.name:<{width}}  {column.about}" for column in known.values()),
    ]
    example = {"video": "talk.mp4", "emotion_audio": "voices/happy.wav"}
    second = {"video": "talk.mp4", "emotion_audio": "voices/sad_1.wav;voices/sad_2.wav"}
    second |= {"output": "talk_sad.mp4", "intensity": "1.2"}
    rows = [",".join(row.get(name, "") for name in known) for row in (example, second)]
    return "\n".join([*lines, ",".join(known), *rows]) + "\n"
