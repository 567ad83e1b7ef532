"""What changed between two renderings of a face: motion, shading, and where motion tore.

A renderer's blur, colour shift and identity drift are in both of its pictures and cancel here; what
is left is what the emotion did. All pictures are RGB float32 ``[S, S, 3]`` in [0, 255] of one crop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from .brows import held_level, kept_together
from .corners import held_up
from .fields import LUMA, PLAIN, blur, down_mean, over_channels, smoothstep, stretch, warp
from .furrows import Furrowed, Furrows, bare_skin
from .lip_line import LINE_PACE, met, unlikely
from .lips import Lips
from .mouth import PACE, Gap, Mouth, Words, eased
from .opening import Opening, tapered, teeth
from .palette import Palette
from .reach import Reach

#: Flow is looked for on pictures of at least this side: OpenCV's patches are 8 pixels wide.
FLOW_SIDE_PX = 128
# Gaussian sigmas in shares of the crop's side.
FLOW_SIGMA, MOTION_SIGMA = 0.016, 0.012
RESIDUAL_SIGMA, CHANGE_SIGMA, TEAR_SIGMA = 0.012, 0.02, 0.012
#: Around what changed, by this share of the side, pixels may move too.
REACH = 0.05
# Differences between the renderings, in grey levels: below the first nothing changed, above the
# second all of it counts.
CHANGE_FROM, CHANGE_TO = 2.0, 7.0
#: Residuals, in grey levels, from which on the original's own fine detail is not to be trusted.
TEAR_FROM, TEAR_TO = 8.0, 24.0
#: Share of new pixels, as the motion stretches them, from which on something can have torn at all;
#: elsewhere what motion does not explain is shading.
STRETCH_FROM, STRETCH_TO = 0.2, 0.4
#: What opens is darker than a renderer, which blurs it, shows: by this factor.
DEEPER = 1.7
#: Motion is carried on less in the eyes, by this share: lids that open too far stretch the iris.
CALM_EYES = np.float32(0.8)
#: A renderer of crops of this side at least draws what is new well enough to be shown: teeth
#: between lips that part, a furrow. What a smaller one darkens are smudges; where it has new skin,
#: by so many grey levels lighter than what is drawn out (a lid's crease), that is shown.
DRAWS_NEW_PX = 128
LIGHTER = 12.0
#: Motion, in shares of the crop's side, that counts as a change even where nothing shows.
MOVING_FROM, MOVING_TO = 0.002, 0.006
#: Where nothing tore: how much of the shading is taken over, and the grey levels it comes close to
#: but does not pass. A small renderer's wrinkles are smudges.
SHADING, MOST_SHADING = 0.7, 24.0
#: Likeness of the neutral rendering and the original (correlation of luma): lost and sure.
LOST, SURE = 0.45, 0.7
#: Mean square grey levels that motion must explain before a renderer's own can be judged by it, and
#: the share of what OpenCV's flow explains that is enough for it.
LEAST_EXPLAINED, OWN_SHARE = 1.0, 0.3


@dataclass(frozen=True, eq=False)
class Renderings:
    """One face three times: the frame's own crop, rendered with its own codes, with edited ones.

    motion: how the renderer itself says pixels moved from edited to neutral, ``[S, S, 2]``;
    expected: how far they should have, RMS in shares of the side, where that is known; words:
    where new ones are put into the mouth; lips: the row in which the renderer parts them, in shares
    of the side, where that is known.
    """

    original: np.ndarray
    neutral: np.ndarray
    edited: np.ndarray
    motion: np.ndarray | None = None
    expected: float | None = None
    words: Words | None = None
    lips: float | None = None


@dataclass(frozen=True, eq=False)
class Difference:
    """flow: float32 ``[S, S, 2]``, where each pixel comes from, relative, in pixels of the crop;
    residual: RGB float32 ``[S, S, 3]``, what is added after the motion; tear: float32 ``[S, S]`` in
    [0, 1], where the moved pixels' fine detail gives way. All are 0 where nothing changed.
    furrows: lines in the skin, by which all but the residual is darker; gap: what lies between lips
    that part, over all that.
    """

    flow: np.ndarray
    residual: np.ndarray
    tear: np.ndarray
    gap: Gap | None = None
    furrows: Furrows | None = None

    def scaled(self, weight: float) -> Difference:
        """A part of the change, for a face that fades in or out."""
        if weight >= 1.0:
            return self
        share = np.float32(weight)
        flow, residual, tear = (part * share for part in (self.flow, self.residual, self.tear))
        gap = None if self.gap is None else self.gap.scaled(weight)
        furrows = None if self.furrows is None else self.furrows.scaled(weight)
        return Difference(flow, residual, tear, gap, furrows)


class _Where(NamedTuple):
    """Where things may be, as :meth:`Differ.__call__` takes it."""

    region: np.ndarray
    mouth: np.ndarray | None
    lips: np.ndarray | None
    eyes: np.ndarray | None
    brows: np.ndarray | None


class Differ:
    """Finds what changed, frame after frame of one shot. For one thread."""

    def __init__(self) -> None:
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._dis.setFinestScale(0)
        self._own_motion: bool | None = None  # whether the renderer's motion is used
        self._shading: np.ndarray | None = None
        self._line: np.ndarray | None = None  # the row in which lips meet, parted or not
        self._mouth, self._lips, self._furrowed = Mouth(), Lips(), Furrowed()
        self._reach = Reach()

    def __call__(
        self,
        seen: Renderings,
        region: np.ndarray,
        palette: Palette,
        mouth: np.ndarray | None = None,
        lips: np.ndarray | None = None,
        eyes: np.ndarray | None = None,
        brows: np.ndarray | None = None,
    ) -> Difference:
        """region: float32 ``[S, S]`` in [0, 1], where a change may be (0 at the crop's border
        unless the crop is the whole picture); palette: this person's colours; mouth: where lips
        may part; lips: where they may not, but move as a whole; eyes: where lids are; brows: where
        brows may be raised to. All ``[S, S]`` in [0, 1]."""
        where = _Where(region, mouth, lips, eyes, brows)
        flow = self.flow(seen)
        further = self._reach(flow, seen.expected) if seen.expected is not None else 0.0
        flow, opening = self._parted(seen, flow, further, where)
        mask = np.maximum(changed(seen), moving(flow * (1 + further))) * region
        flow = flow * mask[..., None]
        raw = blur(seen.edited - warp(seen.neutral, flow), RESIDUAL_SIGMA)
        tear, drawn = torn(raw, flow, mask, mouth), seen.edited
        edge = None
        if opening is not None:
            edge = np.dstack([opening.edge - tapered(mask), opening.below, opening.height])
        if further:  # what was drawn goes along with the skin
            more = _more_motion(flow, further, where)
            raw, tear = warp(raw, more), warp(tear, more)
            if edge is not None:
                edge, drawn = warp(edge, more), warp(drawn, more)
            flow = flow + more
        if lips is not None:
            flow = without_parting(flow, lips)
            raw, tear = raw * (1 - lips)[..., None], tear * (1 - lips)
        wanted = self._shaded(raw, tear, mask)
        flow, wanted = self._kept_whole(seen, flow, wanted, opening, where)
        skin = warp(seen.original, flow)
        furrows = self._furrows(flow, skin, mask, where)
        gap = None
        if opening is not None and edge is not None:
            edge[..., 0] += opening.over * (1 - teeth(skin, region))
            gap = self._gap(seen, edge, skin, drawn, palette, region)
        return Difference(flow, palette.limited(skin, wanted), tear, gap, furrows)

    def _parted(
        self, seen: Renderings, flow: np.ndarray, further: float | np.float32, where: _Where
    ) -> tuple[np.ndarray, Opening | None]:
        """The motion with the lips' own: apart where they may part."""
        small, mouth, region = len(flow) < DRAWS_NEW_PX, where.mouth, where.region
        moved = where.lips if mouth is None else mouth
        if small and moved is not None:
            flow = held_up(flow, moved, further)
        if mouth is None:
            return flow, None
        unlike = unlikely(seen.original, mouth, region)
        if small:
            self._line = eased(self._line, met(unlike, mouth, seen.lips), LINE_PACE)
        told = seen.original, flow, mouth, region
        if seen.words is None or self._line is None:
            opening = self._mouth.opened(*told, unlike)
        else:
            opening = self._mouth.spoken(*told, seen.words, self._line)
        return flow if opening is None else opening.flow, opening

    def _shaded(self, raw: np.ndarray, tear: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """What of a residual is taken over: where nothing tore, shading only."""
        raw = self._steadied(raw, tear)
        raw = raw * (1 + np.float32(DEEPER - 1) * tear * (raw @ LUMA < 0))[..., None]
        return np.asarray(raw * (mask * (tear + (1 - tear) * _shading(raw)))[..., None])

    def _kept_whole(
        self,
        seen: Renderings,
        flow: np.ndarray,
        wanted: np.ndarray,
        opening: Opening | None,
        where: _Where,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Motion and shading with lips and brows moved as what they are."""
        if where.mouth is not None and self._line is not None:
            parted = 0.0 if opening is None else opening.share
            told = flow, wanted, self._line, where.mouth, where.region, parted
            flow, wanted = self._lips.kept_together(*told)
        if where.brows is not None:
            flow = held_level(flow, where.brows) if len(flow) < DRAWS_NEW_PX else flow
            flow = kept_together(flow, seen.original, where.brows)
        return flow, wanted

    def _furrows(
        self, flow: np.ndarray, skin: np.ndarray, mask: np.ndarray, where: _Where
    ) -> Furrows | None:
        """skin: as it is moved."""
        if len(flow) >= DRAWS_NEW_PX or where.brows is None:
            return None  # a larger renderer draws these itself
        bare = bare_skin(skin, where.region) * mask
        return self._furrowed(flow, bare, where.brows, self._line)

    def _gap(
        self,
        seen: Renderings,
        edge: np.ndarray,
        skin: np.ndarray,
        drawn: np.ndarray,
        palette: Palette,
        region: np.ndarray,
    ) -> Gap:
        """edge: and how far below it and how high the gap is ``[S, S, 3]``; drawn: what a larger
        renderer shows there."""
        if len(edge) >= DRAWS_NEW_PX:
            return Gap(edge[..., 0], skin + palette.limited(skin, drawn - skin))
        return self._mouth.inside(edge[..., 0], edge[..., 1], edge[..., 2], seen.original, region)

    def _steadied(self, residual: np.ndarray, tear: np.ndarray) -> np.ndarray:
        """Shading comes and goes slowly, so it is taken over bit by bit; what tore is of now."""
        if self._shading is None:
            self._shading = residual
        pace = np.float32(PACE) + np.float32(1 - PACE) * tear[..., None]
        self._shading = self._shading + pace * (residual - self._shading)
        return self._shading

    @property
    def follows_renderer(self) -> bool:
        """Whether it is settled that the renderer's own motion is used."""
        return self._own_motion is True

    @property
    def settled(self) -> bool:
        """Whether it is settled whose motion is used."""
        return self._own_motion is not None

    def flow(self, seen: Renderings) -> np.ndarray:
        """The renderer's own account of the motion, where that explains the change; else OpenCV's.

        Its own is steadier and follows far moves (raised brows), but a renderer may be built so
        that its warp means little. Decided once, so that the two do not alternate.
        """
        if seen.motion is None or self._own_motion is False:
            return self._seen_flow(seen)
        own = blur(seen.motion, MOTION_SIGMA)
        # No motion explains more than there is; where that is too little, all are alike.
        if self._own_motion is None and _left(seen, seen.neutral) >= LEAST_EXPLAINED:
            looked = self._seen_flow(seen)
            by_own, by_looks = (_explained(seen, flow) for flow in (own, looked))
            if by_looks < LEAST_EXPLAINED:
                return own if by_own >= by_looks else looked
            self._own_motion = by_own >= OWN_SHARE * by_looks
            return own if self._own_motion else looked
        return own

    def _seen_flow(self, seen: Renderings) -> np.ndarray:
        size = seen.neutral.shape[0]
        side = max(size, FLOW_SIDE_PX)
        before, after = (self._grey(p, side) for p in (seen.edited, seen.neutral))
        start = np.zeros((side, side, 2), np.float32)
        found = np.asarray(self._dis.calc(before, after, start), np.float32)
        flow = blur(found, FLOW_SIGMA)
        if side == size:
            return flow
        small = cv2.resize(flow, (size, size), interpolation=cv2.INTER_AREA)
        return np.asarray(small * (size / side), np.float32)

    @staticmethod
    def _grey(picture: np.ndarray, side: int) -> np.ndarray:
        grey = cv2.resize(picture @ LUMA, (side, side), interpolation=cv2.INTER_CUBIC)
        return np.rint(np.clip(grey, 0, 255)).astype(np.uint8)


def _more_motion(flow: np.ndarray, further: float | np.float32, where: _Where) -> np.ndarray:
    """What is moved beyond what was rendered: so much more."""
    more = further * (flow if where.mouth is None else without_parting(flow, where.mouth))
    if where.eyes is not None:
        more = more * (1 - CALM_EYES * where.eyes)[..., None]
    return more


def _shading(residual: np.ndarray) -> np.ndarray:
    """The share of a residual that counts as shading. float32 ``[S, S]``."""
    size = np.abs(residual @ LUMA) * np.float32(SHADING) + np.float32(1e-3)
    return np.float32(SHADING * MOST_SHADING) * np.tanh(size / np.float32(MOST_SHADING)) / size


def _explained(seen: Renderings, flow: np.ndarray) -> float:
    """How much of the change the motion explains, in mean square grey levels."""
    return _left(seen, seen.neutral) - _left(seen, warp(seen.neutral, flow))


def _left(seen: Renderings, picture: np.ndarray) -> float:
    """What of the edited rendering a picture does not show, in mean square grey levels."""
    return float(np.square(seen.edited - picture).mean())


def torn(
    residual: np.ndarray, flow: np.ndarray, mask: np.ndarray, mouth: np.ndarray | None
) -> np.ndarray:
    """Where what motion draws out gives way to what was rendered. float32 ``[S, S]`` in [0, 1]."""
    tear = smoothstep(blur(np.abs(residual @ LUMA), TEAR_SIGMA), TEAR_FROM, TEAR_TO)
    tear *= smoothstep(blur(stretch(flow), TEAR_SIGMA), STRETCH_FROM, STRETCH_TO) * mask
    if len(residual) < DRAWS_NEW_PX:
        tear *= smoothstep(residual @ LUMA, 0.0, LIGHTER)
        if mouth is not None:
            tear *= 1 - mouth
    return tear


def changed(seen: Renderings) -> np.ndarray:
    """Soft mask of what the edit changed in the renderings. float32 ``[S, S]`` in [0, 1]."""
    size = seen.neutral.shape[0]
    apart = np.abs(blur(seen.edited - seen.neutral, RESIDUAL_SIGMA))
    apart = over_channels(np.maximum, apart)
    reach = 2 * round(REACH * size) + 1
    apart = cv2.dilate(apart, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    return smoothstep(blur(apart, CHANGE_SIGMA), CHANGE_FROM, CHANGE_TO)


def moving(flow: np.ndarray) -> np.ndarray:
    """Soft mask of what moves, whether or not it shows in the renderings. float32 ``[S, S]``."""
    size = flow.shape[0]
    far = cv2.magnitude(flow[..., 0], flow[..., 1]) / np.float32(size)
    return smoothstep(blur(far, CHANGE_SIGMA), MOVING_FROM, MOVING_TO)


def likeness(seen: Renderings, region: np.ndarray) -> float:
    """How well the neutral rendering shows the frame: correlation of luma in ``region``, up to 1.

    Noise of a few grey levels on a plain picture does not count against it.
    """
    total = float(region.sum()) + 1e-6
    pair = [p @ LUMA for p in (seen.original, seen.neutral)]
    a, b = (p - float((p * region).sum()) / total for p in pair)
    shared, va, vb = (float((region * x * y).sum()) / total for x, y in ((a, b), (a, a), (b, b)))
    return (shared + PLAIN**2) / (np.sqrt(va * vb) + PLAIN**2)


def trust(like: float) -> float:
    """Likeness -> how much of the edit is shown, from 0 (tracking lost) to 1."""
    return float(smoothstep(np.float32(like), LOST, SURE))


def without_parting(flow: np.ndarray, lips: np.ndarray) -> np.ndarray:
    """Motion with that of the lips as a whole where they are: ``[S, S]`` in [0, 1]."""
    return flow + lips[..., None] * (down_mean(flow) - flow)
