"""Everything about a manifest that can be wrong before a model is loaded, found in one pass."""

# Paths stay text: 100,000 rows are checked in seconds.
# ruff: noqa: PTH100, PTH113, PTH116, PTH118, PTH120

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import CmetError, UsageError
from ..options import EditOptions
from .columns import CLIP_SEPARATOR, Column, columns, parse_cell, unknown_column
from .manifest import Problem, RawManifest, RawRow
from .naming import OutputBook, default_name, default_suffix
from .rows import Row, is_url

NOT_THERE = "not found"


@dataclass(frozen=True)
class CheckSettings:
    """output_root: absolute path or URL; defaults: cells for rows that leave them empty."""

    output_root: str
    defaults: Mapping[str, str] = field(default_factory=dict)
    allow_outside: bool = False
    overwrite: bool = False


@dataclass
class Checked:
    """Rows fit to run, and every problem of the others."""

    rows: list[Row]
    problems: list[Problem]


def parse_defaults(pairs: list[str]) -> dict[str, str]:
    """``["intensity=1.2"]`` -> cells. Raises :class:`UsageError`."""
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        name = name.strip().replace("-", "_")
        if not equals:
            raise UsageError(f"--set needs COLUMN=VALUE, got '{pair}'")
        if name not in columns():
            raise UsageError(unknown_column(name))
        if name in ("video", "output") or columns()[name].writes:
            raise UsageError(f"--set {name}: every row needs its own")
        found[name] = value.strip()
    return found


def check_manifest(
    manifest: RawManifest, settings: CheckSettings, made: Mapping[str, list[Any]]
) -> Checked:
    """Judge every row.

    made: outputs the journal says are ours -> [size, mtime_ns, digest]; they may be replaced. Each
    distinct path is asked of the file system once.
    """
    checker = _Checker(manifest, settings, made)
    rows = [row for raw in manifest.rows if (row := checker.row(raw)) is not None]
    checker.finish(rows)
    problems = sorted(checker.problems, key=lambda p: p.line)
    return Checked(rows, problems)


