"""Small MEAD and CREMA-D trees as they are distributed, of drawn people."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np

from cmet_cli.lab.avatar.clip import AvatarClip, make_clip
from cmet_cli.lab.avatar.clip_writer import Scene, pictures, write_clip
from cmet_cli.lab.rgb_video import write_wave
from cmet_cli.media.program import find_ffmpeg

SECONDS = 1.2
SCENE = Scene.wide(128, 96)
MEAD_FPS, CREMA_FPS = Fraction(30), Fraction(30000, 1001)


def drawn(person: int, emotion: str, level: int, text: int, fps: Fraction) -> AvatarClip:
    """text: which sentence is said."""
    return make_clip(
        identity_seed=person,
        voice_seed=person,
        emotion=emotion,
        level=level,
        seconds=SECONDS,
        fps=fps,
        seed=1000 * person + text,
    )


def ffmpeg(*arguments: object) -> None:
    command = [find_ffmpeg(), "-hide_banner", "-loglevel", "error", "-y"]
    subprocess.run([*command, *map(str, arguments)], check=True, timeout=60)


def write_mead(root: Path, name: str, person: int, clips: dict[str, int]) -> None:
    """clips: place (``angry/level_1/001``) -> the sentence that is said there."""
    for place, text in clips.items():
        emotion, level, _ = place.split("/")
        clip = drawn(person, emotion, int(level[-1]), text, MEAD_FPS)
        video = root / name / "video" / "front" / f"{place}.mp4"
        sound = root / name / "audio" / f"{place}.m4a"
        for path in (video, sound):
            path.parent.mkdir(parents=True, exist_ok=True)
        whole = write_clip(clip, root / "whole.mp4", scene=SCENE, overwrite=True)
        ffmpeg("-i", whole, "-an", "-c", "copy", video, "-vn", "-c:a", "copy", sound)
        whole.unlink()


def write_crema(root: Path, names: dict[str, int]) -> None:
    """names: ``1001_DFA_ANG_XX`` -> the sentence that is said there."""
    emotions = {"ANG": "angry", "HAP": "happy", "NEU": "neutral", "SAD": "sad"}
    levels = {"LO": 1, "MD": 2, "HI": 3, "XX": 2}
    (root / "VideoFlash").mkdir(parents=True, exist_ok=True)
    (root / "AudioWAV").mkdir(exist_ok=True)
    for name, text in names.items():
        actor, _, emotion, level = name.split("_")
        level_number = 1 if emotion == "NEU" else levels[level]
        clip = drawn(int(actor), emotions[emotion], level_number, text, CREMA_FPS)
        whole = write_clip(clip, root / "whole.mp4", scene=SCENE, overwrite=True)
        flash = root / "VideoFlash" / f"{name}.flv"
        ffmpeg("-i", whole, "-c:v", "flv", "-q:v", 3, "-c:a", "aac", flash)
        write_wave(clip.wave, clip.sample_rate, root / "AudioWAV" / f"{name}.wav")
        whole.unlink()


def drawn_frames(clip: AvatarClip) -> np.ndarray:
    """Every frame as it was drawn, uint8 ``[n, h, w, 3]``."""
    return np.stack(list(pictures(clip, SCENE)))
