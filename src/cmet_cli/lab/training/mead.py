"""MEAD's layout on disk: ``ID/front/EMOTION/level_N/NNN.mp4|wav``, cached features beside.

Features of a clip lie in ``NNN.npz`` (``codes`` float32 ``[n, 10]`` at 25 Hz, ``speech`` float32
``[D]``), as ``cmet extract`` writes them, or as two plain arrays in folders named after their
networks, the way the published utterance features lie: ``emotion2vec+large_features/NNN.npy`` and
``edtalk_expression_codes/NNN.npy``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import MediaError, UsageError
from ...media.files import atomic_path
from ...weights.registry import FEATURE_FOLDER
from ..layout import (
    EMOTIONS,
    LEVELS,
    TEST_IDENTITIES,
    VIDEO_SUFFIX,
    VIEW,
    ClipKey,
    clip_path,
    published_sentences,
)
from .clip_features import ClipFeatures
from .code_space import EXPRESSION_DIM

FEATURE_SUFFIX = ".npz"
CODES_FOLDER = "edtalk_expression_codes"
_PLACE = re.compile(rf"([^/]+)/{VIEW}/([a-z]+)/level_(\d)/(\d{{3}})")


@dataclass(frozen=True)
class Listing:
    """Clips found, in order, and names that look like clips and are none (odd emotion, number)."""

    keys: tuple[ClipKey, ...]
    odd: tuple[str, ...] = ()


def find_clips(root: Path, *, published_only: bool = False, features: bool = False) -> Listing:
    """Every clip under ``root``: videos, or those that have ``features``.

    published_only: just the published selection of sentences. Raises :class:`UsageError` for a
    folder that does not exist.
    """
    if not root.is_dir():
        raise UsageError(f"data folder not found: {root}")
    keys, odd = set(), []
    for path in sorted(_candidates(root, features)):
        folder = path.parent.parent if path.suffix == ".npy" else path.parent
        name = f"{folder.relative_to(root).as_posix()}/{path.stem}"
        found = _PLACE.fullmatch(name)
        key = ClipKey(found[1], found[2], int(found[3]), int(found[4])) if found else None
        if key is None or key.emotion not in EMOTIONS or key.level not in LEVELS:
            odd.append(path.relative_to(root).as_posix())
        elif not published_only or key.sentence in published_sentences(key.emotion):
            keys.add(key)
    return Listing(tuple(sorted(keys)), tuple(odd))


def _candidates(root: Path, features: bool) -> Iterator[Path]:
    """Files by name, hidden ones (an unfinished write) left out."""
    level = f"*/{VIEW}/*/level_*"
    patterns: tuple[str, ...] = (f"{level}/*{VIDEO_SUFFIX}",)
    if features:
        patterns = (f"{level}/*{FEATURE_SUFFIX}", f"{level}/{CODES_FOLDER}/*.npy")
    for pattern in patterns:
        yield from (p for p in root.glob(pattern) if not p.name.startswith("."))


def read_split(path: Path) -> tuple[str, ...]:
    """A split file: an identity, or a clip as ``ID/front/emotion/level_N/NNN``, a line.

    Text after ``#`` and a suffix are ignored. Raises :class:`UsageError`.
    """
    try:
        lines = [line.split("#")[0].strip() for line in path.read_text("utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"split file cannot be read: {path} ({error})") from error
    entries = tuple(re.sub(r"\.\w+$", "", line) for line in lines if line)
    if not entries:
        raise UsageError(f"split file is empty: {path}")
    return entries


def write_features(path: Path, codes: np.ndarray, speech: np.ndarray, model: str) -> None:
    """Cache one clip's features, atomically. codes ``[n, 10]``, speech ``[D]``, float32."""
    _check(path, codes, speech)
    with atomic_path(path, overwrite=True) as part:
        np.savez_compressed(
            part, codes=codes.astype(np.float32), speech=speech.astype(np.float32), model=model
        )


def read_features(root: Path, key: ClipKey) -> ClipFeatures:
    """A clip's cached features, in either layout. Raises :class:`MediaError` naming the file."""
    path = clip_path(root, key, FEATURE_SUFFIX)
    model = ""
    try:
        if path.is_file():
            with np.load(path, allow_pickle=False) as file:
                codes, speech = file["codes"], file["speech"]
                model = str(file["model"]) if "model" in file else ""
        else:
            folder, name = path.parent, f"{path.stem}.npy"
            path = folder / CODES_FOLDER / name
            codes = np.load(path, allow_pickle=False)
            path = folder / FEATURE_FOLDER / name
            speech = np.load(path, allow_pickle=False)
    except Exception as error:  # a damaged archive raises anything
        raise MediaError(
            f"{path}: no readable features ({error})", "delete it and extract it again"
        ) from error
    _check(path, codes, speech)
    return ClipFeatures(key, codes.astype(np.float32), speech.astype(np.float32), model)


def _check(path: Path, codes: np.ndarray, speech: np.ndarray) -> None:
    right = codes.ndim == 2 and len(codes) > 0 and codes.shape[1] == EXPRESSION_DIM
    if not right or speech.ndim != 1 or codes.dtype.kind != "f" or speech.dtype.kind != "f":
        raise MediaError(
            f"{path}: holds {codes.dtype} {codes.shape} and {speech.dtype} {speech.shape}, "
            f"expected float [n, {EXPRESSION_DIM}] and [D]"
        )
    if not (np.isfinite(codes).all() and np.isfinite(speech).all()):
        raise MediaError(f"{path}: features hold NaN or infinite values", "extract them again")


class MeadFeatures:
    """Cached features of a folder as a :class:`~.features.FeatureSource`.

    split: only what a split file names; exclude: identities left out (the published test ones).
    """

    def __init__(
        self,
        root: Path,
        *,
        split: Path | None = None,
        exclude: Collection[str] = TEST_IDENTITIES,
        published_only: bool = True,
    ) -> None:
        listing = find_clips(root, published_only=published_only, features=True)
        wanted = set(read_split(split)) if split else None
        self.root, self.odd = root, listing.odd
        self._keys = tuple(
            key
            for key in listing.keys
            if key.identity not in exclude
            and (wanted is None or key.identity in wanted or str(key) in wanted)
        )
        if not self._keys:
            raise UsageError(
                f"no cached features to train on in {root}", "make them with `cmet extract`"
            )

    def keys(self) -> tuple[ClipKey, ...]:
        return self._keys

    def load(self, key: ClipKey) -> ClipFeatures:
        return read_features(self.root, key)
