"""Reading a manifest: CSV, TSV or JSON lines -> cells with line numbers. Nothing is judged yet.

Its columns are the files of an edit and, as they are declared, its options.
"""

from __future__ import annotations

import csv
import difflib
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from ..declared import declared
from ..errors import UsageError
from ..options import EditOptions

JSON_SUFFIXES = (".jsonl", ".ndjson")
DELIMITERS = {".tsv": "\t", ".tab": "\t"}
CLIP_SEPARATOR = ";"
FILE_COLUMNS = {
    "video": "the video to edit; required, but for a picture that talks (identity_image, speech)",
    "emotion_audio": "speech with the wanted emotion: a file or folder, several separated by ';'; "
    "required, or another column that asks for something",
    "neutral_audio": "neutral speech to compare with; as above",
    "output": "relative to the output folder; default: named after video, emotion and options",
}
MAX_CELL_CHARS, MAX_LINE_CHARS = 1 << 16, 1 << 22
MAX_PROBLEMS, MAX_WORDS_CHARS = 10_000, 300
SAID_OF_A_LINE = 10


@lru_cache(maxsize=1)
def columns() -> tuple[str, ...]:
    """Every column's name."""
    return (*FILE_COLUMNS, *declared(EditOptions))


def _normal(name: str) -> str:
    """``Emotion-Audio`` and ``--emotion-audio`` are ``emotion_audio``."""
    return name.strip().lstrip("-").lower().replace("-", "_").replace(" ", "_")


@lru_cache(maxsize=1000)
def unknown_column(name: str) -> str:
    """What to say of a column nobody knows."""
    near = difflib.get_close_matches(_normal(name[:80]), columns(), n=1, cutoff=0.5)
    return f"unknown column '{name}'" + (f"; did you mean '{near[0]}'?" if near else "")


#: One of every way to ask.
_EXAMPLES: tuple[dict[str, str], ...] = (
    {"video": "talk.mp4", "emotion_audio": "voices/happy.wav"},
    {
        "video": "talk.mp4",
        "emotion_audio": "voices/sad_1.wav;voices/sad_2.wav@0.5-3",
        "output": "talk_sad.mp4",
        "intensity": "1.2",
    },
    {"video": "talk.mp4", "emotion": "0.6 happy + 0.4 sarcastic", "region": "brows,eyes"},
    {"video": "talk.mp4", "emotion_image": "smile.jpg"},
    {"video": "talk.mp4", "emotion_video": "actor.mp4"},
    {"video": "talk.mp4", "emotion_follow": "voices/scene.wav"},
    {"video": "talk.mp4", "timeline": "plan.csv"},
    {"video": "talk.mp4", "speech": "voices/scene.wav", "fit": "bounce"},
    {"identity_image": "face.png", "speech": "voices/scene.wav", "emotion": "happy"},
)


def _line(row: dict[str, str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow([row.get(name, "") for name in columns()])
    return out.getvalue()


def template() -> str:
    """A commented manifest that lists every column and parses as it stands."""
    width = max(map(len, columns()))
    about = FILE_COLUMNS | {
        name: f"{field.accepts}; default: {'none' if field.default is None else field.default}"
        for name, field in declared(EditOptions).items()
    }
    lines = [
        "# One edit per line. Empty cells take the default; unused columns may be deleted.",
        "# Inputs are relative to this file, outputs to the output folder (--output-dir).",
        "# Lines that begin with # and blank lines are skipped.",
        "#",
        *(f"# {name:<{width}}  {words}" for name, words in about.items()),
        ",".join(columns()),
        *map(_line, _EXAMPLES),
    ]
    return "\n".join(lines) + "\n"


class Problem(NamedTuple):
    """Something wrong with a manifest. line: as editors count, 0 for the file as a whole."""

    line: int
    column: str
    message: str


def by_line(problems: Iterable[Problem]) -> dict[int, str]:
    """What is wrong with each line, in one text that can be written anywhere: the first few."""
    found: dict[int, list[str]] = {}
    for line, column, message in problems:
        said = f"{column}: {message}" if column else message
        found.setdefault(line, []).append(said[:MAX_WORDS_CHARS])
    return {line: _in_one(said) for line, said in found.items()}


def _in_one(said: Sequence[str]) -> str:
    more = [f"and {len(said) - SAID_OF_A_LINE} more"] if len(said) > SAID_OF_A_LINE else []
    text = "; ".join([*said[:SAID_OF_A_LINE], *more])
    return text.encode("utf-8", "backslashreplace").decode()  # names of files need not be text


class TooManyProblems(Exception):
    """Enough is known to refuse the manifest."""


class Problems(list[Problem]):
    """Bounded, however long and bad a manifest is."""

    def say(self, line: int, column: str, message: str) -> None:
        """Raises :class:`TooManyProblems` once it is full."""
        if len(self) < MAX_PROBLEMS:
            self.append(Problem(line, column[:MAX_WORDS_CHARS], message[:MAX_WORDS_CHARS]))
        elif len(self) == MAX_PROBLEMS:
            self.append(Problem(line, "", "too many problems: the rest was not looked at"))
        if len(self) > MAX_PROBLEMS:
            raise TooManyProblems


class RawRow(NamedTuple):
    """One row as written: its line in the file and its non-empty cells by column name."""

    line: int
    cells: dict[str, str]


@dataclass
class RawManifest:
    """What was read, and what could not be. broken: more is wrong than some of its rows."""

    path: Path
    rows: list[RawRow] = field(default_factory=list)
    problems: Problems = field(default_factory=Problems)
    broken: bool = False


def read_manifest(path: Path) -> RawManifest:
    """Read a whole manifest.

    UTF-8 with or without BOM, any line ends; blank lines and lines that begin with ``#`` are
    skipped. Raises :class:`UsageError` where the file itself cannot be read.
    """
    if not path.is_file():
        raise UsageError(f"manifest not found: {path}", "`cmet batch --template` writes an example")
    manifest, suffix = RawManifest(path), path.suffix.lower()
    lines = _Lines(path)
    try:
        if suffix in JSON_SUFFIXES:
            _read_json(lines, manifest)
        else:
            _read_table(lines, DELIMITERS.get(suffix, ","), manifest)
        if not manifest.rows and not manifest.problems:
            manifest.problems.say(0, "", "no rows")
    except TooManyProblems:
        manifest.broken = True
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path}: not UTF-8 (after line {lines.number})",
            "a manifest is a table in text; save it as UTF-8 (CSV UTF-8 in Excel)",
        ) from error
    return manifest


