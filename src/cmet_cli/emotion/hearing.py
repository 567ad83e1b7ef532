"""What a voice is taken for: how alike its difference is to those of the named emotions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from .presets import Presets

#: Softness of the choice between names. With emotion2vec+ on 28 acted clips of one actor, each
#: left out of its own preset, 26 are nearest to their own name and its share is 0.90 on average.
TEMPERATURE = 0.1
LEAST_SHOWN = 0.05
SURE = 0.6


@dataclass(frozen=True)
class Heard:
    """shares: of each name, largest first, 1 in all; likeness: of the difference to each name's
    (cosine), in the same order; unlike: the sound is far from every voice that
    the names were learned from, so the shares mean little."""

    shares: tuple[tuple[str, float], ...] = ()
    likeness: tuple[tuple[str, float], ...] = ()
    unlike: bool = False

    def __str__(self) -> str:
        shown = [s for s in self.shares[:3] if s[1] >= LEAST_SHOWN] or self.shares[:1]
        return ", ".join(f"{name} {share:.2f}" for name, share in shown)

    @property
    def sure(self) -> bool:
        return bool(self.shares) and self.shares[0][1] >= SURE and not self.unlike


NOTHING_HEARD = Heard()


def together(several: Sequence[Heard]) -> Heard:
    """What several recordings were taken for, as one: the means of their shares."""
    several = [one for one in several if one.shares]
    if len(several) < 2:
        return several[0] if several else NOTHING_HEARD
    shares, alike = ([dict(getattr(h, part)) for h in several] for part in ("shares", "likeness"))
    names = sorted({name for one in shares for name in one})
    mean, near = (
        {name: round(sum(d.get(name, 0.0) for d in part) / len(several), 4) for name in names}
        for part in (shares, alike)
    )
    ranked = sorted(names, key=lambda name: -mean[name])
    return Heard(
        tuple((name, mean[name]) for name in ranked),
        tuple((name, near[name]) for name in ranked),
        any(one.unlike for one in several),
    )


def hear(
    vector: np.ndarray,
    target: np.ndarray,
    presets: Presets,
    among: Collection[str] | None = None,
) -> Heard:
    """vector: the emotion as a difference of features, float32 ``[dim]``; target: the speech's own
    feature; among: the names to choose from (default: all)."""
    names = [name for name in presets.names if among is None or name in among]
    if len(names) < 2:
        return Heard()
    alike = np.array(list(likeness(vector, presets, names).values()))
    shares = np.exp((alike - alike.max()) / TEMPERATURE)
    shares /= shares.sum()
    order = np.argsort(-shares)
    ranked = tuple((names[i], round(float(shares[i]), 4)) for i in order)
    cosines = tuple((names[i], round(float(alike[i]), 4)) for i in order)
    return Heard(ranked, cosines, is_unlike(target, presets))


def likeness(vector: np.ndarray, presets: Presets, names: Sequence[str]) -> dict[str, float]:
    """Cosine between a difference and each name's, -1 to 1."""
    return {name: _cosine(vector, presets.direction(name)) for name in names}


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-9))


#: Distance from the nearest preset, in the spread of that preset's own recordings, beyond which a
#: voice is none that the names were learned from.
FAR = 1.4


def is_unlike(feature: np.ndarray, presets: Presets) -> bool:
    distances = []
    for known in presets.by_name.values():
        preset = known.preset
        if preset.count < 8:
            continue  # too few to know how much voices differ, as of the user's own
        spread = float(np.sqrt(np.square(preset.spread).sum()))
        distances.append(float(np.linalg.norm(feature - preset.mean)) / max(spread, 1e-6))
    return bool(distances) and min(distances) > FAR
