"""CREMA-D as it is distributed.

``VideoFlash/1001_IEO_ANG_HI.flv`` (29.97 frames a second, 480x360) and ``AudioWAV/`` of the same
names: actor, sentence, emotion, level. Kept by Git LFS, which leaves small pointers where nothing
was fetched.
"""

from __future__ import annotations

import re
from pathlib import Path

from ..layout import ClipKey
from .source import Found, Skipped, SourceClip, files, folders, is_pointer

#: The twelve sentences in the order of the paper; their numbers in the layout are 1 to 12.
SENTENCES = ("IEO", "TIE", "IOM", "IWW", "TAI", "MTI", "IWL", "ITH", "DFA", "ITS", "WSI", "TSI")
EMOTIONS = {
    "ANG": "angry",
    "DIS": "disgusted",
    "FEA": "fear",
    "HAP": "happy",
    "NEU": "neutral",
    "SAD": "sad",
}
#: XX: no level was asked for. Its place in the layout is the middle one (neutral has one alone).
LEVELS = {"LO": 1, "MD": 2, "HI": 3, "XX": 2, "X": 2}
VIDEO, SOUND = "VideoFlash", "AudioWAV"
#: Clips known to be of no use, and why.
KNOWN_BAD = {"1076_MTI_SAD_XX": "its recording is silent"}
LAYOUT = f"expected {VIDEO}/1001_DFA_ANG_XX.flv and {SOUND}/1001_DFA_ANG_XX.wav"
_NAME = re.compile(r"(\d{4})_([A-Z]{3})_([A-Z]{3})_(LO|MD|HI|XX?)")


def clip_key(name: str) -> ClipKey | None:
    """The clip that a path names, by its last part; None for what is no clip of the set."""
    found = _NAME.fullmatch(Path(name.replace("\\", "/")).stem)
    if found is None or found[2] not in SENTENCES or found[3] not in EMOTIONS:
        return None
    emotion = EMOTIONS[found[3]]
    level = 1 if emotion == "neutral" else LEVELS[found[4]]
    return ClipKey(found[1], emotion, level, SENTENCES.index(found[2]) + 1)


def find_crema_d(root: Path) -> Found:
    """Every clip under ``root``, whose ``VideoFlash`` lies in it or one folder further down."""
    tree = next((p for p in (root, *folders(root)) if (p / VIDEO).is_dir()), root)
    clips: dict[ClipKey, SourceClip] = {}
    skipped: list[Skipped] = []
    for path in (p for suffix in ("flv", "mp4") for p in files(tree / VIDEO, f"*.{suffix}")):
        name, key = path.relative_to(root).as_posix(), clip_key(path.name)
        why = KNOWN_BAD.get(path.stem, "")
        sound = _sound(tree, path)
        if key is None:
            why = "not a clip of CREMA-D by its name"
        elif is_pointer(path) or is_pointer(sound):
            why = "a Git LFS pointer, not the file: run `git lfs pull` in the repository"
        elif key in clips:
            why = f"takes the same place as {clips[key].name}"
        if key is None or why:
            skipped.append(Skipped(name, why))
        else:
            clips[key] = SourceClip(key, name, path, sound)
    for path in files(tree / SOUND, "*.wav"):
        if not any((tree / VIDEO / f"{path.stem}.{suffix}").is_file() for suffix in ("flv", "mp4")):
            name = path.relative_to(root).as_posix()
            skipped.append(Skipped(name, "a recording without its video"))
    return Found(tuple(clips[key] for key in sorted(clips)), tuple(skipped))


def _sound(tree: Path, video: Path) -> Path:
    """The recording of a clip; the video itself where there is none."""
    path = tree / SOUND / f"{video.stem}.wav"
    return path if path.is_file() else video
