"""HDR signals as a network trained on SDR pictures should see them, and back again.

Every channel goes by itself through one rising curve: signal -> display light -> highlights
compressed -> SDR's gamma. So the way back is exact, near black and in highlights too; a matrix to
BT.709's primaries in between would cost dark channels their precision (PQ is steep there) and clip
saturated colours. BT.2020 skin therefore looks a little paler to the network than in an SDR grade.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

WHITE_NITS = 203.0  # diffuse white, ITU-R BT.2408
KNEE = 0.5  # of diffuse white: below it light is kept as it is
SDR_GAMMA = 2.4
PQ_PEAK_NITS = 10_000.0
HLG_PEAK_NITS = 1_000.0
HLG_SYSTEM_GAMMA = 1.2
# SMPTE ST 2084
_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
# ARIB STD-B67
_A, _B, _C = 0.17883277, 0.28466892, 0.55991073

#: NumPy's arrays or torch's tensors, and the module (``xp``) that has ``clip``, ``where`` and the
#: like for them: torch is not imported here.
Numbers = Any
Curve = Callable[[Numbers, Any], Numbers]


def _pq_to_light(signal: Numbers, xp: Any) -> Numbers:
    root = signal ** (1 / _M2)
    return (xp.clip(root - _C1, 0, None) / (_C2 - _C3 * root)) ** (1 / _M1)


def _light_to_pq(light: Numbers, xp: Any) -> Numbers:
    power = light**_M1
    return ((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2


def _hlg_to_light(signal: Numbers, xp: Any) -> Numbers:
    scene = xp.where(signal <= 0.5, signal**2 / 3, (xp.exp((signal - _C) / _A) + _B) / 12)
    return xp.clip(scene, None, 1) ** HLG_SYSTEM_GAMMA


def _light_to_hlg(light: Numbers, xp: Any) -> Numbers:
    scene = light ** (1 / HLG_SYSTEM_GAMMA)
    upper = _A * xp.log(xp.clip(12 * scene - _B, 1e-9, None)) + _C
    return xp.where(scene <= 1 / 12, xp.sqrt(3 * scene), upper)


@dataclass(frozen=True)
class ToneMap:
    """One transfer function's way to SDR. Arrays (or tensors, with ``xp=torch``) are float32 in
    [0, 1] on both sides."""

    peak_nits: float
    to_light: Curve  # signal -> share of the peak
    from_light: Curve

    @property
    def _bend(self) -> float:
        return (1 - KNEE) / (self.peak_nits / WHITE_NITS - 1)

    def to_sdr(self, signal: Numbers, xp: Any = np) -> Numbers:
        """HDR signal -> SDR signal, strictly rising; 0 -> 0 and 1 -> 1."""
        peak, bend = self.peak_nits / WHITE_NITS, self._bend
        light = self.to_light(xp.clip(signal, 0, 1), xp) * peak  # 1 is diffuse white
        over = xp.clip(light - KNEE, 0, None) / (peak - KNEE)
        high = KNEE + (1 - KNEE) * over * (1 + bend) / (over + bend)
        tone = xp.where(light <= KNEE, light, high)
        return tone ** (1 / SDR_GAMMA)

    def from_sdr(self, signal: Numbers, xp: Any = np) -> Numbers:
        """The way back."""
        peak, bend = self.peak_nits / WHITE_NITS, self._bend
        tone = xp.clip(signal, 0, 1) ** SDR_GAMMA
        share = xp.clip(tone - KNEE, 0, None) / (1 - KNEE)
        high = KNEE + (peak - KNEE) * share * bend / (1 + bend - share)
        light = xp.where(tone <= KNEE, tone, high)
        return self.from_light(xp.clip(light / peak, 0, 1), xp)


#: By ffmpeg's name of the transfer function.
TONE_MAPS = {
    "smpte2084": ToneMap(PQ_PEAK_NITS, _pq_to_light, _light_to_pq),
    "arib-std-b67": ToneMap(HLG_PEAK_NITS, _hlg_to_light, _light_to_hlg),
}


def sdr_table(transfer: str) -> np.ndarray | None:
    """For reduced 8-bit pictures: SDR value of each HDR one, uint8 ``[256]``; None for SDR."""
    tone_map = TONE_MAPS.get(transfer)
    if tone_map is None:
        return None
    levels = np.arange(256, dtype=np.float32) / 255
    return np.rint(tone_map.to_sdr(levels) * 255).astype(np.uint8)
