"""The edits that a data set is evaluated by, as tables for ``cmet batch`` and ``cmet evaluate``.

A neutral clip of a test identity is edited to each other emotion that the identity shows, at each
level, by the difference of its emotional and its neutral speech: up to ten recordings a side, as
published. The clip of the same sentence with that emotion, where one is known, is the truth; its
own recording is not among those that are heard.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from ...errors import UsageError
from ...media.ffmpeg import check_input
from ...media.files import atomic_path
from ..layout import SPEECH_SUFFIX, VIDEO_SUFFIX, ClipKey

NEUTRAL = "neutral"
HEARD = 10
EDITS_FILE, PAIRS_FILE = "edits.csv", "pairs.csv"
OUTPUTS = "edits_out"  # where `cmet batch edits.csv` puts them by itself
MOST_ROWS, MOST_BYTES = 100_000, 64 << 20


@dataclass(frozen=True)
class Edit:
    """source: the neutral clip; truth: the same sentence acted with the emotion, if it is known."""

    source: ClipKey
    emotion: str
    level: int
    truth: ClipKey | None = None

    @property
    def name(self) -> str:
        source = self.source
        return f"{source.identity}_{source.sentence:03d}_{self.emotion}_{self.level}{VIDEO_SUFFIX}"


#: (neutral clip, emotion, level) -> the clip that says the same sentence.
Truths = Mapping[tuple[ClipKey, str, int], ClipKey]


def shown_levels(keys: Iterable[ClipKey]) -> dict[str, list[tuple[str, int]]]:
    """Each identity's emotions and levels but neutral, in order."""
    shown: dict[str, set[tuple[str, int]]] = {}
    for key in keys:
        if key.emotion != NEUTRAL:
            shown.setdefault(key.identity, set()).add((key.emotion, key.level))
    return {identity: sorted(levels) for identity, levels in shown.items()}


def every_edit(keys: Collection[ClipKey], truths: Truths, *, only_true: bool = False) -> list[Edit]:
    """Every neutral clip among ``keys`` to everything else that its identity shows there.

    only_true: just those whose truth is known.
    """
    shown = shown_levels(keys)
    edits = [
        Edit(source, emotion, level, truths.get((source, emotion, level)))
        for source in sorted(key for key in keys if key.emotion == NEUTRAL)
        for emotion, level in shown.get(source.identity, [])
    ]
    return [edit for edit in edits if edit.truth is not None or not only_true]


def read_edit_list(table: Path) -> list[tuple[str, str]]:
    """The rows of a published table of edits: paths of the neutral clip and of the truth.

    Raises :class:`UsageError` for a file that is no such table.
    """
    source, truth = "source_video_path", "gt_video_path"
    check_input(table, "table of edits", MOST_BYTES)
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if not {source, truth} <= set(reader.fieldnames or ()):
                raise UsageError(f"{table}: the columns {source} and {truth} are needed")
            rows = [(row[source] or "", row[truth] or "") for row in islice(reader, MOST_ROWS + 1)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"table of edits cannot be read: {table} ({reason})") from error
    if not 0 < len(rows) <= MOST_ROWS:
        raise UsageError(f"{table}: {len(rows)} rows; 1 to {MOST_ROWS} are expected")
    return rows


def listed_edits(
    rows: Iterable[tuple[str, str]],
    key_of: Callable[[str], ClipKey | None],
    keys: Collection[ClipKey],
    truths: Truths,
) -> tuple[list[Edit], list[str]]:
    """The edits of a published table, and its rows that are left out, and why.

    What a row names as truth decides emotion and level; which clip it is, ``truths`` says.
    """
    shown, edits, left_out = shown_levels(keys), dict[str, Edit](), []
    for source_name, truth_name in rows:
        source, wanted = key_of(source_name), key_of(truth_name)
        if source is None or wanted is None or source.emotion != NEUTRAL:
            left_out.append(f"{source_name} -> {truth_name}: not a neutral clip and its emotion")
        elif source not in keys:
            left_out.append(f"{source} -> {wanted}: the neutral clip is not there")
        elif (wanted.emotion, wanted.level) not in shown.get(source.identity, []):
            left_out.append(f"{source} -> {wanted}: nothing of that emotion and level is there")
        else:
            at = (source, wanted.emotion, wanted.level)
            edit = Edit(*at, truths.get(at))
            edits.setdefault(edit.name, edit)
    return list(edits.values()), left_out


def write_edits(
    root: Path, edits: Sequence[Edit], keys: Collection[ClipKey]
) -> tuple[list[Edit], list[str]]:
    """Write both tables under ``root``; -> what they hold, and what is left out and why."""
    rows, pairs, written, left_out = [], [], list[Edit](), list[str]()
    for edit in edits:
        emotional, neutral = speech_of(edit, keys)
        if not emotional or not neutral:
            left_out.append(f"{edit.name}: no other recording to hear the emotion from")
            continue
        written.append(edit)
        rows.append(
            {
                "video": f"{edit.source}{VIDEO_SUFFIX}",
                "emotion_audio": _speech(emotional),
                "neutral_audio": _speech(neutral),
                "output": edit.name,
                "face_detector": "none",  # they are crops already
            }
        )
        pairs.append(
            {
                "before": f"{edit.source}{VIDEO_SUFFIX}",
                "after": f"{OUTPUTS}/{edit.name}",
                "emotion": edit.emotion,
                "level": str(edit.level),
                "truth": "" if edit.truth is None else f"{edit.truth}{VIDEO_SUFFIX}",
            }
        )
    write_table(root / EDITS_FILE, rows)
    write_table(root / PAIRS_FILE, pairs)
    return written, left_out


def speech_of(edit: Edit, keys: Collection[ClipKey]) -> tuple[list[ClipKey], list[ClipKey]]:
    """Emotional and neutral recordings of the edit's person, up to ten each, always the same ones.

    Of the emotion's level where there are any, else of all its levels; the truth is
    not among them, nor is the source, unless there is no other neutral one.
    """
    own = sorted(key for key in keys if key.identity == edit.source.identity)
    emotional = [key for key in own if key.emotion == edit.emotion and key != edit.truth]
    emotional = [key for key in emotional if key.level == edit.level] or emotional
    neutral = [key for key in own if key.emotion == NEUTRAL]
    neutral = [key for key in neutral if key != edit.source] or neutral
    rng = np.random.default_rng(zlib.crc32(edit.name.encode()))
    return _some(rng, emotional), _some(rng, neutral)


def _some(rng: np.random.Generator, keys: list[ClipKey]) -> list[ClipKey]:
    chosen = rng.permutation(len(keys))[:HEARD]
    return [keys[i] for i in sorted(chosen)]


def _speech(keys: Iterable[ClipKey]) -> str:
    return ";".join(f"{key}{SPEECH_SUFFIX}" for key in keys)


def write_table(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """A CSV file, whole or not at all; no rows, no file."""
    if not rows:
        path.unlink(missing_ok=True)
        return
    with (
        atomic_path(path, overwrite=True) as part,
        part.open("w", encoding="utf-8", newline="") as file,
    ):
        table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
