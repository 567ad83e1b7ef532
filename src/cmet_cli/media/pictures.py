"""Single pictures as files."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from ..errors import MediaError
from .files import atomic_path


def write_picture(rgb: np.ndarray, output: Path, *, overwrite: bool) -> None:
    """RGB uint8 ``[H, W, 3]`` -> an image file, atomically. Raises :class:`MediaError`."""
    with atomic_path(output, overwrite=overwrite) as part:
        if not cv2.imwrite(str(part), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)):
            raise MediaError(f"{output}: the picture could not be written")
