"""The networks built and filled from files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from ...weights.checkpoint import load_strict, read_tensors
from ...weights.folder import Weights
from ..devices import Compute
from .audio2lip import Audio2Lip
from .backend import CmetConnector, EDTalkBackend
from .config import ModelConfig, read_config
from .connector import Connector
from .layers import fold_weights
from .networks import EDTALK_UNUSED, EDTalk


@dataclass(frozen=True)
class CheckpointFile:
    """path, the entry that holds the tensors (of a pickle), and patterns of unused names."""

    path: Path | None
    key: str
    unused: Iterable[str] = ()


def load_renderer(weights: Weights, compute: Compute) -> tuple[EDTalk, ModelConfig]:
    """The visual encoder and decoder alone. Raises :class:`CheckpointError`."""
    config = read_config(weights.config)
    with torch.device("meta"):  # no time spent on random weights that are replaced at once
        edtalk = EDTalk(config.edtalk)
    _fill(edtalk, CheckpointFile(weights.edtalk, "gen", EDTALK_UNUSED), compute)
    return edtalk, config


def load(weights: Weights, compute: Compute) -> tuple[EDTalkBackend, CmetConnector]:
    """All networks of an edit, strictly, weights folded. Raises :class:`CheckpointError`."""
    edtalk, config = load_renderer(weights, compute)
    with torch.device("meta"):
        audio2lip, connector = Audio2Lip(config.audio2lip), Connector(config.connector)
    _fill(audio2lip, CheckpointFile(weights.audio2lip, "audio2lip"), compute)
    _fill(connector, CheckpointFile(weights.connector, "state_dict"), compute)
    backend = EDTalkBackend(edtalk, audio2lip, config, compute)
    return backend, CmetConnector(connector, config.gain, compute.device)


def _fill(module: nn.Module, file: CheckpointFile, compute: Compute) -> None:
    assert file.path is not None  # find_weights returns complete weights only
    load_strict(module, read_tensors(file.path, file.key), file.path, file.unused)
    fold_weights(module).to(compute.device)
