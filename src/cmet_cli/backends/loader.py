"""The backend that a weights folder is for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

from ..errors import CheckpointError
from ..options import RuntimeOptions
from ..weights.folder import Weights
from ..weights.graphs import is_portable
from ..weights.sections import read_sections
from .base import Backend, SpeechConnector
from .compute import HOST, Array, Compute, HostDevice, is_for_host

#: Folders beside this file; each has a module ``load`` with ``load(weights, compute)``, and the one
#: of the model that ships a module ``portable`` with the same, for that model's graphs.
BACKENDS = ("edtalk",)


def check_runtime(runtime: RuntimeOptions) -> None:
    """Raises :class:`DeviceError` for what this machine has not."""
    if not is_for_host(runtime):
        from .devices import resolve

        resolve(runtime)


def settle(weights: Weights, runtime: RuntimeOptions) -> Compute:
    """What a model's networks run on here: torch is not imported where they do without it.

    Raises :class:`CheckpointError`, :class:`DeviceError`.
    """
    without_torch = Compute(HOST, "fp32", runtime.batch_size)
    if is_for_host(runtime) and is_portable(weights):
        return without_torch
    from .devices import resolve

    found = resolve(runtime)
    # No GPU after all: the same as where that is plain at once, or asked for.
    here = is_for_host(replace(runtime, device=found.device.type)) and is_portable(weights)
    return without_torch if here else found


def load_backend(weights: Weights, compute: Compute) -> tuple[Backend, SpeechConnector]:
    """Build and fill the networks. compute: as :func:`settle` has it, or of torch's.

    Raises :class:`CheckpointError`.
    """
    module = "portable" if isinstance(compute.device, HostDevice) else "load"
    loaded: tuple[Backend, SpeechConnector] = _module(_named(weights), module).load(
        weights, compute
    )
    return loaded


def _named(weights: Weights) -> str:
    """``config.json`` may name a backend; the first is the default."""
    named = read_sections(weights.config).get("backend") if weights.config else None
    name = named or BACKENDS[0]
    if name not in BACKENDS:
        raise CheckpointError(
            f"{weights.config}: backend '{name}' is not known", f"known: {', '.join(BACKENDS)}"
        )
    return str(name)


def _module(backend: str, module: str) -> Any:
    return import_module(f".{backend}.{module}", __package__)


def filled_backend(compute: Compute) -> Backend:
    """The published sizes without the published weights, for timings."""
    made: Backend = _module(BACKENDS[0], "load").filled(compute)
    return made


def published_order(backend: Backend) -> Callable[[Array, Array], Array] | None:
    """(source, driving) pictures -> one frame, in the order of work of the backend's publishers;
    None where there is no such thing to compare with."""
    for name in BACKENDS:
        module = _module(name, "load")
        if type(backend).__module__.startswith(f"{__package__}.{name}."):
            order: Callable[[Array, Array], Array] = module.published_order(backend)
            return order
    return None


def published_shapes() -> dict[str, dict[str, tuple[int, ...]]]:
    """Per published network, names and shapes of its tensors: what a download must hold."""
    shapes: dict[str, dict[str, tuple[int, ...]]] = {}
    for name in BACKENDS:
        shapes |= _module(name, "load").published_shapes()
    return shapes
