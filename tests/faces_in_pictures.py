"""Drawn people in larger pictures, as video files."""

from __future__ import annotations

import subprocess
import wave
from pathlib import Path

import numpy as np

from cmet_cli.lab.avatar.clip import make_clip
from cmet_cli.media.program import find_ffmpeg

WIDTH, HEIGHT, FACE_PX = 480, 270, 200
SAMPLE_RATE_HZ = 16_000


def write_video(
    path: Path, frames: np.ndarray, rate: str = "25", sound: Path | None = None
) -> Path:
    """Frames uint8 ``[n, H, W, 3]`` RGB (and a sound file) -> a lossless video."""
    height, width = frames.shape[1:3]
    command = [find_ffmpeg(), "-loglevel", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24"]
    command += ["-s", f"{width}x{height}", "-r", rate, "-i", "-"]
    command += ["-i", str(sound), "-c:a", "pcm_s16le"] if sound else []
    command += ["-c:v", "libx264", "-qp", "0", "-pix_fmt", "yuv444p", str(path)]
    subprocess.run(command, input=frames.tobytes(), check=True)
    return path


def neutral_clip(seed: int, n: int):
    return make_clip(
        identity_seed=seed,
        voice_seed=seed,
        emotion="neutral",
        level=1,
        seconds=n / 25,
        seed=seed,
    )


def scene(faces: dict[int, tuple[int, int]], n: int) -> np.ndarray:
    """Drawn people (by identity seed) at places in a plain picture, uint8 ``[n, H, W, 3]``."""
    frames = np.full((n, HEIGHT, WIDTH, 3), 120, np.uint8)
    for seed, (left, top) in faces.items():
        clip = neutral_clip(seed, n)
        for i in range(n):
            frames[i, top : top + FACE_PX, left : left + FACE_PX] = clip.frame(i, FACE_PX)
    return frames


def write_wave(path: Path, samples: np.ndarray) -> Path:
    """float32 ``[n]`` in [-1, 1] at 16 kHz -> a 16-bit WAV."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def scene_with_sound(path: Path, speaker: int, other: int, n: int = 75) -> Path:
    """Two people side by side; the sound is the left one's speech."""
    sound = write_wave(path.with_suffix(".wav"), neutral_clip(speaker, n).wave)
    return write_video(path, scene({speaker: (10, 40), other: (265, 40)}, n), sound=sound)
