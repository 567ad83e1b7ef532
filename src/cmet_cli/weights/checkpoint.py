"""Reading checkpoints as untrusted input, and loading them strictly.

A pickle may carry code. Only tensors and ``argparse.Namespace`` (which the published trainers put
in) are ever built; any other class is refused by name before it runs.
"""

from __future__ import annotations

import argparse
import pickle
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from ..errors import CheckpointError
from ..media.files import atomic_path

_DOWNLOAD_AGAIN = "download it again with `cmet download-weights`, or point --weights-dir elsewhere"
_SHOWN_NAMES = 5


def read_tensors(path: Path, key: str | tuple[str, ...] = ()) -> dict[str, Tensor]:
    """Every tensor of a checkpoint, on the CPU.

    path: ``.safetensors``, or a PyTorch pickle. key: the entry that holds the flat dict of tensors;
    of a tuple, the first that exists, else the file's top level. Raises :class:`CheckpointError`.
    """
    if path.suffix == ".safetensors":
        try:
            with safe_open(path, framework="pt") as file:
                return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            raise _damaged(path, error) from error
    content = _load_pickle(path)
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path}: holds a {type(content).__name__}, not a dict of tensors")
    if isinstance(key, tuple):
        key = next((k for k in key if k in content), "")
    elif key not in content:
        found = ", ".join(sorted(map(str, content))[:_SHOWN_NAMES]) or "nothing"
        raise CheckpointError(
            f"{path}: no entry '{key}' (found: {found})", "this is not the file it is named after"
        )
    state = content[key] if key else content
    if not isinstance(state, Mapping) or not all(isinstance(t, Tensor) for t in state.values()):
        raise CheckpointError(f"{path}: entry '{key}' is not a flat dict of tensors")
    return dict(state)


def _load_pickle(path: Path) -> Any:
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        if named is None:
            raise _damaged(path, error) from error
        raise CheckpointError(
            f"{path}: refused: the file wants to build '{named[1]}', and only tensors are accepted",
            "a checkpoint with other content could run code; get it from its publisher",
        ) from error
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: no such file", _DOWNLOAD_AGAIN) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, IndexError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> CheckpointError:
    first_line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return CheckpointError(
        f"{path}: damaged or truncated, cannot be read ({first_line[:160]})", _DOWNLOAD_AGAIN
    )


def is_unused(name: str, patterns: Iterable[str]) -> bool:
    """Whether a tensor is known by name to take no part in the computation."""
    return any(re.fullmatch(pattern, name) for pattern in patterns)


def load_strict(
    module: nn.Module, tensors: Mapping[str, Tensor], path: Path, unused: Iterable[str] = ()
) -> None:
    """Fill ``module`` from ``tensors``: nothing missing, nothing unknown, shapes equal, finite.

    unused: patterns (full match) of names that may be present and are ignored. Raises
    :class:`CheckpointError` naming the tensor, what was expected and found, and the file.
    """
    unused = tuple(unused)
    own = module.state_dict()
    missing = [name for name in own if name not in tensors]
    if missing:
        raise CheckpointError(f"{path}: missing {_listed(missing)}", _DOWNLOAD_AGAIN)
    unknown = [n for n in tensors if n not in own and not is_unused(n, unused)]
    if unknown:
        raise CheckpointError(f"{path}: unexpected {_listed(unknown)}", _DOWNLOAD_AGAIN)
    state = {}
    for name, mine in own.items():
        theirs = tensors[name]
        if theirs.shape != mine.shape:
            raise CheckpointError(
                f"{path}: tensor '{name}' has shape {tuple(theirs.shape)}, "
                f"expected {tuple(mine.shape)}",
                "the file belongs to another model or size",
            )
        if theirs.is_floating_point() and not torch.isfinite(theirs).all():
            raise CheckpointError(
                f"{path}: tensor '{name}' holds NaN or infinite values", _DOWNLOAD_AGAIN
            )
        state[name] = theirs.to(mine.dtype)
    # A module built on the meta device takes the tensors as its own.
    module.load_state_dict(state, strict=True, assign=any(t.is_meta for t in own.values()))


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"'{n}'" for n in names[:_SHOWN_NAMES])
    more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
    return f"tensor{'s' if len(names) > 1 else ''} {shown}{more}"


def convert_pickle(
    source: Path,
    destination: Path,
    key: str | tuple[str, ...],
    unused: Iterable[str] = (),
    rename: Callable[[str], str] = str,
) -> None:
    """Write the used tensors of a pickle as safetensors, under a temporary name first."""
    unused = tuple(unused)
    kept = {
        rename(name): tensor.contiguous().clone()  # safetensors refuses shared storage
        for name, tensor in read_tensors(source, key).items()
        if not is_unused(rename(name), unused)
    }
    with atomic_path(destination, overwrite=True) as temporary:
        save_file(kept, temporary, metadata={"format": "pt", "source": source.name})
