"""The product on the bench: a video file in, ``EmotionEditor.edit``, the written file read back."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from ...backends.edtalk.crop_calibration import EDTALK_CROP
from ...editor import Emotion, EmotionEditor
from ...faces.blend import head_mask
from ...faces.crop import planes_to_rgb
from ...faces.geometry import Square, crop_to_plane, invert
from ...media.probe import probe_video
from ...media.reader import FrameReader
from ...options import EditOptions
from ...pipeline.encode import encode_crops
from ..avatar.clip import AvatarClip
from .subjects import PICTURE_PX

TOGETHER = 32  # pictures encoded in one call
MASK_MARGIN_PX = 3  # colour planes are half as fine


class Bench:
    """An editor, and the folder in which its inputs and outputs lie."""

    def __init__(self, editor: EmotionEditor, folder: Path) -> None:
        self.editor, self.folder = editor, folder
        self._numbers = itertools.count()

    @property
    def size_px(self) -> int:
        """Side of the pictures that are judged: what the model's own networks see."""
        return self.editor.backend.crop.size_px

    def edit(self, video: Path, emotion: Emotion, options: EditOptions) -> np.ndarray:
        """Edit, read the result back and delete it. uint8 RGB ``[n, H, W, 3]``."""
        output = self.folder / f"edited-{next(self._numbers)}.mkv"
        self.editor.edit(video, emotion, output, options=options)
        pictures = read_pictures(output)
        output.unlink()
        return pictures

    def encode(self, pictures: np.ndarray) -> np.ndarray:
        """Codes that the model reads off whole pictures ``[n, S, S, 3]`` of its own size."""
        crops = list(pictures.astype(np.float32))
        starts, backend = range(0, len(crops), TOGETHER), self.editor.backend
        return np.concatenate([encode_crops(crops[i : i + TOGETHER], backend) for i in starts])

    def reduced(self, pictures: np.ndarray) -> np.ndarray:
        """Pictures brought to the judge's size by area means. uint8 ``[n, S, S, 3]``."""
        size = (self.size_px, self.size_px)
        return np.stack([cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in pictures])

    def drawn(self, clip: AvatarClip, at: Sequence[int]) -> np.ndarray:
        """The drawings of some frames as the world knows them, at the judge's size."""
        return self.reduced(np.stack([clip.frame(i, PICTURE_PX) for i in at]))


def read_pictures(video: Path) -> np.ndarray:
    """Every frame of a file, uint8 RGB ``[n, H, W, 3]``."""
    info = probe_video(video)
    with FrameReader(info) as reader:
        return np.stack([planes_to_rgb(frame.planes, info) for frame in reader])


def outside_face(codes: Path, crop_px: int, side_px: int) -> np.ndarray:
    """Pixels that an edit has no business with: bool ``[n, side_px, side_px]``.

    codes: the edit's ``--save-codes``, which say where the face is; crop_px: the backend's size.
    """
    with np.load(codes) as file:
        squares, heads = file["square"].tolist(), file["head"].tolist()
    wider = np.ones((2 * MASK_MARGIN_PX + 1,) * 2, np.uint8)
    flags, masks = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, []
    for square, head in zip(squares, heads, strict=True):
        to_crop = invert(crop_to_plane(Square(*square), crop_px, 1, 1))
        mask = head_mask(crop_px, EDTALK_CROP.face, *head)
        face = cv2.warpAffine(mask, to_crop, (side_px, side_px), flags=flags)
        masks.append(cv2.dilate((face > 0).astype(np.uint8), wider) == 0)
    return np.stack(masks)
