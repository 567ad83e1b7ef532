"""Lip codes from the sound, and which of several faces they belong to."""

from __future__ import annotations

import numpy as np

from ..backends.base import Backend
from ..errors import MediaError
from ..media.audio import decode_audio
from ..media.clock import Timeline, sound_on_grid
from ..media.mel import SAMPLE_RATE_HZ
from ..media.probe import VideoInfo
from ..options import Lips


def lips_from_sound(
    info: VideoInfo, timeline: Timeline, choice: Lips, backend: Backend
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Lip codes per frame ``[n, layout.lip]`` (None: from the picture), and warnings."""
    if choice == "video" or not info.audio_streams:
        return None, ()
    try:
        wave = decode_audio(info.path, "video")
    except MediaError as error:
        return None, (f"lips follow the picture: {error.message}",)
    wave = sound_on_grid(wave, timeline, SAMPLE_RATE_HZ)
    return timeline.from_grid(backend.lips(wave)), ()
