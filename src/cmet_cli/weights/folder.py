"""Finding the weights: a folder, in either layout, or what the Hub client has already cached."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path

from ..errors import OtherModelError, WeightsError
from .registry import (
    FILES,
    NEUTRAL_PRESET,
    PRESETS_FOLDER,
    REQUIRED,
    SPEECH_FOLDER,
    YUNET_FILE,
    WeightFile,
)

ENVIRONMENT_VARIABLE = "CMET_WEIGHTS_DIR"
LOCAL_FOLDER = Path("weights")
CONFIG_FILE = "config.json"  # a model of other sizes than the published one says so here
MINI_SPEECH_FILE = "speech.safetensors"
EMOTIONS_FOLDER = "emotions"  # named emotions that come with a model
MISSING_HINT = (
    "run `cmet download-weights` (about 1.2 GB), give --weights-dir, "
    "or try the tool with --model mini"
)


@dataclass(frozen=True)
class Weights:
    """Paths of the parts found in one place. ``None`` where a part is not there.

    speech: the FunASR folder (or the mini speech encoder's file); presets: the folder of published
    utterance features; config: sizes, where they are not the published ones; emotions: the folder
    of named emotions that came with the model; ear: emotion2vec+'s FunASR folder, where the model
    has a small encoder of its own and this one was found too.
    """

    root: Path
    edtalk: Path | None = None
    audio2lip: Path | None = None
    connector: Path | None = None
    speech: Path | None = None
    yunet: Path | None = None
    presets: Path | None = None
    config: Path | None = None
    emotions: Path | None = None
    ear: Path | None = None

    @property
    def parts(self) -> tuple[Path, ...]:
        """Everything an edit's result depends on, files and folders."""
        names = (field.name for field in fields(self) if field.name not in ("root", "presets"))
        found = (getattr(self, name) for name in names)
        return (*(path for path in found if path is not None), *self.neutral_presets)

    @property
    def networks(self) -> tuple[Path, ...]:
        """Files of all that reads, changes and draws faces."""
        found = (self.edtalk, self.audio2lip, self.connector)
        return tuple(path for path in found if path is not None)

    @property
    def ears(self) -> tuple[Path, ...]:
        """Files and folders of all that hears speech."""
        return tuple(path for path in (self.speech, self.ear) if path is not None)

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of absent parts that an edit needs."""
        return tuple(name for name in REQUIRED if getattr(self, name) is None)

    @property
    def neutral_presets(self) -> tuple[Path, ...]:
        """The published neutral utterance features, if they were downloaded."""
        if self.presets is None:
            return ()
        return tuple(sorted((self.presets.parent / NEUTRAL_PRESET).glob("*.npy")))

    @property
    def own_ear(self) -> bool:
        """Whether speech is heard by the model's own small encoder alone."""
        return self.config is not None and self.speech is not None and not self.speech.is_dir()


def part_of(root: Path, entry: WeightFile) -> Path | None:
    """A published file in a folder, in either layout."""
    for relative in (entry.kept, entry.local_published):
        if (root / relative).is_file():
            return root / relative
    return None


def _part(root: Path, name: str) -> Path | None:
    return part_of(root, next(f for f in FILES if f.name == name))


def inspect_folder(root: Path) -> Weights:
    """What a folder holds, in the layout of ``cmet download-weights`` or as published."""
    speech, presets = root / SPEECH_FOLDER, root / PRESETS_FOLDER
    published_speech = speech if _part(root, "emotion2vec") else None
    return Weights(
        root,
        edtalk=_part(root, "edtalk"),
        audio2lip=_part(root, "audio2lip"),
        connector=_part(root, "connector"),
        speech=_file(root, MINI_SPEECH_FILE) or published_speech,
        yunet=_file(root, YUNET_FILE),
        presets=presets if presets.is_dir() else None,
        config=_file(root, CONFIG_FILE),
        emotions=root / EMOTIONS_FOLDER if (root / EMOTIONS_FOLDER).is_dir() else None,
    )


def _file(root: Path, name: str) -> Path | None:
    return root / name if (root / name).is_file() else None


def default_folder() -> Path:
    """Where ``cmet download-weights`` puts files by itself: beside the Hub client's cache."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE) / "cmet-weights"


def inspect_hub_cache() -> Weights:
    """What earlier downloads left in the Hub cache: ours, or the raw published files."""
    ours = inspect_folder(default_folder())
    cached_model = _cached("emotion2vec")
    return replace(
        ours,
        edtalk=ours.edtalk or _cached("edtalk"),
        audio2lip=ours.audio2lip or _cached("audio2lip"),
        connector=ours.connector or _cached("connector"),
        speech=ours.speech or (cached_model.parent if cached_model else None),
        yunet=ours.yunet or _cached("yunet"),
    )


def _cached(name: str) -> Path | None:
    return cached_file(next(f for f in FILES if f.name == name))


def cached_file(entry: WeightFile, revision: str = "") -> Path | None:
    """A published file already in the Hub client's own cache (at a revision, else the entry's)."""
    from huggingface_hub import constants

    folder = "--".join([f"{entry.repo_type}s", *entry.repo.split("/")])
    if not (Path(constants.HF_HUB_CACHE) / folder).is_dir():
        return None  # nothing to ask the client about, which takes 0.2 s to import
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(
        entry.repo,
        entry.published,
        revision=revision or entry.revision,
        repo_type=entry.repo_type,
    )
    return Path(path) if isinstance(path, str) else None


def mini_folder() -> Path:
    """The mini model that ships with the package: in the wheel, or in a checkout."""
    inside = Path(__file__).parent / "mini"
    checkout = Path(__file__).parents[3] / "weights" / "mini"
    return inside if inside.is_dir() or not checkout.is_dir() else checkout


def candidates(explicit: Path | None) -> list[tuple[str, Weights]]:
    """Every place looked at, in order, with what it holds. An explicit folder is the only one."""
    if explicit is not None:
        return [("--weights-dir", inspect_folder(explicit))]
    places = []
    from_environment = os.environ.get(ENVIRONMENT_VARIABLE)
    if from_environment:
        places.append((f"${ENVIRONMENT_VARIABLE}", inspect_folder(Path(from_environment))))
    places.append(("./weights", inspect_folder(LOCAL_FOLDER)))
    places.append(("the Hub cache", inspect_hub_cache()))
    return places


def find_yunet(explicit: Path | None = None) -> Path | None:
    """The YuNet file of the first place that holds it, whatever else is there.

    An explicit folder comes first but is not the only one: every command finds the same faces.
    """
    found = (weights.yunet for weights in _all_places(explicit))
    return next((path for path in found if path is not None), None)


def _all_places(explicit: Path | None) -> list[Weights]:
    """An explicit folder, and then all the others."""
    places = candidates(explicit) + (candidates(None) if explicit is not None else [])
    return [weights for _, weights in places]


def find_file(entry: WeightFile, explicit: Path | None = None) -> Path | None:
    """One published file, in either layout, of the first place that holds it; an explicit folder
    comes first but is not the only one."""
    found = (part_of(weights.root, entry) for weights in _all_places(explicit))
    return next((path for path in found if path is not None), None)


def find_weights(explicit: Path | None = None, model: str = "auto") -> Weights:
    """The first place that holds what an edit needs.

    explicit: a folder that must be the one used. model: ``mini`` for the one that ships with the
    package; ``cmet`` for the published one; ``auto`` for the published one where any of it is on
    disk, else the one that ships. Raises :class:`WeightsError`: where was looked, and what was
    missing, or that the folder holds the other kind.
    """
    if explicit is None and model != "mini":
        _check_named()
    mini = model == "mini" or (model == "auto" and explicit is None and nothing_published())
    found = _find(explicit or mini_folder() if mini else explicit, model)
    if explicit is not None and not _is_kind(found, model):
        raise _other_model(explicit, found, model)
    return with_ear(replace(found, yunet=found.yunet or find_yunet(explicit)))


def _check_named() -> None:
    named = os.environ.get(ENVIRONMENT_VARIABLE)
    if named and not Path(named).is_dir():
        raise OtherModelError(
            f"${ENVIRONMENT_VARIABLE} names no folder: {named}", "change it, or unset it"
        )


def find_parts(
    explicit: Path | None, model: str, has: Callable[[Weights], object]
) -> Weights | None:
    """The first place that has some parts, whatever else is missing; explicit, model: as for
    :func:`find_weights`. Raises :class:`WeightsError` for a folder of the other kind."""
    folder = mini_folder() if model == "mini" and explicit is None else explicit
    for _, weights in candidates(folder):
        if has(weights) and _is_kind(weights, model):
            return weights
        if has(weights) and explicit is not None:
            raise _other_model(explicit, weights, model)
    return None


def _is_kind(weights: Weights, model: str) -> bool:
    return model == "auto" or (weights.config is None) == (model == "cmet")


def _other_model(folder: Path, found: Weights, model: str) -> OtherModelError:
    held = "the published networks" if found.config is None else "a model of other sizes"
    return OtherModelError(
        f"{folder} holds {held}, and not what --model {model} asks for",
        "leave out --model, or give another folder",
    )


def nothing_published(explicit: Path | None = None) -> bool:
    """Whether no place holds any part of a published model. Raises :class:`WeightsError` where the
    environment names a place that is none."""
    if explicit is None:
        _check_named()
    return all(len(weights.missing) == len(REQUIRED) for _, weights in candidates(explicit))


def with_ear(weights: Weights) -> Weights:
    """A model with a small speech encoder of its own gets emotion2vec+ too, where that is on disk
    together with the published emotions that its features are compared with."""
    if not weights.own_ear:
        return weights
    for _, place in candidates(None):
        if place.config is None and place.speech is not None and place.presets is not None:
            return replace(weights, ear=place.speech, presets=weights.presets or place.presets)
    return weights


def _find(explicit: Path | None, model: str) -> Weights:
    if explicit is not None and not explicit.is_dir():
        raise WeightsError(f"weights folder not found: {explicit}", MISSING_HINT)
    places = candidates(explicit)
    if model == "cmet":
        places = [place for place in places if place[1].config is None] or places
    for _, weights in places:
        if not weights.missing:
            return weights
    name, best = min(places, key=lambda place: len(place[1].missing))
    if explicit is not None or len(best.missing) < len(REQUIRED):
        raise WeightsError(
            f"weights in {best.root} ({name}) are incomplete: no {', '.join(best.missing)}",
            MISSING_HINT,
        )
    looked = ", ".join(f"{name} ({weights.root})" for name, weights in places)
    raise WeightsError(f"no model weights found; looked in {looked}", MISSING_HINT)
