"""Avatar clips as files: a video with its sound through ffmpeg, or the speech alone as WAV."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ...errors import UsageError
from ...media.containers import CONTAINERS
from ...media.files import atomic_path, check_output
from ...options import Progress, no_progress
from ..rgb_video import CRF, write_rgb_video, write_wave
from .clip import AvatarClip
from .head import base

SPEECH_SUFFIX = ".wav"
SUFFIXES = (*CONTAINERS, SPEECH_SUFFIX)
MIN_FACE_PX, MAX_SIDE_PX = 16, 4096
_FACE_SHARE, _RIGHT_OF_MIDDLE = 0.84, 0.67
_BLUR_SHARE = 0.05  # of the face's side: how soft the wall around the portrait is


@dataclass(frozen=True)
class Scene:
    """A picture's size and where the square portrait stands in it: on the lower edge.

    The wall behind the person goes on to the left, to the right and above.
    """

    width_px: int = 256
    height_px: int = 256
    face_px: int = 256
    left_px: int = 0

    @classmethod
    def square(cls, size_px: int) -> Scene:
        """The portrait fills the picture."""
        return cls(size_px, size_px, size_px, 0)

    @classmethod
    def wide(cls, width_px: int, height_px: int) -> Scene:
        """The person stands right of the middle, with some room above."""
        face_px = min(width_px, round(_FACE_SHARE * height_px))
        left_px = min(width_px - face_px, round(_RIGHT_OF_MIDDLE * width_px - face_px / 2))
        return cls(width_px, height_px, face_px, max(0, left_px))

    def __post_init__(self) -> None:
        if not MIN_FACE_PX <= self.face_px <= MAX_SIDE_PX:
            raise UsageError(
                f"a portrait is {MIN_FACE_PX} to {MAX_SIDE_PX} pixels wide, got {self.face_px}"
            )
        if self.width_px % 2 or self.height_px % 2:
            raise UsageError(f"a video needs even sides, got {self.width_px}x{self.height_px}")
        if max(self.width_px, self.height_px) > MAX_SIDE_PX:
            raise UsageError(f"a side has at most {MAX_SIDE_PX} pixels")
        inside = 0 <= self.left_px <= self.width_px - self.face_px
        if not inside or self.face_px > self.height_px:
            raise UsageError("the portrait does not fit into the picture")

    @property
    def top_px(self) -> int:
        return self.height_px - self.face_px


def pictures(clip: AvatarClip, scene: Scene) -> Iterator[np.ndarray]:
    """Every frame, uint8 ``[height, width, 3]`` RGB."""
    wall = _wall(clip, scene)
    rows = slice(scene.top_px, scene.height_px)
    columns = slice(scene.left_px, scene.left_px + scene.face_px)
    for i in range(len(clip)):
        picture = wall.copy()
        picture[rows, columns] = clip.frame(i, scene.face_px)
        yield picture


def _wall(clip: AvatarClip, scene: Scene) -> np.ndarray:
    """The portrait's backdrop continued over the whole picture, uint8 ``[height, width, 3]``."""
    backdrop = base(clip.identity, scene.face_px).backdrop
    right = scene.width_px - scene.face_px - scene.left_px
    margins = (scene.top_px, 0, scene.left_px, right)
    # Mirrored, so that it meets the portrait without a step; then out of focus further away.
    wall = cv2.copyMakeBorder(backdrop, *margins, cv2.BORDER_REFLECT)
    if max(margins) == 0:
        return wall
    soft = cv2.GaussianBlur(wall, (0, 0), _BLUR_SHARE * scene.face_px)
    outside = np.ones(wall.shape[:2], np.uint8)
    outside[scene.top_px :, scene.left_px : scene.left_px + scene.face_px] = 0
    far_px = cv2.distanceTransform(outside, cv2.DIST_L2, 5)
    mix = np.minimum(far_px / (2 * _BLUR_SHARE * scene.face_px), 1)[..., None]
    return np.rint(wall * (1 - mix) + soft * mix).astype(np.uint8)


def write_clip(
    clip: AvatarClip,
    output: Path,
    *,
    scene: Scene | None = None,
    crf: int = CRF,
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> Path:
    """Write a clip: ``.wav`` gives the speech alone, ``.mp4``, ``.mov``, ``.m4v``, ``.mkv`` both.

    H.264 4:2:0 and AAC; exactly ``len(clip)`` frames. The file appears when it is complete. Raises
    :class:`UsageError` for a name that cannot be written, :class:`MediaError` if encoding fails.
    """
    if output.suffix.lower() not in SUFFIXES:
        raise UsageError(f"output must end in one of {', '.join(SUFFIXES)}: {output}")
    check_output(output, overwrite=overwrite)
    with atomic_path(output, overwrite=overwrite) as part:
        if output.suffix.lower() == SPEECH_SUFFIX:
            write_wave(clip.wave, clip.sample_rate, part)
        else:
            _write_video(clip, scene or Scene(), crf, part, progress)
    return output


def _write_video(
    clip: AvatarClip, scene: Scene, crf: int, output: Path, progress: Progress
) -> None:
    write_rgb_video(
        pictures(clip, scene),
        (scene.width_px, scene.height_px),
        clip.fps,
        (clip.wave, clip.sample_rate),
        output,
        crf=crf,
        on_frame=lambda done: progress("drawing", done, len(clip)),
    )
