"""Checkpoints checked against the network they are for: filling modules, converting pickles."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from ..errors import CheckpointError
from ..log import log
from ..media.files import atomic_path
from .arrays import DOWNLOAD_AGAIN
from .registry import WeightFile
from .untrusted import read_tensors

__all__ = ["convert_pickle", "is_unused", "load_strict", "read_tensors"]

_SHOWN_NAMES = 5

#: Tensor name -> shape, of a whole network.
Shapes = Mapping[str, tuple[int, ...]]


def is_unused(name: str, patterns: Iterable[str]) -> bool:
    """Whether a tensor is known by name to take no part in the computation."""
    return any(re.fullmatch(pattern, name) for pattern in patterns)


def load_strict(
    module: nn.Module,
    tensors: Mapping[str, Tensor],
    path: Path,
    unused: Iterable[str] = (),
    *,
    allow_unknown: bool = False,
) -> None:
    """Fill ``module`` from ``tensors``: nothing missing, nothing unknown, shapes equal, finite.

    unused: patterns (full match) of names that may be present and are ignored; allow_unknown: other
    names are ignored too, with a warning in the log. Raises :class:`CheckpointError` naming the
    tensor, what was expected and found, and the file.
    """
    own = module.state_dict()
    unknown = _compare(tensors, {n: tuple(t.shape) for n, t in own.items()}, path, tuple(unused))
    if unknown and not allow_unknown:
        raise CheckpointError(f"{path}: unexpected {listed(unknown)}", DOWNLOAD_AGAIN)
    if unknown:
        log.warning("%s: %s not used by this version of cmet", path, listed(unknown))
    state = {}
    for name, mine in own.items():
        theirs = tensors[name]
        if theirs.is_floating_point() != mine.is_floating_point() or theirs.is_complex():
            raise CheckpointError(
                f"{path}: tensor '{name}' holds {theirs.dtype}, expected {mine.dtype}",
                DOWNLOAD_AGAIN,
            )
        if theirs.is_floating_point() and not torch.isfinite(theirs).all():
            raise CheckpointError(
                f"{path}: tensor '{name}' holds NaN or infinite values", DOWNLOAD_AGAIN
            )
        state[name] = theirs.to(mine.dtype)
    # A module built on the meta device takes the tensors as its own.
    module.load_state_dict(state, strict=True, assign=any(t.is_meta for t in own.values()))


def _compare(
    tensors: Mapping[str, Tensor], expected: Shapes, path: Path, unused: tuple[str, ...]
) -> list[str]:
    """Refuse missing and misshapen tensors; -> the names that are neither expected nor unused."""
    missing = [name for name in expected if name not in tensors]
    if missing:
        raise CheckpointError(f"{path}: missing {listed(missing)}", DOWNLOAD_AGAIN)
    for name, shape in expected.items():
        if tuple(tensors[name].shape) != shape:
            raise CheckpointError(
                f"{path}: tensor '{name}' has shape {tuple(tensors[name].shape)}, expected {shape}",
                "the file belongs to another model or size",
            )
    return [n for n in tensors if n not in expected and not is_unused(n, unused)]


def listed(names: list[str]) -> str:
    """``tensors 'a', 'b' and 3 more``."""
    shown = ", ".join(f"'{n}'" for n in names[:_SHOWN_NAMES])
    more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
    return f"tensor{'s' if len(names) > 1 else ''} {shown}{more}"


def convert_pickle(
    source: Path, destination: Path, entry: WeightFile, expected: Shapes | None = None
) -> list[str]:
    """Write the used tensors of a pickle as safetensors, under a temporary name first.

    entry: says where they are in the pickle and which are left out; expected: the network's own
    names and shapes, where they are known. -> names that the network does not use (left out); empty
    where nothing was expected. Raises :class:`CheckpointError`: refused, missing, misshapen.
    """
    tensors = {
        strip_prefixes(name, entry.prefixes): tensor
        for name, tensor in read_tensors(source, entry.key).items()
    }
    unknown = [] if expected is None else _compare(tensors, expected, source, entry.unused)
    kept = {
        name: tensor.contiguous().clone()  # safetensors refuses shared storage
        for name, tensor in tensors.items()
        if name not in unknown and not is_unused(name, entry.unused)
    }
    with atomic_path(destination, overwrite=True) as temporary:
        save_file(kept, temporary, metadata={"format": "pt", "source": source.name})
    return unknown


def strip_prefixes(name: str, prefixes: Iterable[str]) -> str:
    """A tensor's name without the wrappers that trainers put before it."""
    for prefix in prefixes:
        name = name.removeprefix(prefix)
    return name