class _Lines:
    """Lines of a file, without comments and blanks between records (not inside quotes).

    number: of the line last read; first: of the record's first line; between: set it when a record
    has ended.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.number, self.first, self.between = 0, 0, True

    def __iter__(self) -> Iterator[str]:
        with self._path.open(encoding="utf-8-sig") as file:
            while line := file.readline(MAX_LINE_CHARS):
                self.number += 1
                if len(line) == MAX_LINE_CHARS:
                    raise UsageError(f"{self._path}: line {self.number} is too long")
                if self.between:
                    stripped = line.strip()
                    if not stripped or stripped[0] == "#":
                        continue
                    self.between, self.first = False, self.number
                yield line


def _read_table(lines: _Lines, delimiter: str, manifest: RawManifest) -> None:
    csv.field_size_limit(MAX_CELL_CHARS)
    names: list[str] | None = None
    try:
        for cells in csv.reader(lines, delimiter=delimiter, strict=True):
            lines.between = True
            if not any(cell.strip() for cell in cells):
                continue
            if names is None:
                names = _header(cells, lines.first, manifest.problems)
                manifest.broken = bool(manifest.problems)
            else:
                _add_row(names, cells, lines.first, manifest)
    except csv.Error as error:
        manifest.broken = True
        manifest.problems.say(lines.first, "", f"cannot be read: {error}")


def _header(cells: list[str], line: int, problems: Problems) -> list[str]:
    """Column names as the options spell them; unknown ones become problems and an empty name."""
    names, known = list[str](), columns()
    if len(cells) == 1 and ";" in cells[0]:
        problems.say(line, "", "cells must be separated by commas, not ';'")
        return []
    for cell in cells:
        name = _normal(cell)
        if name in known and name in names:
            problems.say(line, name, f"column '{name}' appears twice")
        elif name and name not in known:
            problems.say(line, cell.strip(), unknown_column(cell.strip()))
            name = ""
        names.append(name)
    if not {"video", "identity_image"} & set(names):
        problems.say(line, "video", "there is no column 'video'")
    return names


def _add_row(names: list[str], cells: list[str], line: int, manifest: RawManifest) -> None:
    if len(cells) > len(names) and any(cell.strip() for cell in cells[len(names) :]):
        if names:
            manifest.problems.say(line, "", f"{len(cells)} cells, but {len(names)} columns")
        return
    pairs = zip(names, cells, strict=False)
    values = {name: value for name, cell in pairs if name and (value := cell.strip())}
    manifest.rows.append(RawRow(line, values))


def _read_json(lines: _Lines, manifest: RawManifest) -> None:
    for text in lines:
        lines.between, number = True, lines.number
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            manifest.problems.say(number, "", f"not JSON: {error}")
            continue
        if not isinstance(values, dict):
            manifest.problems.say(number, "", "not a JSON object")
            continue
        cells = {}
        for key, value in values.items():
            name, cell = _normal(key), _cell(value)
            if name not in columns():
                manifest.problems.say(number, key, unknown_column(key))
            elif cell is None:
                manifest.problems.say(number, key, f"cannot be a {type(value).__name__}")
            elif len(cell) > MAX_CELL_CHARS:
                manifest.problems.say(number, key, "too long")
            elif cell:
                cells[name] = cell
        manifest.rows.append(RawRow(number, cells))


def _cell(value: Any) -> str | None:
    """A JSON value as a cell's text; ``None`` where it has no meaning here."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value).strip()
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return CLIP_SEPARATOR.join(value)
    return None


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
        option = declared(EditOptions).get(name)
        if name in ("video", "output") or (option and option.option.writes):
            raise UsageError(f"--set {name}: every row needs its own")
        found[name] = value.strip()
    return found
