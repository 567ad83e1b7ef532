"""Files behind URLs (``s3://``, ``gs://``, ``file://`` ...), by way of fsspec."""

from __future__ import annotations

import contextlib
import tempfile
import uuid
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import MediaError, UsageError

LOOKS_AT_ONCE = 16
COPIES_KEPT = 8


def _open(url: str) -> tuple[Any, str]:
    """The file system of a URL, and its path there. Raises :class:`UsageError`."""
    try:
        import fsspec
    except ImportError as error:
        raise UsageError(f"{url}: URLs need fsspec", 'pip install "cmet-cli[ray]"') from error
    try:
        return fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        hint = "install the fsspec package for it (s3fs, gcsfs ...)"
        raise UsageError(f"{url}: {error}", hint) from error


def look_at(urls: Iterable[str]) -> dict[str, dict[str, Any] | str]:
    """What each URL is (``size`` and ``stamp``), or why it cannot be read."""

    def look(url: str) -> dict[str, Any] | str:
        try:
            system, path = _open(url)
            info = system.info(path)
            if info.get("type") == "directory":
                return "is a folder"
            return {"size": int(info.get("size") or 0), "stamp": str(system.ukey(path))}
        except FileNotFoundError:
            return "not found"
        except Exception as error:  # every store has errors of its own
            return str(error).splitlines()[0] if str(error) else type(error).__name__

    wanted = list(dict.fromkeys(urls))
    with ThreadPoolExecutor(LOOKS_AT_ONCE) as pool:
        return dict(zip(wanted, pool.map(look, wanted), strict=True))


def remote_entry(url: str) -> list[Any]:
    """[size, 0, stamp]: the store's own mark of this version stands for a digest."""
    found = look_at([url])[url]
    if isinstance(found, str):
        raise FileNotFoundError(2, found, url)
    return [found["size"], 0, found["stamp"]]


class Fetched:
    """Local copies of remote files: the last few stay, so rows that share a video share its copy
    (and with it the editor's reading)."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._copies: dict[tuple[str, str], Path] = {}

    def get(self, url: str, stamp: str, needed: Iterable[str]) -> Path:
        """The copy of this version of a file; needed: URLs whose copies must stay.

        Raises :class:`OSError`.
        """
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="cmet-batch-")
        key = (url, stamp)
        if key not in self._copies:
            self._forget(set(needed))
            name = f"{uuid.uuid4().hex[:8]}-{PurePosixPath(url).name}"
            self._copies[key] = _fetch(url, Path(self._folder.name) / name)
        return self._copies[key]

    def _forget(self, needed: set[str]) -> None:
        spare = [key for key in self._copies if key[0] not in needed]
        for key in spare[: max(0, len(self._copies) - COPIES_KEPT + 1)]:
            self._copies.pop(key).unlink(missing_ok=True)


def _fetch(url: str, local: Path) -> Path:
    system, path = _open(url)
    try:
        system.get_file(path, str(local))
    except FileNotFoundError as error:
        raise FileNotFoundError(2, "not found", url) from error
    except Exception as error:
        raise OSError(5, f"could not be fetched ({error})", url) from error
    return local


def deliver(local: Path, url: str) -> None:
    """Upload under a temporary name, then move: the final name never shows half a file."""
    system, path = _open(url)
    stem, dot, suffix = path.rpartition("/")[2].rpartition(".")
    parent = path.rpartition("/")[0]
    part = f"{parent}/.{stem}.{uuid.uuid4().hex[:8]}.part{dot}{suffix}"
    try:
        with contextlib.suppress(Exception):  # object stores have no folders
            system.makedirs(parent, exist_ok=True)
        system.put_file(str(local), part)
        system.mv(part, path)
    except Exception as error:
        with contextlib.suppress(Exception):
            system.rm_file(part)
        raise MediaError(f"{url} could not be written ({error})") from error
