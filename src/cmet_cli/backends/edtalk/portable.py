"""A small model's networks without torch, by their graphs (:mod:`~cmet_cli.weights.graphs`).

Small networks are as fast so as by :mod:`.fast`; large ones are not (``benchmarks/runtimes.py``),
and those, and whatever runs on a GPU or in another number format, are :mod:`.backend`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ...media.clock import GRID_HZ
from ...media.mel_windows import mel_window_pieces
from ...weights.folder import Weights
from ...weights.graphs import CONNECTOR, ENCODER, LIPS, MEL, RENDERER, Graph
from ..base import CodeLayout, CropSpec
from ..compute import Array, Compute, on_host, pictures_at_once
from .crop_calibration import EDTALK_CROP
from .lip_codes import LIP_BATCH, gathered
from .model_config import ModelConfig, read_config
from .sizes import EXPRESSION_DIM


@dataclass(frozen=True)
class PortableSource:
    """Source faces ready to be animated: their latent, and features and details of each scale, of
    ``B`` = 1 or one per frame."""

    parts: Sequence[np.ndarray]

    def for_frames(self, count: int) -> list[np.ndarray]:
        return [np.ascontiguousarray(np.broadcast_to(p, (count, *p.shape[1:]))) for p in self.parts]


class PortableEDTalk:
    """A :class:`~cmet_cli.backends.base.Backend` on the host's arrays."""

    frame_rate_hz = GRID_HZ

    def __init__(self, weights: Weights, config: ModelConfig, compute: Compute) -> None:
        sizes = config.edtalk
        self._weights, self._config = weights, config
        self.name, self.source = config.name, config.source
        self.crop = CropSpec(sizes.image_size_px, EDTALK_CROP)
        self.layout = CodeLayout(sizes.lip_dim, sizes.pose_dim, sizes.expression_dim, config.jaw)
        self.warnings: list[str] = []
        batch = compute.batch_size or pictures_at_once(self.crop.size_px)
        self.compute = replace(compute, batch_size=batch)
        self._encoder, self._renderer = Graph(weights, ENCODER), Graph(weights, RENDERER)

    def encode(self, images: Array) -> np.ndarray:
        return self.encode_and_prepare(images)[0]

    def prepare(self, images: Array) -> PortableSource:
        return self.encode_and_prepare(images)[1]

    def encode_and_prepare(self, images: Array) -> tuple[np.ndarray, PortableSource]:
        codes, *source = self._encoder(on_host(images))
        return codes, PortableSource(source)

    def prepared_bytes(self, source: PortableSource) -> int:
        return sum(part.nbytes for part in source.parts)

    def render(self, source: PortableSource, codes: Array) -> np.ndarray:
        return self.render_moving(source, codes)[0]

    def render_moving(self, source: PortableSource, codes: Array) -> tuple[np.ndarray, np.ndarray]:
        frames, moved = self._renderer(on_host(codes), *source.for_frames(len(codes)))
        return frames, moved

    def expected_motion(self, change: np.ndarray) -> float | None:
        return self._config.expected_motion(change)

    def lips(self, sound: Iterable[np.ndarray]) -> np.ndarray:
        pieces = mel_window_pieces(sound, self._mel_of, LIP_BATCH)
        return gathered((self._lips(windows[:, None])[0] for windows in pieces), self.layout.lip)

    def _mel_of(self, wave: np.ndarray) -> np.ndarray:
        return self._mel(wave)[0]

    @cached_property
    def _mel(self) -> Graph:
        return Graph(self._weights, MEL)

    @cached_property
    def _lips(self) -> Graph:
        return Graph(self._weights, LIPS)


class PortableConnector:
    """The C-MET connector with its calibrated gain, as :class:`.CmetConnector`."""

    def __init__(self, weights: Weights, config: ModelConfig) -> None:
        self.gain, self.speech_dim = config.gain, config.connector.speech_dim
        self._window, self._network = config.connector.window, Graph(weights, CONNECTOR)

    def predict(self, expression: np.ndarray, speech: np.ndarray) -> np.ndarray:
        """Window by window, as :meth:`.Connector.predict_clip`."""
        window, frames = self._window, len(expression)
        own = expression.astype(np.float32)
        own = np.concatenate([own, np.repeat(own[-1:], -frames % window, axis=0)])
        deltas, before = np.empty_like(own), np.zeros((1, window, EXPRESSION_DIM), np.float32)
        for start in range(0, len(own), window):
            now = slice(start, start + window)
            said = speech if speech.ndim == 1 else speech[now].mean(0)
            (before,) = self._network(before, said[None, None], own[None, now])
            deltas[now] = before[0]
        return deltas[:frames]


def load(weights: Weights, compute: Compute) -> tuple[PortableEDTalk, PortableConnector]:
    """Raises :class:`CheckpointError`."""
    config = read_config(weights.config)
    return PortableEDTalk(weights, config, compute), PortableConnector(weights, config)
