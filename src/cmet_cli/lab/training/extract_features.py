"""Cached features for a folder of clips in MEAD's layout: what ``cmet extract`` does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...backends.base import Backend
from ...backends.devices import resolve
from ...backends.edtalk.backend import EDTalkBackend
from ...backends.edtalk.load import load_renderer
from ...emotion.speech.choose import load_speech_encoder
from ...emotion.speech.clips import clip_feature
from ...emotion.speech.encoder import SpeechEncoder
from ...errors import CmetError, UsageError, WeightsError
from ...media.files import check_output
from ...media.probe import probe_video
from ...options import Progress, RuntimeOptions, no_progress
from ...pipeline.encode import encode_faces
from ...pipeline.find import follow_faces
from ...weights.folder import MISSING_HINT, find_parts
from ..layout import SPEECH_SUFFIX, ClipKey, clip_path
from .mead import FEATURE_SUFFIX, find_clips, write_features

#: From a video file to its expression codes at 25 Hz, float32 ``[n, 10]``.
Coder = Callable[[Path], np.ndarray]


@dataclass(frozen=True)
class Extractor:
    """The networks of choice. ``model``: their name, kept with every feature they make."""

    coder: Coder
    speech: SpeechEncoder
    model: str


@dataclass(frozen=True)
class ExtractReport:
    """made, present: clips; failed: (clip, why); odd: names that are no clips of the layout."""

    root: Path
    made: int
    present: int
    failed: tuple[tuple[str, str], ...] = ()
    odd: tuple[str, ...] = ()


class ExpressionCoder:
    """A visual encoder that takes video files: the largest face's expression, at 25 Hz."""

    def __init__(
        self, backend: Backend, detector: str = "auto", weights_dir: Path | None = None
    ) -> None:
        self._backend = backend
        self._detector, self._weights_dir = detector, weights_dir

    def __call__(self, video: Path) -> np.ndarray:
        """Raises :class:`CmetError` for a video without a usable face."""
        info = probe_video(video)
        faces = follow_faces(info, self._detector, self._weights_dir, no_progress)
        faces = faces.choose(None, self._backend.crop.calibration)
        found = encode_faces(info, faces, self._backend, no_progress)[0]
        return faces.timeline.to_grid(found.codes[:, self._backend.layout.expression_slice])


def load_extractor(
    weights_dir: Path | None = None,
    *,
    model: str = "auto",
    detector: str = "auto",
    runtime: RuntimeOptions | None = None,
) -> Extractor:
    """The visual encoder and the speech encoder of one place; a connector need not be there.

    model: ``mini`` for the one that ships with the package. Raises :class:`WeightsError`.
    """
    compute = resolve(runtime or RuntimeOptions())
    weights = find_parts(weights_dir, model, lambda place: place.edtalk and place.speech)
    if weights is None:
        where = weights_dir or "any known place"
        raise WeightsError(f"no visual encoder with a speech encoder in {where}", MISSING_HINT)
    edtalk, config = load_renderer(weights, compute)
    coder = ExpressionCoder(EDTalkBackend(edtalk, None, config, compute), detector, weights.root)
    return Extractor(coder, load_speech_encoder(weights, compute.device), config.name)


def load_listener(
    weights_dir: Path | None = None, *, model: str = "auto", runtime: RuntimeOptions | None = None
) -> SpeechEncoder:
    """The speech encoder alone, as for :func:`load_extractor`. Raises :class:`WeightsError`."""
    device = resolve(runtime or RuntimeOptions()).device
    weights = find_parts(weights_dir, model, lambda place: place.speech)
    if weights is None:
        raise WeightsError(f"no speech encoder in {weights_dir or 'any known place'}", MISSING_HINT)
    return load_speech_encoder(weights, device)


def extract_folder(
    root: Path,
    extractor: Extractor,
    *,
    published_only: bool = False,
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> ExtractReport:
    """Make the features that are missing, each beside its clip, each complete or not there at all.

    A clip that fails is noted and the rest go on; run again, and only what is missing is made.
    Raises :class:`UsageError` where there is nothing to work on.
    """
    listing = find_clips(root, published_only=published_only)
    if not listing.keys:
        raise UsageError(
            f"no clips in {root}", "expected ID/front/EMOTION/level_N/NNN.mp4 under it"
        )
    made, present, failed = 0, 0, []
    for done, key in enumerate(listing.keys, start=1):
        try:
            if not overwrite and _is_made(clip_path(root, key, FEATURE_SUFFIX), extractor.model):
                present += 1
            else:
                _extract_one(root, key, extractor)
                made += 1
        except CmetError as error:
            failed.append((str(key), str(error)))
        progress("clips", done, len(listing.keys))
    return ExtractReport(root, made, present, tuple(failed), listing.odd)


def _is_made(path: Path, model: str) -> bool:
    """Whether a clip's features are there; a damaged file counts as missing.

    Raises :class:`UsageError` for features of another model: they must not be mixed.
    """
    if not path.is_file():
        return False
    try:
        with np.load(path, allow_pickle=False) as file:
            theirs = str(file["model"]) if {"codes", "speech", "model"} <= set(file.files) else None
    except Exception:  # a damaged archive raises anything
        return False
    if theirs is not None and theirs != model:
        raise UsageError(f"{path}: features of model '{theirs}'", "add --overwrite")
    return theirs is not None


def _extract_one(root: Path, key: ClipKey, extractor: Extractor) -> None:
    """Speech first: it is quick, and tells early what cannot be used."""
    video, sound = clip_path(root, key), clip_path(root, key, SPEECH_SUFFIX)
    path = clip_path(root, key, FEATURE_SUFFIX)
    check_output(path, overwrite=True)
    speech = clip_feature(extractor.speech, sound if sound.is_file() else video)
    write_features(path, extractor.coder(video), speech, extractor.model)
