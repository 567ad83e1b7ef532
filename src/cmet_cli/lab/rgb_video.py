"""Writing RGB pictures and their sound as a small video of 8 bits, the same one every time."""

from __future__ import annotations

import contextlib
import tempfile
import wave
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

import ffmpeg
import numpy as np

from ..errors import MediaError
from ..media.containers import container_of
from ..media.ffmpeg import FfmpegProcess, file_url

FINISH_TIMEOUT_S = 120.0
CRF, SOUND_RATE = 20, "64k"
_PCM_PEAK = 32767
# A written clip depends on what is in it alone: no dates, no versions, always one encoder thread.
_REPEATABLE = {
    "threads": 1,
    "map_metadata": -1,
    "fflags": "+bitexact",
    "flags": "+bitexact",
}
_COLOUR = (
    "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p,"
    "setparams=range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709"
)


def write_wave(samples: np.ndarray, rate_hz: int, path: Path) -> None:
    """float32 ``[n]`` in -1..1 as 16-bit mono PCM, straight to ``path``."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(np.rint(np.clip(samples, -1, 1) * _PCM_PEAK).astype("<i2").tobytes())


def rgb_argv(
    size: tuple[int, int], fps: Fraction, sound: Path, output: Path, crf: int = CRF
) -> list[str]:
    """ffmpeg arguments: RGB frames of ``size`` (width, height) on stdin and a WAV -> ``output``."""
    frames = ffmpeg.input(
        "pipe:0", f="rawvideo", pix_fmt="rgb24", s=f"{size[0]}x{size[1]}", framerate=str(fps)
    )
    container = container_of(output)
    options = {
        "vf": _COLOUR,
        "c:v": "libx264",
        "preset": "medium",
        "crf": crf,
        "pix_fmt": "yuv420p",
        "fps_mode": "passthrough",
        "c:a": "aac",
        "b:a": SOUND_RATE,
        "f": container,
        **_REPEATABLE,
    }
    if container != "matroska":
        options["movflags"] = "+faststart"
    voice = ffmpeg.input(file_url(sound))
    command = ffmpeg.output(frames["v:0"], voice["a:0"], file_url(output), **options)
    return command.global_args("-y", "-loglevel", "error").get_args()


def write_rgb_video(
    pictures: Iterable[np.ndarray],
    size: tuple[int, int],
    fps: Fraction,
    sound: tuple[np.ndarray, int],
    output: Path,
    *,
    crf: int = CRF,
    on_frame: Callable[[int], None] = lambda done: None,
) -> int:
    """H.264 4:2:0 and AAC, straight to ``output``; -> the number of frames.

    pictures: uint8 ``[height, width, 3]`` each; size: (width, height); sound: float32 ``[n]`` in
    -1..1 and its rate in Hz. Raises :class:`MediaError` if encoding fails.
    """
    done = 0
    with tempfile.TemporaryDirectory(prefix="cmet-") as folder:
        speech = Path(folder) / "speech.wav"
        write_wave(*sound, speech)
        with FfmpegProcess(rgb_argv(size, fps, speech, output, crf), feed=True) as process:
            # A broken pipe only says that ffmpeg has ended; its own words say why.
            with contextlib.suppress(BrokenPipeError):
                for done, picture in enumerate(pictures, start=1):
                    process.stdin.write(np.ascontiguousarray(picture).data)
                    on_frame(done)
                process.stdin.close()
            if process.wait(FINISH_TIMEOUT_S) != 0:
                raise MediaError(f"writing {output.suffix[1:]} failed: {process.last_words}")
    return done
