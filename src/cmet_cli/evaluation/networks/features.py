"""Features of pictures (Inception, for FID) and of videos (I3D, for FVD)."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from ...errors import CheckpointError, UsageError
from ...weights.checkpoint import load_strict
from ...weights.registry import NORM_UNUSED
from ...weights.untrusted import read_tensors
from . import i3d

TOGETHER = 16


class PictureFeatures:
    """Inception's 2048 numbers, as FID is defined on them, by torch-fidelity."""

    def __init__(self, path: Path, device: torch.device) -> None:
        """Raises :class:`UsageError` without torch-fidelity, :class:`CheckpointError`."""
        try:
            from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
        except ImportError as error:
            raise UsageError(
                "FID is computed with torch-fidelity, which is not installed",
                "pip install 'cmet[evaluation]'",
            ) from error
        tensors, self._device = read_tensors(path), device
        with tempfile.TemporaryDirectory() as folder:
            # It unpickles without restriction: so it gets a file that we wrote, of tensors alone.
            ours = Path(folder) / "inception.pth"
            torch.save(tensors, ours)
            try:
                network = FeatureExtractorInceptionV3(
                    "inception-v3-compat", ["2048"], feature_extractor_weights_path=str(ours)
                )
            except RuntimeError as error:
                words = str(error).strip().splitlines()[-1].strip()
                raise CheckpointError(f"{path}: not Inception's tensors ({words[:160]})") from error
        # A third faster on a CPU; the numbers are the same to 6e-7.
        self._network = network.to(device, memory_format=torch.channels_last).eval()

    @torch.inference_mode()
    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """uint8 RGB ``[n, H, W, 3]`` -> float32 ``[n, 2048]``."""
        found = []
        for start in range(0, len(pictures), TOGETHER):
            group = torch.from_numpy(pictures[start : start + TOGETHER]).to(self._device)
            found.append(self._network(group.permute(0, 3, 1, 2))[0].cpu().numpy())
        return np.concatenate(found) if found else np.zeros((0, 2048), np.float32)


class VideoFeatures:
    """I3D's 400 logits, as FVD is defined on them."""

    def __init__(self, path: Path, device: torch.device) -> None:
        """Raises :class:`CheckpointError`."""
        self._device, network = device, i3d.I3D()
        load_counted(network, path)
        self._network = network.to(device).eval()

    @torch.inference_mode()
    def __call__(self, pictures: np.ndarray) -> np.ndarray | None:
        """uint8 RGB ``[T, H, W, 3]`` -> float32 ``[400]``; None for fewer frames than it takes."""
        if len(pictures) < i3d.LEAST_FRAMES:
            return None
        frames = torch.from_numpy(pictures).to(self._device).permute(0, 3, 1, 2).float()
        size = (i3d.SIDE_PX, i3d.SIDE_PX)
        frames = F.interpolate(frames, size=size, mode="bilinear", align_corners=False)
        clip = (frames / 127.5 - 1).transpose(0, 1)[None]  # [1, 3, T, 224, 224]
        return self._network(clip)[0].cpu().numpy()


def load_counted(network: torch.nn.Module, path: Path) -> None:
    """Fill a network, whether or not a file holds the counters of its normalisations."""
    tensors = read_tensors(path)
    for name in network.state_dict():
        if name.endswith("num_batches_tracked"):
            tensors.setdefault(name, torch.tensor(0))
    load_strict(network, tensors, path, NORM_UNUSED)
