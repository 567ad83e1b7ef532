"""Training the lip network: mel windows of emotional speech to the world's lip codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...backends.edtalk.audio2lip import Audio2Lip, Audio2LipConfig, smooth_codes
from ...media.clock import GRID_HZ
from ...media.mel import CLIP
from ...media.mel_windows import FIRST_FRAME_LEAD, MEL_FRAMES_PER_S, WINDOW_COLUMNS
from ...options import Progress, no_progress
from .code_space import code_space
from .loop import TrainConfig, fingerprint, train
from .voices import MEL_PER_DB, Speech

LIP_RANK = 3  # of the 20 numbers; the others follow

MINI_NETWORK = Audio2LipConfig(channels=(16, 24, 32, 48, 64))
SCHEDULE = TrainConfig(
    steps=900, batch=12, learning_rate=3e-3, warmup_steps=30, ema_decay=0.995, bf16=True, seed=2
)


@dataclass(frozen=True)
class LipsConfig:
    """Sizes and schedule. A batch is ``batch`` runs of ``frames`` frames in a row."""

    network: Audio2LipConfig = MINI_NETWORK
    train: TrainConfig = SCHEDULE
    frames: int = 12
    #: Spread of the loudness change, so that the mouth does not follow a microphone's gain.
    gain_db: float = 4.0
    #: Weight of the codes before smoothing, against those after it.
    raw: float = 0.2


def windows_at(mel: Tensor, frames: Tensor) -> Tensor:
    """The lip network's windows. mel ``[80, T]``, 25 Hz frames ``[n]`` -> ``[n, 80, 16]``."""
    first = (frames - FIRST_FRAME_LEAD) * MEL_FRAMES_PER_S
    first = torch.div(first, GRID_HZ, rounding_mode="trunc")
    columns = (first[:, None] + torch.arange(WINDOW_COLUMNS)).clamp(0, mel.shape[1] - 1)
    return mel[:, columns].permute(1, 0, 2)


class LipsLoss:
    """Squared error of the codes, smoothed as an edit smooths them."""

    def __init__(self, model: Audio2Lip, speech: Speech, config: LipsConfig) -> None:
        self.model, self.speech, self.config = model, speech, config

    def __call__(self, step: int, rng: np.random.Generator) -> Mapping[str, Tensor]:
        config, speech, n = self.config, self.speech, self.config.frames
        inputs, targets = [], []
        for clip in rng.integers(len(speech.mel), size=config.train.batch):
            start = int(rng.integers(speech.lips.shape[1] - n + 1))
            mel = torch.from_numpy(speech.mel[clip]).float()
            mel = (mel + MEL_PER_DB * config.gain_db * rng.normal()).clamp(-CLIP, CLIP)
            inputs.append(windows_at(mel, torch.arange(start, start + n)))
            targets.append(code_space().encode_lips(speech.lips[clip, start : start + n]))
        true = torch.from_numpy(np.stack(targets))  # [B, n, 20]
        codes = self.model(torch.cat(inputs)[:, None]).float().view_as(true)
        with torch.autocast(codes.device.type, enabled=False):  # losses stay float32
            smooth = torch.stack([smooth_codes(run) for run in codes])
        error = (smooth - true)[:, 1:-1].square().sum(-1).mean() / LIP_RANK
        raw = (codes - true).square().sum(-1).mean() / LIP_RANK
        return {"loss": error + config.raw * raw, "smoothed": error, "raw": raw}


def train_lips(
    speech: Speech, config: LipsConfig, run_dir: Path, progress: Progress = no_progress
) -> Audio2Lip:
    """The lip network, resumable."""
    torch.manual_seed(config.train.seed)
    model = Audio2Lip(config.network)
    # torch's type stubs leave this form of `to` out.
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    loss, data = LipsLoss(model, speech, config), fingerprint(config, speech.lips)
    train(model, loss, config.train, run_dir, progress, stage="lips", learned_from=data)
    return model


@torch.inference_mode()
def lip_correlations(model: Audio2Lip, speech: Speech) -> np.ndarray:
    """Correlation with the truth of opening, width, rounding, mean over clips. float32 [3]."""
    scores = []
    for mel, lips in zip(speech.mel, speech.lips, strict=True):
        windows = windows_at(torch.from_numpy(mel).float(), torch.arange(len(lips)))
        codes = smooth_codes(model(windows[:, None])).numpy()
        heard = code_space().decode_lips(codes)
        scores.append([np.corrcoef(heard[:, i], lips[:, i])[0, 1] for i in range(LIP_RANK)])
    return np.mean(scores, axis=0).astype(np.float32)
