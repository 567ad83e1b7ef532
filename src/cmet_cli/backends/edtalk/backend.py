"""EDTalk (ECCV 2024) and the C-MET connector behind the seam."""

from __future__ import annotations

import json
from array import array
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
from ...media.mel import mel_window_pieces
from ..base import CodeLayout, CropSpec
from ..devices import DTYPES, Compute, batch_for
from .audio2lip import Audio2Lip, smooth_codes
from .connector import Connector
from .crop_calibration import EDTALK_CROP
from .decoder import SourceFeatures
from .fast import FastEDTalk
from .model_config import ModelConfig
from .networks import EDTalk, EDTalkConfig

LIP_BATCH = 64  # mel windows per call of the lip network
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
        self.name, self.source, self._motion = config.name, config.source, config.motion
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
        if self._motion is None:
            return None
        return float(np.sqrt(max(0.0, change @ self._motion @ change)))

    def _try(self, frames: int) -> None:
        """Encode and render so many, to see how long it takes."""
        size, device = self.crop.size_px, self.compute.device
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
        # One growing buffer: small tensors kept among the network's large ones tear the heap, which
        # cost 600 MB over an hour of sound.
        device, codes = self.compute.device, array("f")
        with torch.inference_mode():
            for windows in mel_window_pieces(sound, LIP_BATCH):
                piece = self.audio2lip(windows[:, None].to(device))
                codes.frombytes(piece.float().cpu().numpy().tobytes())
            together = np.frombuffer(codes, np.float32).reshape(-1, self.layout.lip).copy()
            return smooth_codes(torch.from_numpy(together)).numpy() if len(together) else together


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
