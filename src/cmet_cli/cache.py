"""What is kept between runs in the user's cache folder: small, bounded, and never missed.

A cache that cannot be read or written is no error: everything in it can be made again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

import numpy as np

#: Features kept, a few kilobytes each; the longest unused go first.
MOST_FEATURES = 4096
_TRIMMED_TO = MOST_FEATURES * 3 // 4


def cache_folder() -> Path:
    """``$CMET_CACHE_DIR``, else ``cmet`` in ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    if own := os.environ.get("CMET_CACHE_DIR"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cmet"


def write_whole(path: Path, data: bytes) -> None:
    """A file appears complete or not at all; nothing is said where it cannot be written."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)


class FeatureStore:
    """Speech features by the digest of the sound, for one encoder.

    encoder: everything that decides what it makes of a sound; dim: length of a feature.
    """

    def __init__(self, encoder: str, dim: int, folder: Path | None = None) -> None:
        self._folder = (folder or cache_folder()) / "speech"
        self._encoder, self._dim = encoder, dim

    def _path(self, digest: bytes) -> Path:
        key = hashlib.sha256(digest + self._encoder.encode()).hexdigest()
        return self._folder / f"{key}.f32"

    def get(self, digest: bytes) -> np.ndarray | None:
        """float32 ``[dim]``, or None where it is not there or not whole."""
        path = self._path(digest)
        try:
            feature = np.frombuffer(path.read_bytes(), "<f4")
        except (OSError, ValueError):
            return None
        if feature.shape != (self._dim,) or not np.isfinite(feature).all():
            return None
        with contextlib.suppress(OSError):
            path.touch()  # the last to go
        return feature.astype(np.float32)

    def put(self, digest: bytes, feature: np.ndarray) -> None:
        write_whole(self._path(digest), np.ascontiguousarray(feature, "<f4").tobytes())
        self._trim()

    def _trim(self) -> None:
        with contextlib.suppress(OSError):
            files = list(self._folder.iterdir())
            if len(files) <= MOST_FEATURES:
                return
            files.sort(key=lambda file: file.stat().st_mtime_ns)
            for file in files[: len(files) - _TRIMMED_TO]:
                file.unlink(missing_ok=True)
