"""Named protocols: the same figures by the same rules, so that they may be compared.

``authors``: as the evaluation code of C-MET has it (FID a pair of videos, then the mean; FVD on 15
frames of every clip, evenly taken; accuracy by the mean logits of 16 frames; sync of the edited
video with the source's sound; the mean time an edit takes). ``pooled``: FID over all frames of all
clips, FVD over all their windows of 16 frames; the rest alike.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UsageError
from ..media.ffmpeg import check_input
from ..options import ProtocolName
from .frechet import Cloud, frechet_distance
from .judged import Judged
from .networks.expression import ExpressionJudge
from .networks.load import Networks
from .pairs import MOST_BYTES
from .pictures import FacePictures, uniformly

FVD_FRAMES, FVD_WINDOW = 15, 16

#: The paper's own row (C-MET, CVPR 2026, table 1): AITV in seconds, accuracy in per cent.
_COLUMNS = ("aitv_s", "fid", "fvd", "sync_c", "accuracy")
PAPER: Mapping[str, Mapping[str, float]] = {
    "MEAD": dict(zip(_COLUMNS, (2.643, 90.804, 329.862, 7.9996, 55.91), strict=True)),
    "CREMA-D": dict(zip(_COLUMNS, (1.561, 50.028, 309.828, 6.2887, 43.47), strict=True)),
}
ABOUT: Mapping[ProtocolName, Mapping[str, str]] = {
    "authors": {
        "fid": "Inception, of a pair of videos, the mean over pairs",
        "fvd": f"I3D, {FVD_FRAMES} frames of every clip, evenly taken",
        "accuracy": "per cent named as asked, by the mean logits of 16 frames",
        "sync_c": "SyncNet, edited lips with the source's sound, the mean over clips",
        "sync_d": "the same: distance",
        "identity": "SFace, cosine of 16 frames before and after, the mean over clips",
        "aitv_s": "mean time an edit took, the first one left out",
    },
    "pooled": {
        "fid": "Inception, all frames of all clips together",
        "fvd": f"I3D, all windows of {FVD_WINDOW} frames of all clips together",
    },
}
ONLY_AUTHORS_COMPARE = "Only figures by the protocol 'authors' compare with the paper's row."


def about(protocol: ProtocolName, figure: str) -> str:
    """What a figure is under a protocol, in one line."""
    return ABOUT[protocol].get(figure) or ABOUT["authors"][figure]


@dataclass(frozen=True)
class ProtocolReport:
    """figures: what could be measured; per_class: emotion -> (named as asked, clips); reference:
    how many clips were compared with a true take, and how many with their own input."""

    protocol: ProtocolName
    clips: int
    figures: Mapping[str, float]
    per_class: Mapping[str, tuple[int, int]]
    reference: Mapping[str, int]
    classifier: str
    machine: str
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "protocol": self.protocol,
            "clips": self.clips,
            "figures": {k: round(v, 6) for k, v in self.figures.items()},
            "about": {name: about(self.protocol, name) for name in self.figures},
            "per_class": {k: {"right": r, "of": n} for k, (r, n) in self.per_class.items()},
            "reference": dict(self.reference),
            "classifier": self.classifier,
            "machine": self.machine,
            "paper": {k: dict(v) for k, v in PAPER.items()},
            "notes": list(self.notes),
        }


@dataclass
class Protocol:
    """Takes go in one by one. networks: those that are here; machine: named beside times."""

    name: ProtocolName
    networks: Networks
    machine: str
    _clips: int = 0
    _fid: list[float] = field(default_factory=list)
    _pictures: tuple[Cloud, Cloud] = field(default_factory=lambda: (Cloud(), Cloud()))
    _videos: tuple[Cloud, Cloud] = field(default_factory=lambda: (Cloud(), Cloud()))
    _classes: dict[str, list[bool]] = field(default_factory=dict)
    _values: dict[str, list[float]] = field(default_factory=dict)
    _reference: dict[str, int] = field(default_factory=lambda: {"truth": 0, "input": 0})
    _unknown: int = 0

    def add(
        self,
        edited: FacePictures,
        reference: FacePictures,
        emotion: str,
        judged: Judged,
        *,
        truth: bool,
    ) -> None:
        """edited beside reference: the true take, or (``truth=False``) its own input; emotion: the
        name that was asked for."""
        self._clips += 1
        self._reference["truth" if truth else "input"] += 1
        self._add_pictures(edited.faces, reference.faces)
        self._add_videos(edited.faces, reference.faces)
        for name in ("sync_c", "sync_d", "identity"):
            if not math.isnan(value := judged.values.get(name, math.nan)):
                self._values.setdefault(name, []).append(value)
        judge = self.networks.expression
        if judge is not None and judged.logits is not None and emotion:
            self._name(judge, judged.logits, emotion)

    def _add_pictures(self, *sides: np.ndarray) -> None:
        if self.networks.pictures is None or not all(map(len, sides)):
            return
        features = [self.networks.pictures(side) for side in sides]
        clouds = self._pictures if self.name == "pooled" else (Cloud(), Cloud())
        for cloud, found in zip(clouds, features, strict=True):
            cloud.add(found)
        if self.name == "authors":
            self._fid.append(frechet_distance(*clouds))

    def _add_videos(self, *sides: np.ndarray) -> None:
        if self.networks.videos is None:
            return
        for cloud, pictures in zip(self._videos, sides, strict=True):
            if self.name == "authors":
                clips = [uniformly(pictures, FVD_FRAMES)]
            else:
                starts = range(0, len(pictures) - FVD_WINDOW + 1, FVD_WINDOW)
                clips = [pictures[start : start + FVD_WINDOW] for start in starts]
            found = [self.networks.videos(clip) for clip in clips]
            rows = [row for row in found if row is not None]
            if rows:
                cloud.add(np.stack(rows))

    def _name(self, judge: ExpressionJudge, logits: np.ndarray, emotion: str) -> None:
        if judge.knows(emotion):
            self._classes.setdefault(emotion, []).append(judge.named(logits) == emotion)
        else:
            self._unknown += 1

    def report(self, edit_times_s: list[float] | None = None) -> ProtocolReport:
        """edit_times_s: how long each edit took, where that is known; the first warmed up."""
        figures = dict[str, float]()
        pairs = [value for value in self._fid if not math.isnan(value)]
        if self.name == "pooled" and self.networks.pictures is not None:
            figures["fid"] = frechet_distance(*self._pictures)
        elif pairs:
            figures["fid"] = float(np.mean(pairs))
        if self.networks.videos is not None:
            figures["fvd"] = frechet_distance(*self._videos)
        named = [right for found in self._classes.values() for right in found]
        if named:
            figures["accuracy"] = 100 * float(np.mean(named))
        figures |= {name: float(np.mean(values)) for name, values in self._values.items()}
        if edit_times_s and len(edit_times_s) > 1:
            figures["aitv_s"] = float(np.mean(edit_times_s[1:]))
        judge = self.networks.expression
        return ProtocolReport(
            self.name,
            self._clips,
            {name: value for name, value in figures.items() if not math.isnan(value)},
            {name: (sum(found), len(found)) for name, found in sorted(self._classes.items())},
            self._reference,
            judge.name if judge is not None else "",
            self.machine,
            tuple(self._notes(edit_times_s)),
        )

    def _notes(self, edit_times_s: list[float] | None) -> list[str]:
        notes = [ONLY_AUTHORS_COMPARE]
        if self.networks.missing:
            notes.append(f"not here, so not measured: {', '.join(self.networks.missing)}")
        if self._unknown:
            notes.append(f"{_clips(self._unknown)} asked for what the classifier has no class for")
        if self._reference["input"]:
            notes.append(
                f"{_clips(self._reference['input'])} without a true take (column truth): compared "
                "with the input by FID and FVD"
            )
        if min(cloud.n for cloud in self._videos) < 2 and self.networks.videos is not None:
            notes.append("FVD needs two clips or more, of nine frames or more")
        if edit_times_s:
            notes.append("the edits were timed where they were made, which need not be here")
        if not edit_times_s:
            notes.append("AITV needs the times of the edits: --timings report.csv of a batch")
        elif len(edit_times_s) < 2:
            notes.append("AITV needs the times of two edits or more: the first is left out")
        return notes


def _clips(count: int) -> str:
    return "1 clip" if count == 1 else f"{count} clips"


def read_times(path: Path) -> list[float]:
    """``edit_s`` (of reports before that column, ``elapsed_s``) of the rows done, in the order of
    ``report.csv`` of ``cmet batch``. Raises :class:`UsageError`."""
    check_input(path, "table of times", MOST_BYTES)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            rows = list(table)
            names = set(table.fieldnames or ())
            column = "edit_s" if "edit_s" in names else "elapsed_s"
            if not {"status", column} <= names:
                raise ValueError("it has no columns status and edit_s")
        times = [float(row[column]) for row in rows if row["status"] == "done"]
        if not all(0 < value < math.inf for value in times):
            raise ValueError("a time is no time")
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, ValueError, TypeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{path}: not the report.csv of a batch ({reason})"[:300]) from error
    if not times:
        raise UsageError(f"{path}: no row of it is done")
    return times
