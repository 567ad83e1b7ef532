"""As :mod:`..difference`, which says why, for many frames at once on the device.

Names and constants are those of there. Pictures are float32 ``[B, 3, S, S]`` in [0, 255], flows
``[B, 2, S, S]`` (right, down) in pixels, masks ``[B, 1, S, S]`` in [0, 1].
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from .. import difference as on_cpu
from ..lip_line import LINE_PACE
from ..mouth import PACE
from .brows import held_level, kept_together
from .colour import limited, luma
from .corners import held_up
from .furrows import Furrows, bare_skin, furrowed
from .lip_line import met, unlikely
from .lips import kept_together as lips_together
from .mouth import Frames, Gap, Memory, eased, inside, opened_along, spoken_along
from .opening import tapered, teeth
from .planes import numbers
from .recorded import Recorder
from .sampling import blur, dilate, down_mean, smoothstep, stretch, warp

#: Frames that are recorded together.
SLOTS = 32
#: What lips do: those of an edit may part, or may not; those of new words do.
PART, KEEP, SPEAK = range(3)
#: Of a row, where nobody knows it.
UNKNOWN = float("inf")


@dataclass(frozen=True, eq=False)
class Renderings:
    """Faces three times, and how the renderer says pixels moved from edited to neutral."""

    original: Tensor
    neutral: Tensor
    edited: Tensor
    flow: Tensor


@dataclass(frozen=True, eq=False)
class Where:
    """Where a change may be, where lips may part (or, kept, where they may not), where lids and
    brows are."""

    region: Tensor
    mouth: Tensor | None
    lips: Tensor | None
    eyes: Tensor
    brows: Tensor


@dataclass(frozen=True, eq=False)
class Person:
    """What the frames before say of each frame. low, high: the palette's ranges ``[B, 3, 1, 1]``,
    further: how much more motion there is to be, lips: the row in which the renderer parts them, in
    shares of the side (or unknown), ``[B, 1, 1, 1]`` each; words: how far apart these part the
    lips, and how far they are apart in the film ``[B, 2, 1, 1]``, None where there are none."""

    low: Tensor
    high: Tensor
    further: Tensor
    lips: Tensor
    words: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Difference:
    """flow ``[B, 2, S, S]``, residual ``[B, 3, S, S]``, tear ``[B, 1, S, S]``."""

    flow: Tensor
    residual: Tensor
    tear: Tensor
    gap: Gap | None = None
    furrows: Furrows | None = None

    def scaled(self, weights: Tensor) -> Difference:
        """A part of each change; weights up to 1, ``[B, 1, 1, 1]``."""
        gap = None if self.gap is None else self.gap.scaled(weights)
        flow, residual, tear = (f * weights for f in (self.flow, self.residual, self.tear))
        furrows = None if self.furrows is None else self.furrows.scaled(weights)
        return Difference(flow, residual, tear, gap, furrows)

    def of(self, frames: slice) -> Difference:
        """Of some of the frames."""
        return _difference([t[frames] for t in self.tensors()])

    def tensors(self) -> list[Tensor]:
        """All of it, furrows of no kind where there are none, layer by layer of the gap."""
        none, lines = self.flow[:, :0], self.furrows
        furrows = [none, none] if lines is None else [lines.depth, lines.phase]
        return [self.flow, self.residual, self.tear, *furrows, *_layers(self.gap)]


def _layers(gap: Gap | None) -> Iterator[Tensor]:
    while gap is not None:
        yield from (gap.edge, gap.colour)
        gap = gap.teeth


def _difference(tensors: Sequence[Tensor]) -> Difference:
    """From what :meth:`Difference.tensors` gives."""
    gap, (flow, residual, tear, depth, phase, *layers) = None, tensors
    while layers:
        *layers, edge, colour = layers
        gap = Gap(edge, colour, gap)
    furrows = Furrows(depth, phase) if depth.shape[1] else None
    return Difference(flow, residual, tear, gap, furrows)


class Differ:
    """Finds what changed in the frames of one shot, in order.

    recorders: as :func:`recorders` has them (CUDA only); None: each kernel is launched by itself.
    """

    def __init__(self, recorders: Sequence[Recorder] | None = None) -> None:
        self._recorders = recorders
        self._memory: Memory | None = None

    def __call__(self, seen: Renderings, where: Where, person: Person) -> Difference:
        n, device = len(seen.original), seen.original.device
        part = where.lips if where.mouth is None else where.mouth
        does = PART if person.words is None else SPEAK
        if where.mouth is None:
            does = KEEP
        assert part is not None
        memory = self._memory or Memory.before(seen.original)
        pictures = [seen.original, seen.neutral, seen.edited, seen.flow]
        of_frames = [*pictures, where.region, part, where.eyes, where.brows]
        words = person.words
        if words is None:
            words = torch.zeros_like(person.further).repeat(1, 2, 1, 1)
        of_frames += [person.low, person.high, person.further, person.lips, words]
        if self._recorders is None or device.type != "cuda":
            shown = torch.ones(n, dtype=torch.bool, device=device)
            out = _changes(does, [*of_frames, shown, *memory])
        else:
            slots = max(n, SLOTS)
            shown = numbers([1.0] * n + [0.0] * (slots - n), device) > 0
            like = [t[:1].expand(slots, *t.shape[1:]) for t in of_frames]
            record = self._recorders[does]
            out = record([*of_frames, shown, *memory], [*like, shown, *memory])
        kept = len(Memory._fields)
        # A recording's own tensors are overwritten when it is played again.
        self._memory = Memory(*(t.clone() for t in out[-kept:]))
        return _difference([t[:n] for t in out[:-kept]])


def recorders() -> tuple[Recorder, ...]:
    """For one painter's :class:`Differ`s, one after the other: for lips that may part, for lips
    that may not, and for lips that speak."""
    names = "lips part", "lips kept", "lips speak"
    return tuple(Recorder(partial(_changes, does), name) for does, name in enumerate(names))


def _changes(does: int, tensors: Sequence[Tensor]) -> list[Tensor]:
    """What changed, then what is remembered, as flat as a recording has it."""
    seen, (region, part, eyes, brows) = Renderings(*tensors[:4]), tensors[4:8]
    mouth, lips = (None, part) if does == KEEP else (part, None)
    low, high, further, lips_row, words, shown = tensors[8:14]
    person = Person(low, high, further, lips_row, words if does == SPEAK else None)
    where = Where(region, mouth, lips, eyes, brows)
    change, memory = changes(seen, where, person, shown, Memory(*tensors[14:]))
    return [*change.tensors(), *memory]


def changes(
    seen: Renderings, where: Where, person: Person, shown: Tensor, memory: Memory
) -> tuple[Difference, Memory]:
    """As :meth:`on_cpu.Differ.__call__`. shown: which frames count, bool ``[B]``; those that
    do come first."""
    frames = Frames.of(shown)
    flow, mouth, lips, further = seen.flow, where.mouth, where.lips, person.further
    opening = None
    small = flow.shape[-1] < on_cpu.DRAWS_NEW_PX
    moved = lips if mouth is None else mouth
    if small and moved is not None:
        flow = held_up(flow, moved, further)
    if mouth is not None:
        unlike = unlikely(seen.original, mouth, where.region)
        if small:
            ease = partial(eased, pace=LINE_PACE)
            lines, last = frames.followed(met(unlike, mouth, person.lips), memory.met, ease)
            line, memory = torch.stack(lines), memory._replace(met=last)
        told = seen.original, flow, mouth, where.region
        if person.words is None or not small:
            opening, shut, memory = opened_along(*told, unlike, memory, frames)
        else:
            opening, shut, memory = spoken_along(*told, person.words, line, memory, frames)
        flow = opening.flow
    mask = torch.maximum(changed(seen), moving(flow * (1 + further))) * where.region
    flow = flow * mask
    raw = blur(seen.edited - warp(seen.neutral, flow), on_cpu.RESIDUAL_SIGMA)
    tear = torn(raw, flow, mask, mouth)
    new = [mask] * 3
    if opening is not None:
        new = [opening.edge - tapered(mask), opening.below, opening.height]
    # Where there is no more motion to be, this adds nothing.
    more = further * (flow if mouth is None else without_parting(flow, mouth))
    more = more * (1 - float(on_cpu.CALM_EYES) * where.eyes)
    parts = warp(torch.cat([raw, tear, *new, seen.edited], dim=1), more)
    raw, tear, edge, below, height, drawn = parts.split([3, 1, 1, 1, 1, 3], dim=1)
    flow = flow + more
    if lips is not None:
        flow = without_parting(flow, lips)
        raw, tear = raw * (1 - lips), tear * (1 - lips)
    raw, shading = _steadied(raw, tear, memory.shading, frames)
    raw = raw * (1 + (on_cpu.DEEPER - 1) * tear * (luma(raw) < 0))
    wanted = raw * (mask * (tear + (1 - tear) * _shading(raw)))
    if small and mouth is not None and opening is not None:
        whole = flow, wanted, line, mouth, where.region, opening.share
        flow, wanted, memory = lips_together(*whole, memory, frames)
    if small:
        flow = held_level(flow, where.brows)
    flow = kept_together(flow, seen.original, where.brows)
    skin = warp(seen.original, flow)
    gap, furrows = None, None
    if small:
        bare, meet = bare_skin(skin, where.region) * mask, None if mouth is None else line
        furrows, memory = furrowed(flow, bare, where.brows, meet, memory, frames)
    residual = limited(skin, wanted, person.low, person.high)
    if opening is not None:
        edge = edge + opening.over * (1 - teeth(skin, where.region))
        if small:
            gap = inside(edge, below, height, shut, seen.original, where.region)
        else:
            gap = Gap(edge, skin + limited(skin, drawn - skin, person.low, person.high))
    return Difference(flow, residual, tear, gap, furrows), memory._replace(shading=shading)


def _steadied(
    residual: Tensor, tear: Tensor, before: Tensor, frames: Frames
) -> tuple[Tensor, Tensor]:
    """And that of the last."""
    pace = (PACE + (1 - PACE) * tear).expand_as(residual).unbind()
    out, last = frames.followed(residual, before, lambda a, now, k: torch.lerp(a, now, pace[k]))
    return torch.stack(out), last


def _shading(residual: Tensor) -> Tensor:
    size = luma(residual).abs() * on_cpu.SHADING + 1e-3
    return on_cpu.SHADING * on_cpu.MOST_SHADING * torch.tanh(size / on_cpu.MOST_SHADING) / size


def torn(residual: Tensor, flow: Tensor, mask: Tensor, mouth: Tensor | None) -> Tensor:
    tear = blur(luma(residual).abs(), on_cpu.TEAR_SIGMA)
    tear = smoothstep(tear, on_cpu.TEAR_FROM, on_cpu.TEAR_TO) * mask
    drawn = blur(stretch(flow), on_cpu.TEAR_SIGMA)
    tear = tear * smoothstep(drawn, on_cpu.STRETCH_FROM, on_cpu.STRETCH_TO)
    if residual.shape[-1] < on_cpu.DRAWS_NEW_PX:
        tear = tear * smoothstep(luma(residual), 0.0, on_cpu.LIGHTER)
        if mouth is not None:
            tear = tear * (1 - mouth)
    return tear


def changed(seen: Renderings) -> Tensor:
    apart = blur(seen.edited - seen.neutral, on_cpu.RESIDUAL_SIGMA).abs().amax(1, keepdim=True)
    apart = dilate(apart, round(on_cpu.REACH * apart.shape[-1]))
    far = blur(apart, on_cpu.CHANGE_SIGMA)
    return smoothstep(far, on_cpu.CHANGE_FROM, on_cpu.CHANGE_TO)


def moving(flow: Tensor) -> Tensor:
    far = flow.square().sum(1, keepdim=True).sqrt() / flow.shape[-1]
    return smoothstep(blur(far, on_cpu.CHANGE_SIGMA), on_cpu.MOVING_FROM, on_cpu.MOVING_TO)


def likeness(original: Tensor, neutral: Tensor, region: Tensor) -> Tensor:
    """Of each frame, ``[B]``."""
    total = _total(region) + 1e-6
    a, b = (luma(p) for p in (original, neutral))
    a, b = (p - _total(p * region) / total for p in (a, b))
    shared, va, vb = (_total(region * x * y) / total for x, y in ((a, b), (a, a), (b, b)))
    least = on_cpu.PLAIN**2
    return ((shared + least) / ((va * vb).sqrt() + least)).flatten()


def _total(field: Tensor) -> Tensor:
    return field.sum((2, 3), keepdim=True)


def without_parting(flow: Tensor, lips: Tensor) -> Tensor:
    return flow + lips * (down_mean(flow) - flow)
