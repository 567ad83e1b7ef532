"""Sound of any container, rate and channel count, as 16 kHz mono float32."""

from __future__ import annotations

from pathlib import Path

import ffmpeg
import numpy as np

from ..errors import MediaError
from .ffmpeg import FfmpegProcess, check_input, file_url
from .mel import SAMPLE_RATE_HZ

SHORTEST_SPEECH_S = 0.2
SILENCE_PEAK = 1e-3  # -60 dBFS: below the noise of any recorded voice
MAX_SPEECH_S = 600.0


def decode_audio(path: Path, what: str = "audio", *, max_s: float | None = None) -> np.ndarray:
    """The first audio stream on the file's own clock: sample 0 is the container's time zero.

    Late starts and gaps are filled with silence. -> float32 ``[n]`` at 16 kHz, mono, nominally in
    [-1, 1]. Raises :class:`UsageError` (missing, empty) or :class:`MediaError` (no sound).
    """
    check_input(path, what)
    options = {"map": "0:a:0", "af": "aresample=async=1:first_pts=0", "f": "f32le"}
    options |= {"ac": 1, "ar": SAMPLE_RATE_HZ} | ({"t": max_s} if max_s else {})
    source = ffmpeg.input(file_url(path))
    command = source.output("pipe:1", **options).global_args("-loglevel", "error")
    with FfmpegProcess(command.get_args()) as process:
        data = process.stdout.read()
        process.wait()
        words, streamless = process.last_words, process.said("matches no streams")
    wave = np.frombuffer(data, "<f4", count=len(data) // 4).copy()
    if wave.size == 0:
        if streamless:
            raise MediaError(f"{path}: has no audio stream")
        raise MediaError(f"{path}: no sound could be decoded ({words})")
    if not np.isfinite(wave).all():
        raise MediaError(f"{path}: the sound holds NaN or infinite samples")
    return wave


def decode_speech(path: Path, what: str = "speech") -> np.ndarray:
    """Like :func:`decode_audio`, and fit to be judged for emotion: long enough and not silent.

    At most ten minutes are read. Raises :class:`MediaError` naming the file.
    """
    wave = decode_audio(path, what, max_s=MAX_SPEECH_S)
    seconds = wave.size / SAMPLE_RATE_HZ
    if seconds < SHORTEST_SPEECH_S:
        raise MediaError(
            f"{path}: only {seconds:.2f} s of sound", f"give at least {SHORTEST_SPEECH_S} s"
        )
    if float(np.abs(wave).max()) < SILENCE_PEAK:
        raise MediaError(f"{path}: silent", "give a recording with a voice in it")
    return wave
