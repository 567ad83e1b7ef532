"""Temporary files of killed runs: ours by name and by place, and nobody else's."""

# Paths stay text: 100,000 rows are checked in seconds.
# ruff: noqa: PTH112, PTH122

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

_PART = re.compile(r"\.(?P<body>.+)\.[0-9a-f]{8}\.part(\.\w+)?")
_INNER = re.compile(r"\.[0-9a-f]{8}\.part$")
STEM_KEPT = 64  # longer stems are cut in temporary names (see media.files.atomic_path)


def _core(stem: str) -> str:
    return _INNER.sub("", stem.lstrip("."))[:STEM_KEPT]


def remove_leftovers(outputs: Iterable[str], root: str) -> int:
    """Delete temporary files of these outputs, in folders inside ``root`` only; -> how many.

    Call it while holding the folder's lock.
    """
    real_root = os.path.realpath(root)
    stems: dict[str, set[str]] = {}
    for output in outputs:
        folder, name = os.path.split(output)
        stems.setdefault(folder, set()).add(_core(os.path.splitext(name)[0]))
    removed = 0
    for folder, known in stems.items():
        real = os.path.realpath(folder)
        if real != real_root and not real.startswith(real_root.rstrip(os.sep) + os.sep):
            continue
        if not os.path.isdir(folder):
            continue
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if ".part" in entry.name]
        for name in names:
            found = _PART.fullmatch(name)
            if found and _core(found["body"]) in known:
                Path(folder, name).unlink(missing_ok=True)
                removed += 1
    return removed
