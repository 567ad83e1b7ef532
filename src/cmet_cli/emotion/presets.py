"""Emotions that have a name: what many voices with an emotion have in common.

A preset is the mean speech feature of some recordings, in the space of one speech encoder. It ships
with a model, is downloaded as published (a folder of utterance features per emotion), or is the
user's own.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from ..errors import CheckpointError, UsageError
from ..media.files import atomic_path
from ..options import Progress, no_progress
from ..weights.arrays import read_arrays
from ..weights.folder import Weights
from ..weights.registry import FEATURE_FOLDER
from .named import NEUTRAL, SUFFIX, own_folder
from .speech.choose import encoder_name
from .speech.clips import clip_feature, load_feature
from .speech.encoder import EMOTION2VEC, SpeechEncoder

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_FORMAT = "cmet emotion 1"
_MAX_FILE_BYTES = 1 << 20
#: The published features are emotion2vec+ large's.
PUBLISHED_DIM = 1024

Origin = Literal["with the model", "published", "yours"]


@dataclass(frozen=True, eq=False)
class Preset:
    """mean, spread: of the features, float32 ``[dim]``; count: of recordings; encoder: whose
    features they are; about: where they came from; neutral: mean feature of the same voices
    speaking neutrally, where it is known ``[dim]``."""

    name: str
    encoder: str
    mean: np.ndarray
    spread: np.ndarray
    count: int
    about: str
    neutral: np.ndarray | None = None

    def __post_init__(self) -> None:
        check_name(self.name)


def check_name(name: str) -> str:
    """Raises :class:`UsageError` for what cannot be a preset's name."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"'{name[:60]}' cannot be the name of an emotion",
            "use lower-case letters, digits and _, beginning with a letter, 40 at most",
        )
    return name


def make_preset(
    name: str,
    clips: Sequence[Path],
    encoder: SpeechEncoder,
    *,
    neutral: Sequence[Path] = (),
    progress: Progress = no_progress,
) -> Preset:
    """Hear recordings (or saved features). Raises :class:`UsageError`, :class:`MediaError`."""
    check_name(name)
    features = _heard(clips, encoder, "emotion speech", progress)
    plain = _heard(neutral, encoder, "neutral speech", progress).mean(0) if neutral else None
    about = f"{len(clips)} of your recordings"
    return preset_of(name, features, encoder.name, about, plain)


def preset_of(
    name: str, features: np.ndarray, encoder: str, about: str, neutral: np.ndarray | None = None
) -> Preset:
    """features: float32 ``[count, dim]``."""
    mean, spread = (v.astype(np.float32) for v in (features.mean(0), features.std(0)))
    return Preset(name, encoder, mean, spread, len(features), about, neutral)


def _heard(
    clips: Sequence[Path], encoder: SpeechEncoder, what: str, progress: Progress
) -> np.ndarray:
    rows = []
    for clip in clips:
        rows.append(clip_feature(encoder, clip, what))
        progress(what, len(rows), len(clips))
    return np.stack(rows)


def write_preset(preset: Preset, path: Path, *, overwrite: bool = False) -> None:
    """One small safetensors file. Raises :class:`UsageError` where it exists."""
    from safetensors.numpy import save_file

    arrays = {"mean": preset.mean, "spread": preset.spread}
    if preset.neutral is not None:
        arrays["neutral"] = preset.neutral
    said = {"format": _FORMAT, "name": preset.name, "encoder": preset.encoder}
    said |= {"count": str(preset.count), "about": preset.about}
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path, overwrite=overwrite) as part:
        save_file({k: np.ascontiguousarray(v, np.float32) for k, v in arrays.items()}, part, said)
        part.chmod(0o644)


def read_preset(path: Path) -> Preset:
    """Raises :class:`CheckpointError` for a file that is no preset."""
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise CheckpointError(f"{path}: too large to be an emotion")
        if path.suffix != SUFFIX:
            raise CheckpointError(f"{path}: not an emotion that cmet has written ({SUFFIX})")
        arrays, said = read_arrays(path)
        tensors = {k: v.astype(np.float32) for k, v in arrays.items()}
        if said.get("format") != _FORMAT:
            raise CheckpointError(f"{path}: not an emotion that cmet has written")
        mean, spread, neutral = (tensors.get(k) for k in ("mean", "spread", "neutral"))
        shapes = {v.shape for v in tensors.values()}
        whole = mean is not None and spread is not None and len(shapes) == 1 and mean.ndim == 1
        if not whole or not all(np.isfinite(v).all() for v in tensors.values()):
            raise CheckpointError(f"{path}: holds no finite mean and spread of one length")
        assert mean is not None
        assert spread is not None
        count = int(said["count"]) if said.get("count", "").isdigit() else 0
        about = "".join(c for c in said.get("about", "") if c.isprintable())[:200]
        name, encoder = said.get("name", ""), said.get("encoder", "")
        return Preset(name, encoder, mean, spread, count, about, neutral)
    except UsageError as error:
        raise CheckpointError(f"{path}: {error.message}") from error
    except CheckpointError as error:
        raise CheckpointError(error.message, "add it again, or ask who made it") from error
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror or error}") from error


@dataclass(frozen=True)
class Known:
    """A preset and where it comes from; file: empty where it is no single file."""

    preset: Preset
    origin: Origin
    file: Path | None = None


