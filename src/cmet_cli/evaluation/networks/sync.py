"""Sync-C and Sync-D: how surely, and how closely, lips and sound go together (SyncNet v2)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from ...errors import UsageError
from ...media.audio import SAMPLE_RATE_HZ
from . import syncnet
from .features import load_counted

SHIFT = 15  # frames to either side
COLUMNS_A_FRAME, SAMPLES_A_FRAME = 4, 640
TOGETHER = 20


@dataclass(frozen=True)
class SyncFigures:
    """c: how much nearer the best shift is than the median one; d: the distance there; shift:
    frames by which the sound comes late."""

    c: float
    d: float
    shift: int


class SyncJudge:
    def __init__(self, path: Path, device: torch.device) -> None:
        """Raises :class:`UsageError` without python_speech_features, :class:`CheckpointError`."""
        self._cepstra = cepstra_by()
        self._device, network = device, syncnet.SyncNet()
        load_counted(network, path)
        self._network = network.to(device).eval()

    @torch.inference_mode()
    def __call__(self, lips: np.ndarray, wave: np.ndarray) -> SyncFigures:
        """lips: uint8 RGB ``[n, 224, 224, 3]`` at 25 Hz; wave: float32 at 16 kHz from the same
        moment. Any length; NaN where not even one window fits."""
        sound = np.clip(np.rint(wave * 32768), -32768, 32767)  # as 16-bit files hold it
        n = min(len(lips), len(sound) // SAMPLES_A_FRAME) - syncnet.FRAMES
        if n < 1:
            return SyncFigures(math.nan, math.nan, 0)
        seen = torch.from_numpy(lips[..., ::-1].copy()).permute(3, 0, 1, 2)  # [3, n, 224, 224] BGR
        columns = torch.from_numpy(self._cepstra(sound).T.astype(np.float32))  # [13, 4 n]
        see, hear = [], []
        for start in range(0, n, TOGETHER):
            at = range(start, min(start + TOGETHER, n))
            frames = torch.stack([seen[:, i : i + syncnet.FRAMES] for i in at])
            see.append(self._network.see(frames.to(self._device).float()))
            first = [COLUMNS_A_FRAME * i for i in at]
            windows = torch.stack([columns[None, :, i : i + syncnet.COLUMNS] for i in first])
            hear.append(self._network.hear(windows.to(self._device)))
        return sync_figures(torch.cat(see).cpu(), torch.cat(hear).cpu())


def sync_figures(see: torch.Tensor, hear: torch.Tensor) -> SyncFigures:
    """Embeddings float32 ``[n, D]`` of the same moments -> figures. Beyond the ends the sound is
    nought, as published; distances are averaged over moments before the best shift is taken."""
    padded = F.pad(hear, (0, 0, SHIFT, SHIFT))
    n, width = len(see), 2 * SHIFT + 1
    shifts = padded.unfold(0, n, 1).permute(0, 2, 1)  # [31, n, D]: each shift's partners
    distances = torch.stack([F.pairwise_distance(see, shifts[k]).mean() for k in range(width)])
    least, where = distances.min(0)
    return SyncFigures(float(distances.median() - least), float(least), int(where) - SHIFT)


def cepstra_by() -> Callable[[np.ndarray], np.ndarray]:
    """The function of the package that the published figures were computed with."""
    try:
        from python_speech_features import mfcc
    except ImportError as error:
        raise UsageError(
            "Sync-C and Sync-D need python_speech_features, which is not installed",
            "pip install 'cmet[evaluation]'",
        ) from error
    return lambda sound: np.asarray(mfcc(sound, SAMPLE_RATE_HZ, numcep=syncnet.COEFFICIENTS))
