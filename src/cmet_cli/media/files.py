"""Outputs that appear under their name only when they are complete."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..errors import UsageError

STEM_BYTES = 80
OVERWRITE_HINT = "choose another name, or overwrite it (--overwrite)"


@contextlib.contextmanager
def atomic_path(destination: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary path beside ``destination``; move it into place if the block succeeds.

    The temporary name keeps the suffix, because ffmpeg chooses its container by it. On any
    exception, Ctrl-C too, the temporary file is removed. Without ``overwrite`` a file that has
    appeared meanwhile is kept and :class:`UsageError` raised.
    """
    with atomic_paths((destination,), overwrite=overwrite) as parts:
        yield parts[destination]


@contextlib.contextmanager
def atomic_paths(
    destinations: Sequence[Path], *, overwrite: bool = False
) -> Iterator[dict[Path, Path]]:
    """The same for files that belong together: all get their names, in order, or none does.

    Gives the temporary path of each destination.
    """
    parts = {destination: _beside(destination) for destination in destinations}
    placed = list[Path]()
    try:
        yield parts
        for destination, part in parts.items():
            if overwrite:
                part.replace(destination)
            else:
                _rename_new(part, destination)
            placed.append(destination)
    except BaseException:
        if len(placed) < len(parts):
            _unlink(placed)  # without the others they mean nothing
        raise
    finally:
        _unlink(parts.values())


def _beside(destination: Path) -> Path:
    # File systems count bytes.
    stem = destination.stem.encode(errors="ignore")[:STEM_BYTES].decode(errors="ignore")
    return destination.with_name(f".{stem}.{uuid.uuid4().hex[:8]}.part{destination.suffix}")


def _unlink(paths: Iterable[Path]) -> None:
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()


def _rename_new(temporary: Path, destination: Path) -> None:
    """Rename without replacing: a hard link fails if the name exists, atomically."""
    try:
        os.link(temporary, destination)
    except FileExistsError:
        raise UsageError(f"output exists: {destination}", OVERWRITE_HINT) from None
    except OSError:  # a file system without hard links
        if destination.exists():
            raise UsageError(f"output exists: {destination}", OVERWRITE_HINT) from None
        temporary.replace(destination)


def check_output(destination: Path, *, overwrite: bool, inputs: tuple[Path, ...] = ()) -> None:
    """Refuse early what would fail late: an existing, unwritable, or input path as output."""
    try:
        same = any(
            destination.exists() and path.exists() and destination.samefile(path) for path in inputs
        )
    except (OSError, ValueError) as error:  # a name too long, a link that leads to itself
        raise UsageError(f"output cannot be written: {destination} ({error})") from error
    if same:
        raise UsageError(f"output and input are the same file: {destination}")
    if destination.is_dir():
        raise UsageError(f"output is a folder: {destination}", "give a file name")
    if os.path.lexists(destination) and not overwrite:  # a link to nowhere takes the name, too
        raise UsageError(f"output exists: {destination}", OVERWRITE_HINT)
    parent = destination.parent
    if not parent.is_dir():
        raise UsageError(f"output folder does not exist: {parent}", "create it first")
    if not os.access(parent, os.W_OK):
        raise UsageError(f"output folder is not writable: {parent}")
