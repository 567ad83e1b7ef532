"""EDTalk (ECCV 2024) and the C-MET connector behind the seam."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ...errors import WeightsError
from ...media.mel import GRID_HZ, mel_windows
from ..base import CodeLayout, CropSpec
from ..devices import Compute, batch_for
from .audio2lip import Audio2Lip, smooth_codes
from .config import ModelConfig
from .connector import Connector
from .decoder import SourceFeatures
from .networks import EDTalk

LIP_BATCH = 64  # mel windows per call of the lip network


class EDTalkBackend:
    """The networks in evaluation mode on one device: a :class:`~cmet_cli.backends.base.Backend`.

    audio2lip: may be left out where no lips are asked for.
    """

    frame_rate_hz = GRID_HZ

    def __init__(
        self, edtalk: EDTalk, audio2lip: Audio2Lip | None, config: ModelConfig, compute: Compute
    ) -> None:
        sizes = edtalk.config
        self.edtalk, self.audio2lip = edtalk, audio2lip
        self.name, self.source = config.name, config.source
        self.crop = CropSpec(sizes.image_size_px)
        self.layout = CodeLayout(sizes.lip_dim, sizes.pose_dim, sizes.expression_dim)
        self.compute = batch_for(compute, sizes.image_size_px)

    def encode(self, images: Tensor) -> Tensor:
        with self.compute.autocast(), torch.inference_mode():
            latent, _ = self.edtalk.encode(images)
        return self.edtalk.latent_to_codes(latent.float())

    def prepare(self, images: Tensor) -> SourceFeatures:
        with self.compute.autocast(), torch.inference_mode():
            return self.edtalk.prepare_source(images)

    def render(self, source: SourceFeatures, codes: Tensor) -> Tensor:
        with self.compute.autocast(), torch.inference_mode():
            return self.edtalk.render(source, codes).float().clamp(-1, 1)

    def lips(self, wave: np.ndarray) -> np.ndarray:
        if self.audio2lip is None:
            raise WeightsError(f"{self.name}: the lip network is not loaded")
        windows = mel_windows(torch.from_numpy(wave))[:, None]
        with torch.inference_mode():
            parts = [self.audio2lip(w.to(self.compute.device)) for w in windows.split(LIP_BATCH)]
        return smooth_codes(torch.cat(parts)).float().cpu().numpy()


class CmetConnector:
    """The C-MET connector with its calibrated gain."""

    def __init__(self, network: Connector, gain: float, device: torch.device) -> None:
        self.network, self.gain, self._device = network, gain, device
        self.speech_dim = network.config.speech_dim

    def predict(self, expression: np.ndarray, speech: np.ndarray) -> np.ndarray:
        change = self.network.predict_clip(
            torch.from_numpy(expression).to(self._device), torch.from_numpy(speech).to(self._device)
        )
        return change.float().cpu().numpy()
