"""The networks built and filled from files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from ...errors import CheckpointError
from ...weights.checkpoint import load_strict, read_tensors
from ...weights.folder import Weights
from ...weights.registry import EDTALK_UNUSED
from ..compute import Compute
from .audio2lip import Audio2Lip
from .backend import CmetConnector, EDTalkBackend
from .connector import Connector
from .layers import fold_weights
from .model_config import ModelConfig, read_config
from .networks import EDTalk
from .published_order import PublishedOrder


@dataclass(frozen=True)
class CheckpointFile:
    """path; key: the entry that holds the tensors (of a pickle); published: the file is of the
    published repository, which cannot be pinned and may come to hold more than is used here;
    unused: patterns of the names known not to be."""

    path: Path | None
    key: str
    published: bool
    unused: Iterable[str] = ()


def load_renderer(weights: Weights, compute: Compute) -> tuple[EDTalk, ModelConfig]:
    """The visual encoder and decoder alone. Raises :class:`CheckpointError`."""
    config = read_config(weights.config)
    edtalk = _built(lambda: EDTalk(config.edtalk), weights.config)
    _fill(
        edtalk,
        CheckpointFile(weights.edtalk, "gen", weights.config is None, EDTALK_UNUSED),
        compute,
    )
    return edtalk, config


def load(weights: Weights, compute: Compute) -> tuple[EDTalkBackend, CmetConnector]:
    """All networks of an edit, strictly, weights folded. Raises :class:`CheckpointError`."""
    edtalk, config = load_renderer(weights, compute)
    audio2lip = _built(lambda: Audio2Lip(config.audio2lip), weights.config)
    connector = _built(lambda: Connector(config.connector), weights.config)
    published = weights.config is None
    _fill(audio2lip, CheckpointFile(weights.audio2lip, "audio2lip", published), compute)
    _fill(connector, CheckpointFile(weights.connector, "state_dict", published), compute)
    backend = EDTalkBackend(edtalk, audio2lip, config, compute)
    return backend, CmetConnector(connector, config.gain, compute.torch_device)


def filled(compute: Compute) -> EDTalkBackend:
    """The published sizes with drawn numbers for weights: for timings, which they do not change."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = EDTalk()
    fold_weights(network).to(compute.torch_device)
    return EDTalkBackend(network, None, ModelConfig(name="cmet"), compute)


def published_order(backend: EDTalkBackend) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """See :mod:`.published_order`."""
    return PublishedOrder(backend.edtalk).frame


def published_shapes() -> dict[str, dict[str, tuple[int, ...]]]:
    """Names and shapes of the published networks' tensors, to check a download against."""
    with torch.device("meta"):
        networks = {"edtalk": EDTalk(), "audio2lip": Audio2Lip(), "connector": Connector()}
    return {
        name: {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
        for name, network in networks.items()
    }


Network = TypeVar("Network", bound=nn.Module)


def _built(make: Callable[[], Network], config: Path | None) -> Network:
    """A network without weights. Raises :class:`CheckpointError` for sizes that do not go
    together."""
    try:
        with torch.device("meta"):  # no time spent on random weights that are replaced at once
            return make()
    except (AssertionError, ArithmeticError, RuntimeError, TypeError, ValueError) as error:
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise CheckpointError(f"{config}: no network has these sizes ({reason[:160]})") from error


def _fill(module: nn.Module, file: CheckpointFile, compute: Compute) -> None:
    assert file.path is not None  # find_weights returns complete weights only
    tensors = read_tensors(file.path, file.key)
    load_strict(module, tensors, file.path, file.unused, allow_unknown=file.published)
    fold_weights(module).to(compute.torch_device)
