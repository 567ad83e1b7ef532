"""From a clip's own codes to the edited ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..backends.devices import Compute
from ..backends.edtalk.audio2lip import smooth_codes
from ..backends.edtalk.load import Networks
from ..errors import MediaError
from ..media.audio import decode_audio
from ..media.clock import Timeline, sound_on_grid
from ..media.files import atomic_path
from ..media.mel import SAMPLES_PER_FRAME, mel_windows
from ..media.probe import VideoInfo
from .encode import FaceCodes

LIP_BATCH = 64  # mel windows per call of the lip network


@dataclass(frozen=True)
class CodeEdit:
    """codes: edited, float32 ``[n, code_dim]``; delta: expression change at intensity 1."""

    codes: np.ndarray
    delta: np.ndarray


def lip_codes(
    info: VideoInfo, timeline: Timeline, lips: str, networks: Networks, compute: Compute
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Lip codes from the sound, per frame ``[n, lip_dim]`` (None: from the picture); warnings."""
    if lips == "video" or not info.audio_streams:
        return None, ()
    try:
        wave = decode_audio(info.path, "video")
    except MediaError as error:
        return None, (f"lips follow the picture: {error.message}",)
    wave = sound_on_grid(wave, timeline.grid_s, SAMPLES_PER_FRAME)
    windows = mel_windows(torch.from_numpy(wave))[:, None]
    with torch.inference_mode():
        parts = [networks.audio2lip(w.to(compute.device)) for w in windows.split(LIP_BATCH)]
    return timeline.from_grid(smooth_codes(torch.cat(parts)).float().cpu().numpy()), ()


def edit_codes(
    face: FaceCodes,
    timeline: Timeline,
    vector: np.ndarray,
    lips: np.ndarray | None,
    intensity: float,
    networks: Networks,
    compute: Compute,
) -> CodeEdit:
    """Pose as it was, lips as chosen, expression moved by the predicted change.

    vector: speech semantic vector ``[speech_dim]``; lips: ``[n, lip_dim]`` or None to keep them.
    """
    config, codes, device = networks.edtalk.config, face.codes.copy(), compute.device
    neutral = torch.from_numpy(timeline.to_grid(codes[:, config.expression_slice])).to(device)
    change = networks.connector.predict_clip(neutral, torch.from_numpy(vector).to(device))
    delta = timeline.from_grid(change.float().cpu().numpy()) * networks.config.gain
    codes[:, config.expression_slice] += delta * intensity
    if lips is not None:
        codes[:, config.lip_slice] = lips
    return CodeEdit(codes, delta)


def save_codes(
    path: Path,
    overwrite: bool,
    timeline: Timeline,
    face: FaceCodes,
    edit: CodeEdit,
    intensity: float,
    networks: Networks,
) -> None:
    """Every frame's codes as ``.npz``, for whoever wants to look inside."""
    config = networks.edtalk.config
    with atomic_path(path, overwrite=overwrite) as part:
        np.savez_compressed(
            part,
            times_s=timeline.times_s,
            neutral_expression=face.codes[:, config.expression_slice],
            delta=edit.delta,
            intensity=np.float32(intensity),
            pose=edit.codes[:, config.pose_slice],
            lip=edit.codes[:, config.lip_slice],
            square=face.placement.squares,
            weight=face.placement.weights,
            head=face.placement.head_offsets,
        )
