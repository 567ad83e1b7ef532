"""The backend that a weights folder is for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from torch import Tensor

from ..errors import CheckpointError
from ..weights.folder import Weights
from ..weights.sections import read_sections
from .base import Backend, SpeechConnector
from .devices import Compute

#: Folders beside this file; each has a module ``load`` with ``load(weights, compute)``.
BACKENDS = ("edtalk",)


def load_backend(weights: Weights, compute: Compute) -> tuple[Backend, SpeechConnector]:
    """Build and fill the networks. ``config.json`` may name a backend; the first is the default.

    Raises :class:`CheckpointError`.
    """
    named = read_sections(weights.config).get("backend") if weights.config else None
    name = named or BACKENDS[0]
    if name not in BACKENDS:
        raise CheckpointError(
            f"{weights.config}: backend '{name}' is not known", f"known: {', '.join(BACKENDS)}"
        )
    loaded: tuple[Backend, SpeechConnector] = import_module(f".{name}.load", __package__).load(
        weights, compute
    )
    return loaded


def filled_backend(compute: Compute) -> Backend:
    """The published sizes without the published weights, for timings."""
    made: Backend = import_module(f".{BACKENDS[0]}.load", __package__).filled(compute)
    return made


def published_order(backend: Backend) -> Callable[[Tensor, Tensor], Tensor] | None:
    """(source, driving) pictures -> one frame, in the order of work of the backend's publishers;
    None where there is no such thing to compare with."""
    for name in BACKENDS:
        module = import_module(f".{name}.load", __package__)
        if type(backend).__module__.startswith(f"{__package__}.{name}."):
            order: Callable[[Tensor, Tensor], Tensor] = module.published_order(backend)
            return order
    return None


def published_shapes() -> dict[str, dict[str, tuple[int, ...]]]:
    """Per published network, names and shapes of its tensors: what a download must hold."""
    shapes: dict[str, dict[str, tuple[int, ...]]] = {}
    for name in BACKENDS:
        shapes |= import_module(f".{name}.load", __package__).published_shapes()
    return shapes
