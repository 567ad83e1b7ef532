"""The names a batch's outputs take, before anything is written under them."""

# Paths stay text: 100,000 rows are checked in seconds.
# ruff: noqa: PTH100, PTH114, PTH116, PTH118, PTH119

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Iterator

from .state import STATE_FOLDER
from .storage import is_url

MAX_NAME_BYTES = 255


class OutputBook:
    """Every output of a batch, to see which leave the root or meet each other.

    root: absolute path or URL.
    """

    def __init__(self, root: str, allow_outside: bool) -> None:
        self._root, self._allow_outside = root.rstrip("/") or "/", allow_outside
        real_root = root if is_url(root) else os.path.realpath(root)
        self._prefix = real_root.rstrip("/") + "/"
        self._state = os.path.join(real_root, STATE_FOLDER) + os.sep
        self._real_folders: dict[str, str] = {}
        self._lines: dict[str, tuple[int, str]] = {}
        self._status: dict[str, os.stat_result | None] = {}

    def locate(self, text: str) -> str:
        """A cell's text as an absolute path or URL."""
        if is_url(text):
            return text
        if is_url(self._root):
            return f"{self._root}/{text}"
        return os.path.abspath(os.path.join(self._root, text))

    def shown(self, location: str) -> str:
        """Relative to the root where it lies in it."""
        return location.removeprefix(self._root.rstrip("/") + "/")

    def claim(self, line: int, location: str, text: str) -> str:
        """Take a name for a row; -> what is wrong with it, or an empty text."""
        real = self._real(location)
        inside = real.startswith(self._prefix) and not real.startswith(self._state)
        if is_url(self._root):
            inside = inside and ".." not in text.split("/")
        if not (inside or self._allow_outside):
            return f"outside the output folder: {text} (--allow-outside permits it)"
        # Equal for names that some file system takes for one: by case or by Unicode form.
        key = unicodedata.normalize("NFC", real).casefold()
        if taken := self._lines.get(key):
            same = "the same output as" if taken[1] == location else "an output that collides with"
            return f"{same} line {taken[0]}: {text}"
        self._lines[key] = (line, location)
        long = len(os.path.basename(location).encode()) > MAX_NAME_BYTES
        return f"too long a name: {text}" if long else ""

    def _real(self, location: str) -> str:
        """With every symbolic link followed; each folder is resolved once."""
        if is_url(location):
            return location
        folder, name = os.path.split(location)
        if folder not in self._real_folders:
            self._real_folders[folder] = os.path.realpath(folder)
        real = os.path.join(self._real_folders[folder], name)
        return os.path.realpath(real) if os.path.islink(real) else real

    def existing(self, location: str) -> os.stat_result | None:
        """What is there already under a name (asked once)."""
        if location not in self._status:
            try:
                self._status[location] = None if is_url(location) else os.stat(location)
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
