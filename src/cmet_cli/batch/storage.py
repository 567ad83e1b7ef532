"""Files of a batch: on this machine, or behind a URL (``s3://``, ``gs://`` ...) through fsspec."""

from __future__ import annotations

import contextlib
import os
import posixpath
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

from ..batch_options import is_url
from ..errors import MediaError, UsageError
from ..media.audio import split_stretch
from ..media.files import OVERWRITE_HINT, atomic_path
from ..weights.record import sha256_of

#: [size, mtime_ns, sha256] of a file; behind a URL [size, 0, the store's own mark of the version].
Entry = list[Any]
LOOKS_AT_ONCE = 16
COPIES_KEPT = 8
#: Of a copy's name and of its suffix, in letters of up to four bytes.
NAME_LENGTH = 24


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


def as_one(url: str) -> str:
    """A URL in the form that all ways to write it have in common."""
    scheme, _, rest = url.partition("://")
    return f"{scheme.lower()}://{posixpath.normpath(rest)}"


def path_of(url: str) -> str | None:
    """The path of a URL that names a file of this machine."""
    scheme, _, rest = url.partition("://")
    return rest if scheme.lower() in ("file", "local") else None


def look_at(urls: Iterable[str]) -> dict[str, Entry | str]:
    """What each URL is, or why it cannot be read; asked for together, as each answer takes long."""

    def look(url: str) -> Entry | str:
        try:
            system, path = _open(url)
            info = system.info(path)
            if info.get("type") == "directory":
                return "is a folder"
            return [int(info.get("size") or 0), 0, _mark(url, str(system.ukey(path)), info)]
        except FileNotFoundError:
            return "not found"
        except Exception as error:  # every store has errors of its own
            return str(error).splitlines()[0] if str(error) else type(error).__name__

    wanted = list(dict.fromkeys(urls))
    with ThreadPoolExecutor(LOOKS_AT_ONCE) as pool:
        return dict(zip(wanted, pool.map(look, wanted), strict=True))


def _mark(url: str, key: str, info: Mapping[str, Any]) -> str:
    """What tells this version of a file from others. fsspec takes what is behind ``http`` for
    unchanging; its server may say more."""
    if not url.lower().startswith(("http://", "https://")):
        return key
    told = (info.get(name) for name in ("size", "ETag", "Last-Modified", "Content-MD5", "Digest"))
    return " ".join([key, *(str(one) for one in told if one)])


def exists(location: str) -> bool:
    if is_url(location):
        return not isinstance(look_at([location])[location], str)
    return Path(location).exists()


def file_of(location: str) -> str:
    """The file that holds a stretch (``talk.mp4@2-5``); any other location as it is.

    Raises :class:`UsageError` where the stretch makes no sense.
    """
    if "@" not in location or is_url(location):
        return location
    return str(split_stretch(Path(location))[0])


def local_entry(path: Path) -> Entry:
    """Raises :class:`OSError`."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, sha256_of(path)]


def is_as_made(location: str, entry: Entry | None) -> bool:
    """Whether a file is still what it was. A copied or restored one has another time of change and
    may be the same; behind a URL only the size is compared."""
    if entry is None:
        return False
    if is_url(location):
        found = look_at([location])[location]
        return not isinstance(found, str) and found[0] == entry[0]
    try:
        status = os.stat(location)  # noqa: PTH116  100,000 of them take seconds
        if [status.st_size, status.st_mtime_ns] == entry[:2]:
            return True
        return status.st_size == entry[0] and sha256_of(Path(location)) == entry[2]
    except (OSError, ValueError):
        return False


class Digests:
    """Entries of files, each read once while its size and time of change stay the same.

    known: entries from earlier runs by location.
    """

    def __init__(self, known: Callable[[str], Entry | None] = lambda _location: None) -> None:
        self._known, self._found = known, dict[str, Entry]()

    def entry(self, location: str) -> Entry:
        """Raises :class:`OSError` where the file is gone."""
        if is_url(location):
            found = look_at([location])[location]
            if isinstance(found, str):
                raise FileNotFoundError(2, found, location)
            return found
        location = file_of(location)
        status = os.stat(location)  # noqa: PTH116
        known = self._found.get(location) or self._known(location)
        if known is None or known[:2] != [status.st_size, status.st_mtime_ns]:
            known = local_entry(Path(location))
        self._found[location] = known
        return known


class Fetched:
    """Local copies of remote files: the last few stay, so rows that share a video share its copy
    (and with it the editor's reading).

    work: where they lie, the system's temporary folder if left out.
    """

    def __init__(self, work: str | None = None) -> None:
        self._work = work
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._copies: dict[tuple[str, str], Path] = {}

    def get(self, url: str, version: str, needed: Iterable[str]) -> Path:
        """The copy of one version of a file; needed: URLs whose copies must stay.

        Raises :class:`OSError`.
        """
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="cmet-batch-", dir=self._work)
        if (url, version) not in self._copies:
            keep = set(needed)
            spare = [key for key in self._copies if key[0] not in keep]
            for key in spare[: max(0, len(self._copies) - COPIES_KEPT + 1)]:
                self._copies.pop(key).unlink(missing_ok=True)
            self._copies[url, version] = _fetch(url, Path(self._folder.name) / _local_name(url))
        return self._copies[url, version]

    def close(self) -> None:
        """Remove them all."""
        if self._folder is not None:
            self._folder.cleanup()
        self._folder, self._copies = None, {}


def _local_name(url: str) -> str:
    """Of a copy: what it is called there, as far as a file may be called so (a signed URL ends in
    hundreds of letters of its own)."""
    path = url
    if url.lower().startswith(("http://", "https://")):
        path = url.partition("#")[0].partition("?")[0]
    name = PurePosixPath(path)
    return f"{uuid.uuid4().hex[:8]}-{name.stem[:NAME_LENGTH]}{name.suffix[:NAME_LENGTH]}"


def _fetch(url: str, local: Path) -> Path:
    system, path = _open(url)
    try:
        system.get_file(path, str(local))
    except FileNotFoundError as error:
        raise FileNotFoundError(2, "not found", url) from error
    except Exception as error:
        raise OSError(5, f"could not be fetched ({error})", url) from error
    return local


def deliver(part: Path, location: str, *, replace: bool) -> None:
    """Give a finished file its name, whole or not at all. Raises :class:`CmetError`."""
    if is_url(location):
        _upload(part, location)
        return
    destination = Path(location)
    try:
        if replace:
            part.replace(destination)
        else:
            os.link(part, destination)  # fails, atomically, where the name exists
    except FileExistsError:
        raise UsageError(f"output exists: {destination}", OVERWRITE_HINT) from None
    except OSError:  # another file system, or one without hard links
        with atomic_path(destination, overwrite=replace) as beside:
            shutil.copy2(part, beside)
            make_durable(beside)


def make_durable(path: Path) -> None:
    """On the disk, not only in its cache."""
    with path.open("rb+") as file, contextlib.suppress(OSError):
        os.fsync(file.fileno())


def _upload(local: Path, url: str) -> None:
    """Under a temporary name, then moved: the final name never shows half a file."""
    system, path = _open(url)
    parent, _, name = path.rpartition("/")
    part = f"{parent}/.{uuid.uuid4().hex[:8]}.part.{name}"
    try:
        with contextlib.suppress(Exception):  # object stores have no folders
            system.makedirs(parent, exist_ok=True)
        system.put_file(str(local), part)
        system.mv(part, path)
    except Exception as error:
        with contextlib.suppress(Exception):
            system.rm_file(part)
        raise MediaError(f"{url} could not be written ({error})", transient=True) from error
