"""One take before the networks whose weights are here."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..errors import MediaError
from ..media.audio import SAMPLE_RATE_HZ
from .networks.load import Networks
from .pictures import FacePictures, uniformly

#: Of a take, evenly from its beginning to its end.
LOOKED_AT = 16


@dataclass(frozen=True)
class Judged:
    """values by mark, NaN where it could not be told; logits: of the expression classifier over the
    edit, the mean of its frames."""

    values: dict[str, float]
    logits: np.ndarray | None = None


def judge(
    networks: Networks,
    before: FacePictures,
    after: FacePictures,
    emotion: str,
    sound: Callable[[], np.ndarray],
) -> Judged:
    """emotion: the name asked for, "" for none; sound: the input's, float32 at 16 kHz, from the
    container's time zero; raises :class:`MediaError` where there is none."""
    values, logits = dict[str, float](), None
    looked_at = uniformly(after.faces, LOOKED_AT)
    if networks.expression is not None:
        logits = networks.expression.logits(looked_at)
        known = logits is not None and bool(emotion)
        values["net_expression"] = (
            networks.expression.probability(logits, emotion)
            if known and logits is not None
            else math.nan
        )
    if networks.identity is not None:
        values["identity"] = networks.identity(uniformly(before.faces, LOOKED_AT), looked_at)
    if networks.sync is not None:
        values["sync_c"] = values["sync_d"] = math.nan
        try:
            wave = sound()[round(after.lips_s * SAMPLE_RATE_HZ) :]
        except MediaError:
            return Judged(values, logits)
        found = networks.sync(after.lips, wave)
        values["sync_c"], values["sync_d"] = found.c, found.d
    return Judged(values, logits)
