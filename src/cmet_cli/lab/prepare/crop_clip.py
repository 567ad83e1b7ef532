"""One clip of a data set as the networks learn from it: a 25 fps face crop and its sound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from ...backends.base import CropSpec
from ...emotion.speech.windows import SILENCE_PEAK
from ...errors import FaceError, MediaError
from ...faces.geometry import Square
from ...media.audio import SAMPLE_RATE_HZ, decode_audio
from ...media.clock import GRID_HZ
from ...media.files import atomic_path
from ...media.probe import VideoInfo, probe_video
from ...media.reader import FrameReader
from ...options import no_progress
from ...pipeline.cropper import Cropper
from ...pipeline.find import FaceMap, follow_faces
from ..layout import SPEECH_SUFFIX, VIDEO_SUFFIX, clip_path
from ..rgb_video import write_rgb_video, write_wave
from .source import SourceClip

#: Quantiser of the crops: they are looked at by networks, and measured.
CROP_CRF = 12
LEAST_SEEN = 0.5  # of the frames must show the face
WHOLE = 0.8  # of the length that a file states must be there
MOST_APART_S = 0.5  # sound and picture of a clip may differ so much in length
SHORTEST_S = 0.2


@dataclass(frozen=True)
class Cropping:
    """How clips are cropped. spec: the network's crop; weights_dir: where YuNet is looked for."""

    spec: CropSpec
    detector: str = "auto"
    weights_dir: Path | None = None


def at_25_fps(info: VideoInfo, *, own_sound: bool) -> VideoInfo:
    """The same video read at 25 frames a second.

    The rate is set in the decoder's own filters, so each frame is picked once, by its time. With
    its own sound a video keeps the file's clock; a recording of its own begins with the first
    frame.
    """
    rate = Fraction(GRID_HZ)
    start = f"fps={GRID_HZ}:start_time=0"
    filters = start if own_sound else f"setpts=PTS-STARTPTS,{start}"
    return replace(info, prefilter=filters, time_base=1 / rate, frame_rate=rate)


def prepare_clip(source: SourceClip, root: Path, cropping: Cropping) -> str:
    """Write a clip's ``.wav`` (16 kHz mono) and ``.mp4`` under ``root``, each whole or not at all.

    -> a remark, empty where there is none. Raises :class:`FaceError`, :class:`MediaError`,
    :class:`UsageError` for a clip that cannot be used; sound first, which tells early.
    """
    video, speech = (clip_path(root, source.key, s) for s in (VIDEO_SUFFIX, SPEECH_SUFFIX))
    wave = _voice(source)
    own = source.sound == source.video
    info = at_25_fps(probe_video(source.video), own_sound=own)
    square = fixed_square(_squares(info, cropping))
    video.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(speech, overwrite=True) as part:
        write_wave(wave, SAMPLE_RATE_HZ, part)
    side_px, rate = cropping.spec.size_px, Fraction(GRID_HZ)
    pictures, sound = crops(info, square, side_px), (wave, SAMPLE_RATE_HZ)
    with atomic_path(video, overwrite=True) as part:
        count = write_rgb_video(pictures, (side_px, side_px), rate, sound, part, crf=CROP_CRF)
    longer_s = len(wave) / SAMPLE_RATE_HZ - count / GRID_HZ
    if abs(longer_s) <= MOST_APART_S:
        return ""
    more = "longer" if longer_s > 0 else "shorter"
    return f"the sound is {abs(longer_s):.1f} s {more} than the picture"


def is_prepared(source: SourceClip, root: Path) -> bool:
    """Whether both files of a clip are there; the video appears last."""
    return all(clip_path(root, source.key, s).is_file() for s in (VIDEO_SUFFIX, SPEECH_SUFFIX))


def _voice(source: SourceClip) -> np.ndarray:
    wave = decode_audio(source.sound, "sound")
    if len(wave) < SHORTEST_S * SAMPLE_RATE_HZ:
        raise MediaError(f"{source.sound}: only {len(wave) / SAMPLE_RATE_HZ:.2f} s of sound")
    if float(np.abs(wave).max()) < SILENCE_PEAK:
        raise MediaError(f"{source.sound}: silent")
    return wave


def _squares(info: VideoInfo, cropping: Cropping) -> np.ndarray:
    """The most prominent face's squares, float32 ``[n, 3]``, NaN where it is not seen."""
    faces: FaceMap = follow_faces(info, cropping.detector, cropping.weights_dir, no_progress)
    if faces.warnings:
        raise MediaError(f"{info.path}: {faces.warnings[0]}")
    shown_s = len(faces.ticks) / GRID_HZ
    if info.duration_s is not None and shown_s < WHOLE * info.duration_s:
        parts = f"{shown_s:.1f} of {info.duration_s:.1f} s could be decoded"
        raise MediaError(f"{info.path}: the video is damaged; {parts}")
    place = faces.choose(None, cropping.spec.calibration).placements[0]
    seen = float(place.present.mean())
    if seen < LEAST_SEEN:
        raise FaceError(f"{info.path}: the face is seen in {seen:.0%} of the frames only")
    return place.squares


def fixed_square(squares: np.ndarray) -> Square:
    """One square for a whole clip: the smallest that holds those of all frames, ``[n, 3]``.

    Published crops are fixed so, and the head moves inside.
    """
    seen = squares[np.isfinite(squares[:, 2])].astype(np.float64)
    half = seen[:, 2:] / 2
    low, high = (seen[:, :2] - half).min(0), (seen[:, :2] + half).max(0)
    cx, cy = (low + high) / 2
    return Square(float(cx), float(cy), float((high - low).max()))


def crops(info: VideoInfo, square: Square, size_px: int) -> Iterator[np.ndarray]:
    """Every frame's crop, uint8 ``[size_px, size_px, 3]`` RGB."""
    cropper = Cropper(info, size_px)
    with FrameReader(info) as reader:
        for frame in reader:
            yield np.rint(np.clip(cropper(frame, square), 0, 255)).astype(np.uint8)