class Presets:
    """The named emotions that one speech encoder can tell apart."""

    def __init__(self, known: Iterable[Known], encoder: str, *, several: bool = False) -> None:
        """known: by falling precedence where names are the same. Features of the user's of another
        length than those that others made with this encoder are nobody's, whatever they say;
        several: unless ears of several kinds are meant by it."""
        self._all = list(known)
        self.encoder = encoder
        self._mine: dict[str, Known] = {}
        of_this = [entry for entry in self._all if entry.preset.encoder == encoder]
        self.dim = next((len(e.preset.mean) for e in of_this if e.origin != "yours"), None)
        for entry in of_this:
            if several or self.dim in (None, len(entry.preset.mean)):
                self._mine.setdefault(entry.preset.name, entry)

    @property
    def by_name(self) -> Mapping[str, Known]:
        """Those of this encoder, neutral included."""
        return self._mine

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What can be asked for."""
        return tuple(sorted(n for n in self._mine if self.can_ask(n)))

    def can_ask(self, name: str) -> bool:
        preset = self._mine[name].preset
        return name != NEUTRAL and (preset.neutral is not None or NEUTRAL in self._mine)

    def direction(self, name: str) -> np.ndarray:
        """The semantic vector of a name: its mean minus neutral's, float32 ``[dim]``.

        Raises :class:`UsageError` for a name that is not known, or not to this encoder, and for
        neutral.
        """
        if name == NEUTRAL:
            raise UsageError(
                "neutral is what emotions are compared with, and changes nothing",
                "ask for another; to change nothing give --intensity 0",
            )
        if name not in self._mine:
            raise self._unknown(name)
        preset = self._mine[name].preset
        start = preset.neutral
        if start is None:
            if NEUTRAL not in self._mine:
                raise UsageError(
                    f"'{name}' cannot be compared: there is no neutral emotion beside it",
                    "add it with `cmet emotions add neutral CLIPS`, or give --neutral when adding",
                )
            start = self._mine[NEUTRAL].preset.mean
        return preset.mean - start

    def _unknown(self, name: str) -> UsageError:
        others = [k.preset.encoder for k in self._all if k.preset.name == name]
        if self.encoder in others:
            return UsageError(
                f"'{name}' is no emotion of {self.encoder}, as it says: its features are not "
                f"{self.dim} numbers",
                f"`cmet emotions remove {name}`, and add it again from its recordings",
            )
        if others:
            return UsageError(
                f"'{name}' was made with another speech encoder ({others[0]}); this model hears "
                f"with {self.encoder}",
                "add it again from its recordings: `cmet emotions add`",
            )
        near = difflib.get_close_matches(name, self.names, 1)
        known = ", ".join(self.names)
        if not known:
            hint = "get the published ones with `cmet download-weights --only presets`, or add "
            return UsageError(
                f"no emotion has a name yet, so not '{name}'", hint + "yours: `cmet emotions add`"
            )
        hint = f"did you mean '{near[0]}'? " if near else ""
        return UsageError(f"no emotion is called '{name}'", f"{hint}known: {known}")


def presets_for(weights: Weights, encoder: str, published: Path | None = None) -> Presets:
    """The user's, the model's own and the published ones, in this order.

    published: the folder of published features where it is not the model's. A damaged file of the
    user's is skipped here; ``cmet emotions`` names it.
    """
    found = [*own_presets()[0], *shipped_presets(weights)]
    folder = published or weights.presets
    if folder is not None and encoder == EMOTION2VEC:
        found += published_presets(folder)
    return Presets(found, encoder)


def names_for(weights: Weights) -> Presets:
    """Every name that an edit with these weights can ask for, in the features of whichever ear."""
    presets = presets_for(weights, encoder_name(weights))
    if weights.ear is None:
        return presets
    heard, renamed = presets_for(weights, EMOTION2VEC), []
    for known in heard.by_name.values():
        if known.origin == "yours" and heard.can_ask(known.preset.name):
            start = known.preset.mean - heard.direction(known.preset.name)
            preset = replace(known.preset, encoder=presets.encoder, neutral=start)
            renamed.append(replace(known, preset=preset))
    return Presets([*renamed, *presets.by_name.values()], presets.encoder, several=True)


def own_presets() -> tuple[list[Known], list[str]]:
    """The user's emotions, and what is wrong with those that cannot be read."""
    return _read_folder(own_folder(), "yours")


def shipped_presets(weights: Weights) -> list[Known]:
    folder = weights.emotions
    return _read_folder(folder, "with the model")[0] if folder is not None else []


def _read_folder(folder: Path, origin: Origin) -> tuple[list[Known], list[str]]:
    known, broken = list[Known](), list[str]()
    for path in sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else ():
        try:
            known.append(Known(read_preset(path), origin, path))
        except CheckpointError as error:
            broken.append(error.message)
    return known, broken


def published_presets(folder: Path) -> list[Known]:
    """One per folder of published utterance features: ``DATASET/EMOTION/<features>/*.npy``.

    The data set that names an emotion first keeps the name. Files that are no features are skipped.
    """
    found: dict[str, Known] = {}
    for place in sorted(folder.glob(f"*/*/{FEATURE_FOLDER}")):
        name, dataset = place.parent.name.lower(), place.parent.parent.name
        rows = []
        for path in sorted(place.glob("*.npy")):
            try:
                rows.append(load_feature(path, PUBLISHED_DIM))
            except Exception:
                continue
        if rows and name not in found and _NAME.fullmatch(name):
            preset = preset_of(name, np.stack(rows), EMOTION2VEC, f"{len(rows)} of {dataset}")
            found[name] = Known(preset, "published")
    return list(found.values())
