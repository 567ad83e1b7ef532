"""Reading a manifest: CSV, TSV or JSON lines -> cells with line numbers. Nothing is judged yet."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import UsageError
from .columns import CLIP_SEPARATOR, columns, normal_name, unknown_column

JSON_SUFFIXES = (".jsonl", ".ndjson")
DELIMITERS = {".tsv": "\t", ".tab": "\t"}
MAX_CELL_CHARS = 1 << 20


@dataclass(frozen=True)
class Problem:
    """Something wrong with a manifest. line: as editors count, 0 for the file as a whole."""

    line: int
    column: str
    message: str


@dataclass(frozen=True)
class RawRow:
    """One row as written: its line in the file and its non-empty cells by column name."""

    line: int
    cells: dict[str, str]


@dataclass
class RawManifest:
    """What was read, and what could not be."""

    path: Path
    rows: list[RawRow] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read_manifest(path: Path) -> RawManifest:
    """Read a whole manifest.

    UTF-8 with or without BOM, any line ends; blank lines and lines that begin with ``#`` are
    skipped. Raises :class:`UsageError` where the file itself cannot be read.
    """
    if not path.is_file():
        raise UsageError(f"manifest not found: {path}", "`cmet batch --template` writes an example")
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path}: not UTF-8 (byte {error.start})", "save it as UTF-8 (CSV UTF-8 in Excel)"
        ) from error
    manifest = RawManifest(path)
    if path.suffix.lower() in JSON_SUFFIXES:
        _read_json(text, manifest)
    else:
        _read_table(text, DELIMITERS.get(path.suffix.lower(), ","), manifest)
    if not manifest.rows and not manifest.problems:
        manifest.problems.append(Problem(0, "", "no rows"))
    return manifest


class _Lines:
    """Lines for the csv reader, without comments and blanks between records (not inside quotes)."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self.number, self.first, self.between = 0, 0, True

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.number += 1
            if self.between:
                stripped = line.strip()
                if not stripped or stripped[0] == "#":
                    continue
                self.between, self.first = False, self.number
            yield line + "\n"


def _read_table(text: str, delimiter: str, manifest: RawManifest) -> None:
    csv.field_size_limit(MAX_CELL_CHARS)
    lines = _Lines(text.replace("\r\n", "\n").replace("\r", "\n"))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    names: list[str] | None = None
    try:
        for cells in reader:
            lines.between = True
            if not any(cell.strip() for cell in cells):
                continue
            if names is None:
                names = _header(cells, lines.first, manifest)
            else:
                _add_row(names, cells, lines.first, manifest)
    except csv.Error as error:
        manifest.problems.append(Problem(lines.first, "", f"cannot be read: {error}"))


def _header(cells: list[str], line: int, manifest: RawManifest) -> list[str]:
    """Column names as the options spell them; unknown ones become problems and an empty name."""
    names, known = [], columns()
    if len(cells) == 1 and ";" in cells[0]:
        manifest.problems.append(Problem(line, "", "cells must be separated by commas, not ';'"))
        return []
    for cell in cells:
        name = normal_name(cell)
        if name in known and name in names:
            manifest.problems.append(Problem(line, name, f"column '{name}' appears twice"))
        elif name and name not in known:
            manifest.problems.append(Problem(line, cell.strip(), unknown_column(cell.strip())))
            name = ""
        names.append(name)
    if "video" not in names:
        manifest.problems.append(Problem(line, "video", "there is no column 'video'"))
    return names


def _add_row(names: list[str], cells: list[str], line: int, manifest: RawManifest) -> None:
    if len(cells) > len(names) and any(cell.strip() for cell in cells[len(names) :]):
        if names:
            message = f"{len(cells)} cells, but {len(names)} columns"
            manifest.problems.append(Problem(line, "", message))
        return
    pairs = zip(names, cells, strict=False)
    values = {name: value for name, cell in pairs if name and (value := cell.strip())}
    manifest.rows.append(RawRow(line, values))


def _read_json(text: str, manifest: RawManifest) -> None:
    known = columns()
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            values = json.loads(line)
        except ValueError as error:
            manifest.problems.append(Problem(number, "", f"not JSON: {error}"))
            continue
        if not isinstance(values, dict):
            manifest.problems.append(Problem(number, "", "not a JSON object"))
            continue
        cells = {}
        for key, value in values.items():
            name = normal_name(key)
            text_value = _cell(value)
            if name not in known:
                manifest.problems.append(Problem(number, key, unknown_column(key)))
            elif text_value is None:
                manifest.problems.append(Problem(number, key, f"cannot be {value!r}"))
            elif text_value:
                cells[name] = text_value
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
