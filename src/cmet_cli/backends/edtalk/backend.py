"""EDTalk (ECCV 2024) and the C-MET connector behind the seam."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from ...errors import WeightsError
from ...log import log
from ...media.clock import GRID_HZ
from ...media.mel import spectrogram
from ...media.mel_windows import mel_window_pieces
from ..base import CodeLayout, CropSpec
from ..compute import Compute
from ..devices import DTYPES, batch_for
from .audio2lip import Audio2Lip
from .connector import Connector
from .crop_calibration import EDTALK_CROP
from .decoder import SourceFeatures
from .fast import FastEDTalk
from .lip_codes import LIP_BATCH, gathered
from .model_config import ModelConfig
from .networks import EDTalk, EDTalkConfig

BLACK = -0.99  # a picture without anything brighter than this shows nothing


@dataclass(frozen=True)
class PreparedSource:
    """A source face ready to be animated, and the images it came from, in case reduced precision
    breaks down and it has to be prepared again."""

    features: SourceFeatures
    images: Tensor


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
        self.name, self.source, self._config = config.name, config.source, config
        self.crop = CropSpec(sizes.image_size_px, EDTALK_CROP)
        self.layout = CodeLayout(sizes.lip_dim, sizes.pose_dim, sizes.expression_dim, config.jaw)
        self.warnings: list[str] = []
        self._laid_out: dict[str, FastEDTalk] = {}
        self.compute = compute
        networks = "" if sizes == EDTalkConfig() else f"{crc32(repr(sizes).encode()):08x}"
        self.compute = batch_for(compute, sizes.image_size_px, self._try, networks)
        self.labels_name = "edtalk"
        self.labels = published_labels() if sizes == EDTalkConfig() else {}

    def encode(self, images: Tensor) -> Tensor:
        with torch.inference_mode():
            codes = self._networks().encode(images)
            if self._broke_down(~codes.isfinite().all(-1)):
                codes = self._networks("fp32").encode(images)
        return codes

    def prepare(self, images: Tensor) -> PreparedSource:
        with torch.inference_mode():
            return PreparedSource(self._networks().prepare_source(images), images)

    def encode_and_prepare(self, images: Tensor) -> tuple[Tensor, PreparedSource]:
        with torch.inference_mode():
            codes, features = self._networks().encode_and_prepare(images)
            if self._broke_down(~codes.isfinite().all(-1)):
                codes = self._networks("fp32").encode(images)
            return codes, PreparedSource(features, images)

    def prepared_bytes(self, source: PreparedSource) -> int:
        return source.images.nbytes + source.features.nbytes

    def render(self, source: PreparedSource, codes: Tensor) -> Tensor:
        return self.render_moving(source, codes)[0]

    def render_moving(self, source: PreparedSource, codes: Tensor) -> tuple[Tensor, Tensor]:
        with torch.inference_mode():
            frames, moved = self._networks().render_moving(source.features, codes)
            if self._broke_down(shows_nothing(frames)):
                exact = self._networks("fp32")
                again = exact.prepare_source(source.images)
                frames, moved = exact.render_moving(again, codes)
            return frames.clamp(-1, 1), moved.permute(0, 2, 3, 1)

    def expected_motion(self, change: np.ndarray) -> float | None:
        return self._config.expected_motion(change)

    def _try(self, frames: int) -> None:
        """Encode and render so many, to see how long it takes."""
        size, device = self.crop.size_px, self.compute.torch_device
        images = torch.zeros(frames, 3, size, size, device=device)
        self.render(self.prepare(images[:1]), self.encode(images)).cpu()

    def _networks(self, precision: str = "") -> FastEDTalk:
        """In the chosen number format; each is laid out when it is first wanted."""
        precision = precision or self.compute.precision
        if precision not in self._laid_out:
            self._laid_out[precision] = FastEDTalk(self.edtalk, DTYPES[precision])
        return self._laid_out[precision]

    def _broke_down(self, broken: Tensor) -> bool:
        """Whether a batch must be computed again in float32; says so once."""
        if self.compute.precision == "fp32" or not bool(broken.any()):
            return False
        words = f"{self.compute.precision} was too coarse for some frames; redone in fp32"
        log.warning("%s: %d frames of a batch", words, int(broken.sum()))
        if words not in self.warnings:
            self.warnings.append(words)
        return True

    def lips(self, sound: Iterable[np.ndarray]) -> np.ndarray:
        if self.audio2lip is None:
            raise WeightsError(f"{self.name}: the lip network is not loaded")
        with torch.inference_mode():
            return gathered(
                map(self._lips_of, mel_window_pieces(sound, spectrogram, LIP_BATCH)),
                self.layout.lip,
            )

    def _lips_of(self, windows: np.ndarray) -> np.ndarray:
        assert self.audio2lip is not None
        there = torch.from_numpy(windows)[:, None].to(self.compute.torch_device)
        return self.audio2lip(there).float().cpu().numpy()


def shows_nothing(frames: Tensor) -> Tensor:
    """Which of ``[B, 3, S, S]`` hold NaN or infinite values, or are all black. bool ``[B]``."""
    flat = frames.flatten(1)
    return ~flat.isfinite().all(1) | (flat.amax(1) < BLACK)


def published_labels() -> dict[str, np.ndarray]:
    """EDTalk's own expression code for each of eight emotions, float32 ``[10]``; they mean nothing
    to a renderer of other weights."""
    text = Path(__file__).with_name("expression_codes.json").read_text("utf-8")
    return {name: np.array(code, np.float32) for name, code in json.loads(text)["codes"].items()}


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
