"""A picture of a video's faces with their numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..errors import MediaError, UsageError
from ..faces.draw import busiest_frame, draw_faces, faces_in_frame
from ..faces.track import select_faces
from ..media.files import check_output
from ..media.pictures import write_picture
from ..media.probe import VideoInfo, probe_video
from ..media.reader import FrameReader
from ..options import Progress, no_progress
from ..weights.folder import find_yunet
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
    found = follow_faces(info, detector, find_yunet(weights_dir), "all", progress)
    people = select_faces(found.tracks, "all")
    index = busiest_frame(people)
    boxes = [(n, box / found.scale) for n, box in faces_in_frame(people, index)]
    write_picture(draw_faces(frame_at(info, index), boxes), output, overwrite=overwrite)
    return [
        {"number": p.number, "frames": int((p.status > 0).sum()), "of": p.n_frames} for p in people
    ]


def frame_at(info: VideoInfo, index: int) -> np.ndarray:
    """One frame as RGB uint8 ``[H, W, 3]``, decoding up to it."""
    with FrameReader(info, rgb_size=(info.width, info.height)) as reader:
        for frame in reader:
            if frame.index == index:
                return frame.planes[0]
    raise MediaError(f"{info.path}: frame {index} could not be decoded again")
