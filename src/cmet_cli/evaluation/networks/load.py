"""Which judging networks are on this machine, and loading them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch

from ...errors import UsageError, WeightsError
from ...weights.folder import find_file, find_yunet
from ...weights.registry import EVALUATION_FILES
from ...weights.verify import check_file
from . import i3d, syncnet
from .expression import ExpressionJudge
from .faces import Landmarks
from .features import PictureFeatures, VideoFeatures
from .identity import IdentityJudge
from .sync import SyncJudge

#: Those that judge a single take; the others sum up many.
OF_A_TAKE = ("expression", "sface", "syncnet")
DOWNLOAD = "cmet download-weights --only evaluation"
T = TypeVar("T")


@dataclass(frozen=True)
class Networks:
    """None where a network's weights are not here; missing: the names of those, with why."""

    expression: ExpressionJudge | None = None
    identity: IdentityJudge | None = None
    pictures: PictureFeatures | None = None
    videos: VideoFeatures | None = None
    sync: SyncJudge | None = None
    missing: tuple[str, ...] = ()

    @property
    def any(self) -> bool:
        found = (self.expression, self.identity, self.pictures, self.videos, self.sync)
        return any(network is not None for network in found)


def load_networks(
    weights_dir: Path | None,
    device: torch.device,
    classifier: Path | None = None,
    only: tuple[str, ...] = (),
) -> Networks:
    """Load what is there. weights_dir: where is looked first; classifier: an ONNX network of
    expressions instead of the published one; only: names from the registry, else all.

    Raises :class:`CheckpointError` for a damaged file, :class:`WeightsError` for one that is not
    the published one, :class:`UsageError`.
    """
    yunet, missing = find_yunet(weights_dir), list[str]()
    landmarks = Landmarks(yunet) if yunet is not None else None

    def load(name: str, make: Callable[[Path], T]) -> T | None:
        if only and name not in only:
            return None
        path = _published(name, weights_dir)
        if path is None:
            missing.append(name)
            return None
        try:
            return make(path)
        except UsageError as error:  # a package that is not installed
            missing.append(f"{name} ({error.message}: {error.hint})")
            return None

    def of_faces(name: str, make: Callable[[Path, Landmarks], T]) -> T | None:
        if landmarks is not None:
            return load(name, lambda path: make(path, landmarks))
        if not only or name in only:
            missing.append(f"{name} (needs the face detector yunet)")
        return None

    def classify(path: Path, marks: Landmarks) -> ExpressionJudge:
        return ExpressionJudge.load(classifier or path, marks, published=classifier is None)

    if classifier is not None and landmarks is None:
        raise WeightsError(
            "a classifier of expressions needs the face detector yunet", f"run `{DOWNLOAD}`"
        )
    return Networks(
        expression=classify(classifier, landmarks)
        if classifier is not None and landmarks is not None
        else of_faces("expression", classify),
        identity=of_faces("sface", IdentityJudge),
        pictures=load("inception", lambda path: PictureFeatures(path, device)),
        videos=load("i3d", lambda path: VideoFeatures(path, device)),
        sync=load("syncnet", lambda path: SyncJudge(path, device)),
        missing=tuple(missing),
    )


def _published(name: str, weights_dir: Path | None) -> Path | None:
    """Raises :class:`WeightsError` where an ONNX file is not the published one: OpenCV dies of
    damaged networks."""
    entry = next(e for e in EVALUATION_FILES if e.name == name)
    path = find_file(entry, weights_dir)
    if path is not None and not entry.converted and check_file(path, entry):
        raise WeightsError(f"{path}: is not the published file", f"run `{DOWNLOAD}`")
    return path


def evaluation_shapes() -> dict[str, dict[str, tuple[int, ...]]]:
    """Names and shapes of the networks that we wrote, for a download to be compared with."""
    modules: dict[str, Any] = {"i3d": i3d.I3D, "syncnet": syncnet.SyncNet}
    shapes = {}
    for name, module in modules.items():
        with torch.device("meta"):
            state = module().state_dict()
        own = {n: tuple(t.shape) for n, t in state.items()}
        shapes[name] = {n: s for n, s in own.items() if not n.endswith("num_batches_tracked")}
    return shapes
