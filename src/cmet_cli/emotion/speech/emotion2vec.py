"""emotion2vec+ large (ACL Findings 2024), built and run by FunASR, loaded by us.

FunASR keeps random weights wherever a checkpoint's names or shapes do not match, and says so only
in a log. So it builds the network from the folder's configuration, and the tensors are put in by
our own strict loader.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import CheckpointError, MediaError, WeightsError
from ...media.audio import SAMPLE_RATE_HZ
from ...weights.checkpoint import load_strict, read_tensors, strip_prefixes
from ...weights.registry import SPEECH_PREFIXES, SPEECH_UNUSED, WRAPPER_KEYS
from .encoder import EMOTION2VEC
from .funasr_config import HINT, MODEL_CLASS, read_model_conf

CONFIG_FILE = "config.yaml"
WEIGHT_FILES = ("model.safetensors", "model.pt")
SHORTEST_SAMPLES = 400


def find_weights_file(folder: Path) -> Path | None:
    """The encoder's tensors in a FunASR folder or in one we converted."""
    for name in WEIGHT_FILES:
        if (folder / name).is_file() and (folder / CONFIG_FILE).is_file():
            return folder / name
    return None


class Emotion2vec:
    """The published speech encoder. Loading takes seconds (FunASR imports most of itself), so it
    happens when something is to be heard: features may all come from presets or the cache."""

    def __init__(self, folder: Path, device: torch.device | None = None) -> None:
        """folder: FunASR's own (``config.yaml``, ``model.pt``). Raises :class:`WeightsError`, as
        the first :meth:`feature` may."""
        weights = find_weights_file(folder)
        if weights is None:
            raise WeightsError(
                f"{folder}: no emotion2vec model here (needs {CONFIG_FILE} and model.pt)",
                "run `cmet download-weights --only emotion2vec`",
            )
        self._device, self._folder, self._weights = device or torch.device("cpu"), folder, weights
        self._conf = read_model_conf(folder / CONFIG_FILE, weights)
        self.dim, self.name = int(self._conf["embed_dim"]), EMOTION2VEC

    @property
    def version(self) -> str:
        """Changes when the file of weights does."""
        status = self._weights.stat()
        return f"{self._weights.resolve()} {status.st_size} {status.st_mtime_ns}"

    @cached_property
    def _model(self) -> Any:
        model = _build(self._conf, self._device, self._folder)
        load_strict(model.model, _tensors(self._weights), self._weights, SPEECH_UNUSED)
        model.model.to(self._device).eval()
        return model

    def feature(self, wave: np.ndarray) -> np.ndarray:
        """16 kHz mono float32 ``[n]`` -> mean of the last layer over time, float32 ``[dim]``.

        Memory grows with the square of the time: long speech goes through
        :func:`.windows.utterance_feature`. Raises :class:`MediaError`.
        """
        if wave.size < SHORTEST_SAMPLES:
            raise MediaError(f"speech of {wave.size / SAMPLE_RATE_HZ:.3f} s is too short")
        model = self._model  # loads, outside of the silence: its errors are to be seen
        with quiet_funasr(), torch.inference_mode():
            result = model.generate(
                torch.from_numpy(wave), granularity="utterance", extract_embedding=True
            )
        feature = np.asarray(result[0]["feats"], np.float32)
        if feature.shape != (self.dim,) or not np.isfinite(feature).all():
            raise MediaError("the speech encoder gave no finite feature for this sound")
        return feature


def _build(model_conf: dict[str, Any], device: torch.device, folder: Path) -> Any:
    """FunASR's network of this description, its weights still random."""
    threads = torch.get_num_threads()
    try:
        with quiet_funasr():
            auto_model = _auto_model_class()
            return auto_model(
                model=MODEL_CLASS,
                model_conf=model_conf,
                device=str(device),
                ncpu=threads,  # FunASR would set torch's thread count to four
                disable_update=True,
                disable_pbar=True,
                disable_log=True,
            )
    except WeightsError:
        raise
    except Exception as error:
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise CheckpointError(
            f"{folder / CONFIG_FILE}: FunASR cannot build this network ({reason[:160]})", HINT
        ) from error


def _tensors(path: Path) -> dict[str, Tensor]:
    tensors = read_tensors(path, WRAPPER_KEYS)
    return {strip_prefixes(name, SPEECH_PREFIXES): tensor for name, tensor in tensors.items()}


def _auto_model_class() -> Any:
    try:
        from ...media import torch_audio  # noqa: F401 - FunASR imports torchaudio and would say less

        return importlib.import_module("funasr").AutoModel
    except ImportError as error:
        raise WeightsError(
            f"FunASR, which runs the speech encoder, cannot be imported: {error}",
            "reinstall with `pip install --force-reinstall cmet-cli`",
        ) from error


@contextlib.contextmanager
def quiet_funasr() -> Iterator[None]:
    """Keep FunASR's prints and root-logger lines off the user's terminal; undo its settings."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    previous = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(previous)
        root.handlers[:], root.level = handlers, level
