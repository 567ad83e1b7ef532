"""Where outputs go: names, the root they must stay in, and names that would collide."""

# Paths stay text: 100,000 rows are checked in seconds.
# ruff: noqa: PTH100, PTH114, PTH116, PTH117, PTH118, PTH120, PTH122

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from ..errors import UsageError
from .columns import Column, columns, parse_cell
from .rows import is_url

VIDEO_SUFFIXES = (".mp4", ".mkv", ".mov", ".m4v")
STATE_FOLDER = ".cmet"
_AWKWARD = re.compile(r"[^\w.+-]+")


def default_suffix(name: str, otherwise: str = ".mp4") -> str:
    """The suffix of a name where it is one an edit can be written as."""
    suffix = os.path.splitext(name)[1].lower()
    return suffix if suffix in VIDEO_SUFFIXES else otherwise


def default_name(cells: Mapping[str, str], video: str, emotion: tuple[str, ...], base: str) -> str:
    """``a/talk.mp4`` with ``sad.wav`` at intensity 1.2 -> ``a/talk_sad_intensity1.2.mp4``.

    The name depends on the row alone, so rows may be added and moved between runs.
    """
    path = PurePosixPath(video.replace(os.sep, "/"))
    folder = os.path.dirname(os.path.relpath(video, base)) if not is_url(video) else ""
    folder = "" if folder.startswith("..") or os.path.isabs(folder) else folder
    voice = PurePosixPath(emotion[0].replace(os.sep, "/")).stem if emotion else "edit"
    more = f"+{len(emotion) - 1}" if len(emotion) > 1 else ""
    parts = [path.stem, voice + more]
    for name in sorted(cells):
        column = columns()[name]
        plain = column.role == "option" and not column.is_path and name != "overwrite"
        if plain and not _is_default(column, cells[name]):
            parts.append(_AWKWARD.sub("-", name + cells[name]))
    return os.path.join(folder, "_".join(parts) + default_suffix(path.name))


def _is_default(column: Column, text: str) -> bool:
    try:
        return parse_cell(column, text) == column.default
    except UsageError:
        return False


def collision_key(location: str) -> str:
    """Equal for names that some file system takes for one: by case or by Unicode form."""
    return unicodedata.normalize("NFC", location).casefold()


class OutputBook:
    """Every output of a batch, to see which leave the root or meet each other."""

    def __init__(self, root: str, allow_outside: bool) -> None:
        self._root, self._allow_outside = root, allow_outside
        self._real_root = root if is_url(root) else os.path.realpath(root)
        self._prefix = self._real_root.rstrip(os.sep) + os.sep
        self._state = os.path.join(self._real_root, STATE_FOLDER) + os.sep
        self._real_parents: dict[str, str] = {}
        self._lines: dict[str, tuple[int, str]] = {}
        self._status: dict[str, os.stat_result | None] = {}

    def locate(self, text: str) -> str:
        """A cell's text as an absolute path or URL."""
        if is_url(text):
            return text
        if is_url(self._root):
            return f"{self._root.rstrip('/')}/{text}"
        return os.path.abspath(os.path.join(self._root, text))

    def shown(self, location: str) -> str:
        """Relative to the root where it lies in it."""
        prefix = self._root.rstrip("/") + "/"
        return location[len(prefix) :] if location.startswith(prefix) else location

    def claim(self, line: int, location: str, text: str) -> str:
        """Take a name for a row; -> what is wrong with it, or an empty text."""
        real = self._real(location)
        if not self._allow_outside and not self._inside(location, real, text):
            return f"outside the output folder: {text} (--allow-outside permits it)"
        key = collision_key(real)
        taken = self._lines.get(key)
        if taken is not None:
            same = "the same output as" if taken[1] == location else "an output that collides with"
            return f"{same} line {taken[0]}: {text}"
        self._lines[key] = (line, location)
        return ""

    def _inside(self, location: str, real: str, text: str) -> bool:
        if is_url(self._root):
            within = location.startswith(self._root.rstrip("/") + "/")
            return within and ".." not in text.split("/")
        if is_url(location):
            return False
        return real.startswith(self._prefix) and not real.startswith(self._state)

    def _real(self, location: str) -> str:
        """With every symbolic link followed; each folder is resolved once."""
        if is_url(location):
            return location
        folder, name = os.path.split(location)
        if folder not in self._real_parents:
            self._real_parents[folder] = os.path.realpath(folder)
        real = os.path.join(self._real_parents[folder], name)
        return os.path.realpath(real) if os.path.islink(real) else real

    def existing(self, location: str) -> os.stat_result | None:
        """What is there already under a name (asked once)."""
        if is_url(location):
            return None
        if location not in self._status:
            try:
                self._status[location] = os.stat(location)
            except (OSError, ValueError):
                self._status[location] = None
        return self._status[location]

    def is_file(self, folder: str) -> bool:
        """Whether what should be a folder is something else."""
        status = self.existing(folder)
        return status is not None and not stat.S_ISDIR(status.st_mode)

    def claimed(self) -> Iterator[tuple[str, tuple[int, int] | None, int]]:
        """Each output with its inode, if it exists, and the line that asks for it."""
        for line, location in self._lines.values():
            status = self._status.get(location)
            yield location, (status.st_dev, status.st_ino) if status else None, line
