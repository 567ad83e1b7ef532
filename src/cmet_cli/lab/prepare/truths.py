"""Which clip is the truth of an edit: the same person saying the same sentence with an emotion."""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...media.audio import decode_audio
from ...media.files import atomic_path
from ...options import Progress
from ..layout import COMMON_SENTENCES, SPEECH_SUFFIX, ClipKey, clip_path, published_sentences
from .content import fingerprint, same_sentences
from .edits import NEUTRAL, Truths

CONTENT_FILE = "content.json"
_SHIFT = 10  # neutral has ten sentences more than the others, ahead of the generic ones


@dataclass(frozen=True)
class Content:
    """What comparing the recordings told of MEAD's numbers.

    truths: by the recordings; agree: how many have the number that the published order gives them;
    renumbered: those found at another one; unmatched: published sentences of a folder whose clip
    could not be told for sure, and which have no truth.
    """

    truths: Truths
    agree: int = 0
    renumbered: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()


def truths_by_name(keys: Collection[ClipKey]) -> Truths:
    """Where names can be relied on."""
    known = set(keys)
    return {
        (neutral, key.emotion, key.level): key
        for key in known
        if key.emotion != NEUTRAL
        and (neutral := ClipKey(key.identity, NEUTRAL, 1, key.sentence)) in known
    }


def number_of(neutral: ClipKey) -> int:
    """The number under which the published order has a neutral sentence among an emotion's."""
    n = neutral.sentence
    return n if n in COMMON_SENTENCES else n - _SHIFT


def truths_by_content(root: Path, keys: Collection[ClipKey], progress: Progress) -> Content:
    """By what is said in the recordings under ``root``; what is in doubt has no truth.

    Neutral numbers are relied on (they agree between speakers). The comparison is kept in
    ``content.json``, for as long as the recordings are the same.
    """
    if not keys:
        return Content({})
    folders: dict[tuple[str, str, int], list[ClipKey]] = {}
    for key in sorted(keys):
        folders.setdefault((key.identity, key.emotion, key.level), []).append(key)
    digest, path = _digest(root, keys), root / CONTENT_FILE
    found = _kept(path, digest)
    if found is None:
        found = _compare(root, folders, progress)
        with atomic_path(path, overwrite=True) as part:
            part.write_text(json.dumps({"digest": digest, "same": found}), encoding="utf-8")
    by_name = {str(key): key for key in keys}
    same = [(by_name[neutral], by_name[clip]) for neutral, clip in found]
    return _told(same, folders)


def _compare(
    root: Path, folders: dict[tuple[str, str, int], list[ClipKey]], progress: Progress
) -> list[list[str]]:
    """Pairs (neutral clip, clip) of one sentence, by their names."""
    found: list[list[str]] = []
    texts: dict[str, tuple[list[ClipKey], list[np.ndarray]]] = {}
    for done, ((identity, emotion, _), clips) in enumerate(sorted(folders.items()), start=1):
        if emotion != NEUTRAL:
            if identity not in texts:
                neutral = folders.get((identity, NEUTRAL, 1), [])
                texts[identity] = neutral, _fingerprints(root, neutral)
            neutral, known = texts[identity]
            pairs = same_sentences(known, _fingerprints(root, clips))
            found += [[str(neutral[i]), str(clips[k])] for i, k in pairs]
        progress("comparing sentences", done, len(folders))
    return found


def _fingerprints(root: Path, keys: Collection[ClipKey]) -> list[np.ndarray]:
    return [fingerprint(decode_audio(clip_path(root, key, SPEECH_SUFFIX))) for key in keys]


def _told(
    same: list[tuple[ClipKey, ClipKey]], folders: dict[tuple[str, str, int], list[ClipKey]]
) -> Content:
    truths = {(neutral, clip.emotion, clip.level): clip for neutral, clip in same}
    agree, renumbered, unmatched = 0, [], []
    published = published_sentences(NEUTRAL)
    for neutral, clip in same:
        if neutral.sentence in published and clip.sentence == number_of(neutral):
            agree += 1
        elif neutral.sentence in published:
            renumbered.append(
                f"{clip} says what {neutral} does, which is {number_of(neutral):03d} as published"
            )
    for identity, emotion, level in sorted(folders):
        wanted = [] if emotion == NEUTRAL else folders.get((identity, NEUTRAL, 1), [])
        for neutral in wanted:
            if (neutral, emotion, level) in truths:
                continue
            if neutral.sentence in published:
                unmatched.append(
                    f"{identity}/{emotion}/level_{level}: none says what {neutral} does"
                )
    return Content(truths, agree, tuple(renumbered), tuple(unmatched))


def _digest(root: Path, keys: Collection[ClipKey]) -> int:
    """Changes where a recording does."""
    parts = []
    for key in sorted(keys):
        status = clip_path(root, key, SPEECH_SUFFIX).stat()
        parts.append(f"{key} {status.st_size} {status.st_mtime_ns}")
    return zlib.crc32("\n".join(parts).encode())


def _kept(path: Path, digest: int) -> list[list[str]] | None:
    try:
        kept = json.loads(path.read_text("utf-8"))
        return [list(map(str, pair)) for pair in kept["same"]] if kept["digest"] == digest else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
