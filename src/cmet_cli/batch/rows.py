"""One checked edit of a batch, and the words that travel between driver and workers about it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ..options import EditOptions
from .columns import columns

#: Options that say how a file is placed, not what is in it.
NOT_OF_THE_RESULT = ("overwrite",)


def is_url(location: str) -> bool:
    """``s3://bucket/clip.mp4`` and the like; anything else is a path."""
    return "://" in location


@dataclass(frozen=True)
class Row:
    """One edit. line: where the manifest asks for it; every location is an absolute path or a URL;
    name: the output as people know it, relative to the output folder."""

    line: int
    video: str
    emotion_audio: tuple[str, ...]
    neutral_audio: tuple[str, ...]
    output: str
    options: EditOptions
    name: str

    def outputs(self) -> dict[str, str]:
        """Every file the edit makes, by column."""
        found = {"output": self.output}
        for field_name, value in self._paths():
            if columns()[field_name].writes:
                found[field_name] = value
        return found

    def inputs(self) -> dict[str, tuple[str, ...]]:
        """Every file the edit reads, by column."""
        found = {
            "video": (self.video,),
            "emotion_audio": self.emotion_audio,
            "neutral_audio": self.neutral_audio,
        }
        for field_name, value in self._paths():
            if not columns()[field_name].writes:
                found[field_name] = (value,)
        return found

    def _paths(self) -> list[tuple[str, str]]:
        pairs = ((f.name, getattr(self.options, f.name)) for f in fields(self.options))
        return [(name, str(value)) for name, value in pairs if isinstance(value, Path)]

    def result_options(self) -> dict[str, Any]:
        """The options that decide what is in the output, as plain values."""
        files = {name for name, _ in self._paths()}
        return {
            f.name: bool(value) if f.name in files else value
            for f in fields(self.options)
            if f.name not in NOT_OF_THE_RESULT
            for value in (getattr(self.options, f.name),)
        }

    def reading(self) -> tuple[str, ...]:
        """Rows of one reading are best done one after the other: the editor keeps it."""
        o = self.options
        return self.video, o.face_detector, str(o.face), o.lips_from


@dataclass(frozen=True)
class Task:
    """A row handed to a worker. may_replace: an existing output is ours, or may be overwritten."""

    index: int
    row: Row
    may_replace: bool
    attempt: int = 1


@dataclass(frozen=True)
class Outcome:
    """What became of a task; plain values only, because it crosses processes and is journalled.

    status: ``done`` or ``failed``; made_of: what determined the result, by name; inputs, outputs:
    location -> [size, mtime_ns, digest]; result: counts and timings; thumbnails: base64 JPEGs
    before and after; transient: another try may go better; poisoned: the worker that says so must
    not be used again.
    """

    index: int
    status: str
    elapsed_s: float
    made_of: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, list[Any]] = field(default_factory=dict)
    outputs: dict[str, list[Any]] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)
    thumbnails: tuple[str, str] = ("", "")
    error: str = ""
    hint: str = ""
    transient: bool = False
    poisoned: bool = False
