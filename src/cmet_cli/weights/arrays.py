"""Small safetensors files as NumPy's arrays, without torch; untrusted as in :mod:`.untrusted`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors import safe_open

from ..errors import CheckpointError

DOWNLOAD_AGAIN = "download it again with `cmet download-weights`, or point --weights-dir elsewhere"


def read_arrays(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Every array of a file, and what it says of itself. Raises :class:`CheckpointError`."""
    try:
        with safe_open(path, framework="np") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return arrays, dict(file.metadata() or {})
    except Exception as error:  # whatever a damaged header leads the library to
        raise damaged(path, error) from error


def damaged(path: Path, error: Exception) -> CheckpointError:
    """What a reader's error comes to."""
    first_line = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
    return CheckpointError(
        f"{path}: damaged or truncated, cannot be read ({first_line[:160]})", DOWNLOAD_AGAIN
    )