class _Checker:
    def __init__(
        self, manifest: RawManifest, settings: CheckSettings, made: Mapping[str, list[Any]]
    ) -> None:
        self.base = str(manifest.path.parent.resolve())
        self.settings = settings
        self.problems = list(manifest.problems)
        self.book = OutputBook(settings.output_root, settings.allow_outside)
        self.made = made
        self._places: dict[str, str] = {}  # as written -> location
        self._files: dict[str, str] = {}  # input location -> what is wrong with it, or ""
        self._inodes: dict[tuple[int, int], str] = {}
        self._urls: dict[str, list[tuple[int, str]]] = {}
        self._options: dict[tuple[tuple[str, str], ...], EditOptions | list[Problem]] = {}
        self._no_video_column = any(p.column == "video" for p in manifest.problems)

    def say(self, line: int, column: str, message: str) -> None:
        self.problems.append(Problem(line, column, message))

    def row(self, raw: RawRow) -> Row | None:
        """A row, or ``None`` with problems noted."""
        before = len(self.problems)
        cells = {**self.settings.defaults, **raw.cells}
        for name in ("video", "emotion_audio"):
            if name not in cells and not (name == "video" and self._no_video_column):
                self.say(raw.line, name, "missing")
        video = self._input(raw.line, "video", cells.get("video", ""), False)
        emotion = self._clips(raw.line, "emotion_audio", cells.get("emotion_audio", ""))
        neutral = self._clips(raw.line, "neutral_audio", cells.get("neutral_audio", ""))
        options = self._options_of(raw.line, cells)
        output = self._output(raw.line, cells, video, emotion)
        if len(self.problems) > before or options is None or output is None:
            return None
        return Row(raw.line, video, emotion, neutral, output, options, self.book.shown(output))

    # ------------------------------------------------------------------ inputs

    def _locate(self, text: str) -> str:
        if text not in self._places:
            path = text if is_url(text) else os.path.abspath(os.path.join(self.base, text))
            self._places[text] = path
        return self._places[text]

    def _input(self, line: int, column: str, text: str, folder_too: bool) -> str:
        if not text:
            return ""
        location = self._locate(text)
        if is_url(location):
            self._urls.setdefault(location, []).append((line, column))
            return location
        if location not in self._files:
            self._files[location] = self._look(location)
        wrong = self._files[location]
        if wrong == "folder" and folder_too:
            return location
        if wrong:
            what = "is a folder" if wrong == "folder" else wrong
            self.say(line, column, f"{what}: {text}")
        return location

    def _look(self, location: str) -> str:
        try:
            status = os.stat(location)
        except FileNotFoundError:
            return NOT_THERE
        except (OSError, ValueError) as error:
            return getattr(error, "strerror", None) or str(error)
        if stat.S_ISDIR(status.st_mode):
            return "folder"
        self._inodes[status.st_dev, status.st_ino] = location
        if not stat.S_ISREG(status.st_mode):
            return "not a file"
        if status.st_size == 0:
            return "empty"
        return "" if os.access(location, os.R_OK) else "cannot be read (permissions)"

    def _clips(self, line: int, column: str, text: str) -> tuple[str, ...]:
        if not text:
            return ()
        whole = self._locate(text)
        single = CLIP_SEPARATOR not in text or (not is_url(text) and os.path.isfile(whole))
        parts = [text] if single else [p.strip() for p in text.split(CLIP_SEPARATOR) if p.strip()]
        clips: list[str] = []
        for part in parts:
            location = self._input(line, column, part, True)
            if self._files.get(location) == "folder":
                clips += self._inside(line, column, location)
            else:
                clips.append(location)
        return tuple(clips)

    def _inside(self, line: int, column: str, folder: str) -> list[str]:
        from ..emotion.speech.clips import expand_clips  # imports torch

        try:
            inside = [str(clip) for clip in expand_clips([Path(folder)], "speech")]
        except CmetError as error:
            self.say(line, column, error.message)
            return []
        for clip in inside:
            self._input(line, column, clip, False)
        return inside

    # ------------------------------------------------------------------ options and outputs

    def _options_of(self, line: int, cells: Mapping[str, str]) -> EditOptions | None:
        known = columns()
        given = {name: cells[name] for name in cells if known[name].role == "option"}
        plain = tuple((n, t) for n, t in given.items() if not known[n].is_path)
        if plain not in self._options:
            self._options[plain] = _parse_options(plain)
        options = self._options[plain]
        if isinstance(options, list):
            for problem in options:
                self.say(line, problem.column, problem.message)
            return None
        for name, text in given.items():
            if known[name].is_path:
                options = self._with_path(line, options, known[name], text)
        return options

    def _with_path(self, line: int, options: EditOptions, column: Column, text: str) -> EditOptions:
        if not column.writes:
            location = self._input(line, column.name, text, False)
        else:
            location = self.book.locate(text)
            self._claim(line, column.name, location, text, options.overwrite)
        try:
            return replace(options, **{column.name: Path(location)})
        except CmetError as error:
            self.say(line, column.name, error.message)
            return options

    def _output(
        self, line: int, cells: Mapping[str, str], video: str, emotion: tuple[str, ...]
    ) -> str | None:
        if not ("output" in cells or (video and emotion)):
            return None
        own = {name: cells[name] for name in cells if name not in self.settings.defaults}
        text = cells.get("output") or default_name(own, video, emotion, self.base)
        wrong_suffix = default_suffix(text, "") == ""
        if wrong_suffix:
            self.say(line, "output", f"must end in .mp4, .mkv, .mov or .m4v: {text}")
            return None
        location = self.book.locate(text)
        overwrite = cells.get("overwrite", "").lower() in ("true", "yes", "1", "on")
        hint = "" if "output" in cells else "; give this row an output of its own"
        return location if self._claim(line, "output", location, text, overwrite, hint) else None

    def _claim(
        self, line: int, column: str, location: str, text: str, overwrite: bool, hint: str = ""
    ) -> bool:
        wrong = self.book.claim(line, location, text)
        if wrong:
            self.say(line, column, wrong + hint)
            return False
        status = self.book.existing(location)
        if status is None:
            return True
        if stat.S_ISDIR(status.st_mode):
            self.say(line, column, f"is a folder: {text}")
            return False
        if not (overwrite or self.settings.overwrite or self._ours(location, status)):
            message = f"exists and was not made by this batch: {text} (--overwrite replaces it)"
            self.say(line, column, message)
            return False
        return True

    def _ours(self, location: str, status: os.stat_result) -> bool:
        known = self.made.get(location)
        if known is None:
            return False
        if [status.st_size, status.st_mtime_ns] == known[:2]:
            return True
        from ..weights.record import sha256_of

        return status.st_size == known[0] and sha256_of(Path(location)) == known[2]

    # ------------------------------------------------------------------ across rows

    def finish(self, rows: list[Row]) -> None:
        """What only shows once all rows are known: outputs that are inputs, and remote files."""
        claimed = list(self.book.claimed())
        names = {location for location, _, _ in claimed}
        for location, inode, line in claimed:
            folder = os.path.dirname(location)
            if folder in names or self.book.is_file(folder):
                self.say(line, "output", f"its folder is a file: {self.book.shown(location)}")
            read_as = location if location in self._files else self._inodes.get(inode or (0, 0))
            if read_as is not None:
                message = f"output is also an input: {self.book.shown(location)}"
                self.say(line, "output", message)
        self._ask_remote([c for c in claimed if is_url(c[0])], rows)

    def _ask_remote(
        self, outputs: list[tuple[str, tuple[int, int] | None, int]], rows: list[Row]
    ) -> None:
        """Remote files are asked for together, because each answer takes a while."""
        if not (self._urls or outputs):
            return
        from .remote import look_at

        anyway = self.settings.overwrite or any(row.options.overwrite for row in rows)
        targets = {u: n for u, _, n in outputs if not anyway and u not in self.made}
        found = look_at([*self._urls, *targets])
        for url, places in self._urls.items():
            for line, column in places:
                if isinstance(found[url], str):
                    self.say(line, column, f"{found[url]}: {url}")
        for url, line in targets.items():
            if not isinstance(found[url], str):
                message = f"exists and was not made by this batch: {url} (--overwrite replaces it)"
                self.say(line, "output", message)


def _parse_options(cells: tuple[tuple[str, str], ...]) -> EditOptions | list[Problem]:
    """Options from cells, or every wrong cell's problem (the line is filled in by the caller)."""
    values, problems, known = {}, [], columns()
    for name, text in cells:
        try:
            value = parse_cell(known[name], text)
            EditOptions(**{name: value})
            values[name] = value
        except CmetError as error:
            problems.append(Problem(0, name, error.message))
    if problems:
        return problems
    try:
        return EditOptions(**values)
    except CmetError as error:
        return [Problem(0, "", error.message)]
