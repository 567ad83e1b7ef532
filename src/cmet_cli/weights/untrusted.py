"""Reading checkpoints as untrusted input.

A pickle may carry code. Only tensors and ``argparse.Namespace`` (which the published trainers put
in) are ever built; any other class is refused by name before it runs. A file may claim to be larger
inside than outside: what is read never takes more memory than the file itself has bytes, a few
times over.
"""

from __future__ import annotations

import argparse
import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from ..errors import CheckpointError
from .arrays import DOWNLOAD_AGAIN, damaged

_SHOWN_NAMES = 5
#: Tensors may share their storage (tied weights), so together they may be larger than the file.
MOST_TIMES_THE_FILE = 4


def read_tensors(path: Path, key: str | tuple[str, ...] = ()) -> dict[str, Tensor]:
    """Every tensor of a checkpoint, plain (dense, unquantised) and on the CPU.

    path: ``.safetensors``, or a PyTorch pickle. key: the entry that holds the flat dict of tensors;
    of a tuple, the first that exists, else the file's top level. Raises :class:`CheckpointError`.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file", DOWNLOAD_AGAIN)
    if path.suffix == ".safetensors":
        state = _load_safetensors(path)
    else:
        state = _entry(_load_pickle(path), key, path)
    _refuse_swollen(state, path)
    return state


def _load_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except Exception as error:  # whatever a damaged header leads the library to
        raise damaged(path, error) from error


def _entry(content: Any, key: str | tuple[str, ...], path: Path) -> dict[str, Tensor]:
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path}: holds a {type(content).__name__}, not a dict of tensors")
    if isinstance(key, tuple):
        key = next((k for k in key if k in content), "")
    elif key not in content:
        found = ", ".join(sorted(map(_shown, content))[:_SHOWN_NAMES]) or "nothing"
        raise CheckpointError(
            f"{path}: no entry '{key}' (found: {found})", "this is not the file it is named after"
        )
    state = content[key] if key else content
    if not isinstance(state, Mapping) or not all(
        isinstance(name, str) and isinstance(t, Tensor) for name, t in state.items()
    ):
        raise CheckpointError(f"{path}: entry '{key}' is not a flat dict of tensors")
    return dict(state)


def _shown(name: object) -> str:
    return str(name)[:60]


def _load_pickle(path: Path) -> Any:
    try:
        _refuse_zip_bomb(path)
        with torch.serialization.safe_globals([argparse.Namespace]), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch, about what a damaged file claims to be
            return torch.load(path, map_location="cpu", weights_only=True)
    except CheckpointError:
        raise
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        if named is None:
            raise damaged(path, error) from error
        raise CheckpointError(
            f"{path}: refused: the file wants to build '{named[1]}', and only tensors are accepted",
            "a checkpoint with other content could run code; get it from its publisher",
        ) from error
    except Exception as error:  # a mutated pickle raises anything, from KeyError to MemoryError
        raise damaged(path, error) from error


def _refuse_zip_bomb(path: Path) -> None:
    """torch never compresses, so what a checkpoint holds is never larger than the file."""
    if not zipfile.is_zipfile(path):
        return  # the older format, a bare pickle
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    if (
        any(member.compress_type != zipfile.ZIP_STORED for member in members)
        or sum(member.file_size for member in members) > path.stat().st_size
    ):
        raise CheckpointError(
            f"{path}: refused: it would unpack to more than it is", "get it from its publisher"
        )


def _refuse_swollen(state: Mapping[str, Tensor], path: Path) -> None:
    """A few bytes can be called a huge tensor (stride 0); copying it would take all memory."""
    size = path.stat().st_size
    total = 0
    for name, tensor in state.items():
        plain = tensor.layout == torch.strided and tensor.device.type == "cpu"
        if not plain or tensor.is_quantized:
            raise CheckpointError(f"{path}: '{_shown(name)}' is not a plain tensor", DOWNLOAD_AGAIN)
        total += tensor.numel() * tensor.element_size()
        if tensor.numel() * tensor.element_size() > size or total > MOST_TIMES_THE_FILE * size:
            raise CheckpointError(
                f"{path}: refused: tensor '{_shown(name)}' {tuple(tensor.shape)} is larger than "
                "the file",
                DOWNLOAD_AGAIN,
            )
