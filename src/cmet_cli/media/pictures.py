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
        # OpenCV itself dies of file names that are no text.
        made, data = cv2.imencode(output.suffix, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
        if not made:
            raise MediaError(f"{output}: the picture could not be written")
        part.write_bytes(data.tobytes())
