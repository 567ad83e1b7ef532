"""MEAD as it is distributed.

``ID/video.tar`` unpacks to ``ID/video/VIEW/EMOTION/level_N/NNN.mp4`` (seven views, 30 frames a
second, 1920x1080) and ``ID/audio.tar`` to ``ID/audio/EMOTION/level_N/NNN.m4a``. Identities are
called M003, W009 and so on. Only the front view is used, as published; neutral has one level.
"""

from __future__ import annotations

import re
from pathlib import Path

from ..layout import EMOTIONS, VIEW, ClipKey, emotion_levels
from .source import Found, Skipped, SourceClip, files, folders

_IDENTITY = re.compile(r"[MW]\d{3}")
_PLACE = re.compile(
    rf"(?:.*/)?([MW]\d{{3}})/(?:video/)?{VIEW}/([a-z]+)/level_(\d)/(\d{{3}})\.[a-z0-9]+"
)
SOUND_SUFFIXES = (".m4a", ".wav")
LAYOUT = "expected ID/video/front/EMOTION/level_N/NNN.mp4 and ID/audio/EMOTION/level_N/NNN.m4a"


def clip_key(name: str) -> ClipKey | None:
    """The clip that a path names, wherever its tree lies; None for what is no clip of the set."""
    found = _PLACE.fullmatch(name.replace("\\", "/"))
    if found is None:
        return None
    key = ClipKey(found[1], found[2], int(found[3]), int(found[4]))
    known = key.emotion in EMOTIONS and key.level in emotion_levels(key.emotion)
    return key if known else None


def find_mead(root: Path) -> Found:
    """Every front clip under ``root``, whose identities lie in it or one folder further down."""
    clips: list[SourceClip] = []
    skipped: list[Skipped] = []
    for identity in _identities(root):
        found = _of_identity(identity, root)
        clips += found.clips
        skipped += found.skipped
    return Found(tuple(sorted(clips, key=lambda clip: clip.key)), tuple(skipped))


def _identities(root: Path) -> list[Path]:
    inside = list(folders(root))
    found = [p for p in inside if _IDENTITY.fullmatch(p.name)]
    further = [p for q in inside if q not in found for p in folders(q)]
    known = {p.name for p in found}
    for path in further:
        if _IDENTITY.fullmatch(path.name) and path.name not in known:
            found.append(path)
            known.add(path.name)
    return found


def _of_identity(identity: Path, root: Path) -> Found:
    clips: list[SourceClip] = []
    skipped = list(_packed(identity, root))
    video = identity / "video" if (identity / "video").is_dir() else identity
    for view in folders(video):
        if view.name not in (VIEW, "audio", "video"):
            name = view.relative_to(root).as_posix()
            skipped.append(Skipped(name, f"another view than {VIEW}"))
    heard = set()
    for path in files(video / VIEW, "*/*/*.mp4"):
        name = path.relative_to(root).as_posix()
        key = clip_key(f"{identity.name}/{path.relative_to(video).as_posix()}")
        if key is None:
            skipped.append(Skipped(name, "not a clip of MEAD's layout"))
            continue
        sound = _sound(identity, path, key)
        heard.add(sound)
        clips.append(SourceClip(key, name, path, sound))
    for path in files(identity / "audio", "*/*/*.m4a"):
        if path not in heard:
            name = path.relative_to(root).as_posix()
            skipped.append(Skipped(name, "a recording without its video"))
    return Found(tuple(clips), tuple(skipped))


def _packed(identity: Path, root: Path) -> list[Skipped]:
    """Tars whose contents are not there."""
    parts = [p for p in files(identity, "*.tar") if not (identity / p.stem).is_dir()]
    return [
        Skipped(p.relative_to(root).as_posix(), f"not unpacked: tar -xf {p} -C {identity}")
        for p in parts
    ]


def _sound(identity: Path, video: Path, key: ClipKey) -> Path:
    """The recording of a clip; the video itself where there is none."""
    place = identity / "audio" / key.emotion / f"level_{key.level}"
    candidates = [place / f"{video.stem}{suffix}" for suffix in SOUND_SUFFIXES]
    candidates += [video.with_suffix(suffix) for suffix in SOUND_SUFFIXES]
    return next((path for path in candidates if path.is_file()), video)
