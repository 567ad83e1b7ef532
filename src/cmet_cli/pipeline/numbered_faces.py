"""A picture of a video's faces with their numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UsageError
from ..faces.draw import as_tile, draw_faces, faces_in_frame, telling_frames, tiled
from ..media.files import check_output
from ..media.pictures import write_picture
from ..media.probe import VideoInfo, probe_video
from ..media.reader import FrameReader
from ..options import Progress, no_progress
from .find import follow_faces


def face_sheet(
    video: Path,
    output: Path,
    *,
    detector: str = "auto",
    weights_dir: Path | None = None,
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> list[dict[str, Any]]:
    """Write a picture with a numbered box per face; -> number, frames, of (all frames) per face.

    Raises :class:`FaceError` where no face is found, :class:`UsageError` for a bad output.
    """
    if output.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise UsageError(f"the picture must be a .png or .jpg: {output}")
    check_output(output, overwrite=overwrite, inputs=(video,))
    info = probe_video(video)
    found = follow_faces(info, detector, weights_dir, progress)
    indices = telling_frames(found.people)
    pictures = []
    for index, picture in zip(indices, frames_at(info, indices), strict=True):
        boxes = [(n, box / found.scale) for n, box in faces_in_frame(found.people, index)]
        drawn = draw_faces(picture, boxes)
        pictures.append(drawn if len(indices) == 1 else as_tile(drawn))
    write_picture(tiled(pictures), output, overwrite=overwrite)
    return [
        {"number": p.number, "frames": int((p.status > 0).sum()), "of": p.n_frames}
        for p in found.people
    ]


def frames_at(info: VideoInfo, indices: Sequence[int]) -> Iterator[np.ndarray]:
    """Frames as RGB uint8 ``[H, W, 3]``, by rising index."""
    size, spans = (info.width, info.height), [range(i, i + 1) for i in indices]
    with FrameReader(info, rgb_size=size, only=spans) as reader:
        for frame in reader:
            yield frame.planes[0]
