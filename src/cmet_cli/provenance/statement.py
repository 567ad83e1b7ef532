"""What was done to a video, in plain values: the same for a signed manifest and a sidecar."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .._version import __version__
from ..asking import Wanted, in_words
from ..errors import UsageError
from ..log import log
from ..media.audio import split_stretch
from ..media.ffmpeg import check_input
from ..model import Model
from ..options import SIDECAR_SUFFIX, EditOptions
from ..pipeline.codes import FaceEdit
from ..weights.digests import file_digests
from ..weights.record import sha256_of

NOTICE = "Synthetic edit made with cmet; not an original recording."
#: Digital source type of IPTC's vocabulary that C2PA asks for.
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
#: What every statement says, and as what.
FIELDS: Mapping[str, tuple[type, ...]] = {
    "notice": (str,),
    "prompt": (str,),
    "intensity": (int, float),
    "edited_s": (list,),
}
#: Larger or deeper than any statement: an hour with every other frame edited is 1.4 MB.
MOST_BYTES, MOST_LEVELS = 16 << 20, 16


@dataclass(frozen=True)
class Done:
    """A finished edit. original: the file it was made from."""

    original: Path
    wanted: Wanted
    options: EditOptions
    edits: Sequence[FaceEdit]
    times_s: np.ndarray
    model: Model


def statement(done: Done) -> dict[str, Any]:
    """What was done, by what, to what, when in the clip."""
    options = done.options
    # A rendering is shown whether or not it differs from what was filmed.
    drawn = options.detail == "render" or options.identity_image is not None
    said: dict[str, Any] = {
        "notice": NOTICE,
        "tool": {"name": "cmet", "version": __version__, "method": "C-MET (CVPR 2026)"},
        "original": _file(done.original),
        "models": {"name": done.model.backend.name, "sha256": file_digests(done.model.weights)},
        "prompt": as_text(in_words(done.wanted)),
        "intensity": options.intensity,
        "edited_s": [list(span) for span in edited_spans(done.edits, done.times_s, drawn=drawn)],
    }
    if options.speech is not None:
        said["speech_replaced_by"] = _file(split_stretch(options.speech)[0])
    if options.identity_image is not None:
        said["identity_image"] = _file(options.identity_image)
    return said


def _file(path: Path) -> dict[str, str]:
    return {"file": as_text(path.name), "sha256": sha256_of(path)}


def as_text(name: str) -> str:
    """What of a file's name is text: UTF-8 and C2PA take nothing else."""
    return name.encode("utf-8", "replace").decode("utf-8")


def edited_spans(
    edits: Sequence[FaceEdit], times_s: np.ndarray, *, drawn: bool = False
) -> list[tuple[float, float]]:
    """Stretches in which any face was changed: from the first frame to the end of the last, in
    seconds. drawn: faces are drawn where no code changes, too."""
    changed = np.zeros(len(times_s), bool)
    for edit in edits:
        moved = np.any(edit.codes != edit.face.codes, axis=1)
        changed |= (edit.face.placement.weights > 0) & (moved | drawn)
    step_s = float(np.median(np.diff(times_s))) if len(times_s) > 1 else 0.04
    ends_s = np.append(times_s[1:], times_s[-1] + step_s)
    spans: list[tuple[float, float]] = []
    for index in np.flatnonzero(changed):
        start_s, end_s = (round(float(t[index]), 3) for t in (times_s, ends_s))
        if spans and index and changed[index - 1]:
            start_s = spans.pop()[0]
        spans.append((start_s, end_s))
    return spans


def sidecar_of(output: Path) -> Path:
    return output.with_name(output.name + SIDECAR_SUFFIX)


def write_sidecar(said: dict[str, Any], result: Path, sidecar: Path) -> None:
    """The statement beside a result. Both under the names that they have now."""
    whole = {**said, "result": {"sha256": sha256_of(result)}}
    sidecar.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", "utf-8")


def read_sidecar(
    result: Path, told: Callable[[str], None] = log.warning
) -> tuple[dict[str, Any], bool] | None:
    """The statement beside a file, and whether the file is the one it speaks of; None without.

    told: gets a line where there is one that cannot be read, which is as good as none.
    """
    path = sidecar_of(result)
    if not os.path.lexists(path):
        return None
    try:
        check_input(path, "sidecar", MOST_BYTES)
        said = json.loads(path.read_text("utf-8"))
        if not is_statement(said):
            raise ValueError("not a statement of cmet")
        return said, said["result"]["sha256"] == sha256_of(result)
    except UsageError as error:
        told(f"{error.message}; taken as none")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        told(f"sidecar cannot be read: {path} ({reason}); taken as none"[:300])
    return None


def is_statement(said: Any) -> bool:
    """Whether what a file says has the form of a statement: anybody may have written it."""
    if not isinstance(said, dict) or not _shallow(said, MOST_LEVELS):
        return False
    if not all(type(said.get(name)) in kinds for name, kinds in FIELDS.items()):
        return False
    return all(
        isinstance(span, list) and all(type(t) in (int, float) for t in span)
        for span in said["edited_s"]
    )


def _shallow(value: Any, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels > 0 and all(_shallow(one, levels - 1) for one in inner)
