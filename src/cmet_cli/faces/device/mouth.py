"""As :mod:`..mouth`, for many frames at once on the device.

Pictures are float32 ``[B, 3, S, S]`` in [0, 255], fields and masks ``[B, 1, S, S]``. What is
remembered goes in and comes out, so that all of it can be recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from .. import mouth as on_cpu
from ..lip_line import LINE_PACE
from ..opening import OPENS_FROM, WORDS_TO
from .corners import central
from .inside import cavity, enamel, teeth_edge, were_shut
from .lip_line import parted
from .opening import Opening, opened, opened_by_words, origin, parting


@dataclass(frozen=True, eq=False)
class Gap:
    """edge ``[B, 1, S, S]``, colour ``[B, 3, S, S]``."""

    edge: Tensor
    colour: Tensor
    teeth: Gap | None = None

    def scaled(self, weights: Tensor) -> Gap:
        widest = self.edge.amax((2, 3), keepdim=True).clamp(min=0)
        teeth = None if self.teeth is None else self.teeth.scaled(weights)
        return Gap(self.edge - (1 - weights) * widest, self.colour, teeth)


class Memory(NamedTuple):
    """What a shot's frames so far leave behind. met, line: the row in which lips meet, and in which
    they part, ``[1, 1, S]``; parting, shut, seen_shut ``[]``; together ``[2]``, that of
    :mod:`.lips`; furrows ``[5]``, that of :mod:`.furrows`; shading, that of :mod:`.difference`,
    ``[3, S, S]``. What no frame has told is infinite.
    """

    met: Tensor
    line: Tensor
    parting: Tensor
    shut: Tensor
    seen_shut: Tensor
    together: Tensor
    furrows: Tensor
    shading: Tensor

    @classmethod
    def before(cls, pictures: Tensor) -> Memory:
        """Before the first frame of a shot."""
        side = pictures.shape[-1]

        def unknown(*shape: int) -> Tensor:
            return torch.full(shape, torch.inf, device=pictures.device)

        line, shading = unknown(1, 1, side), unknown(3, side, side)
        shut = torch.ones((), device=pictures.device)
        told = unknown(), shut, unknown(), unknown(2), unknown(5)
        return cls(line, line.clone(), *told, shading)


@dataclass(frozen=True)
class Frames:
    """Which of the frames count, bool ``[]`` each: those that do come first, and after the others
    all is remembered as before."""

    count: tuple[Tensor, ...]

    @classmethod
    def of(cls, shown: Tensor) -> Frames:
        """shown: bool ``[B]``."""
        return cls(shown.unbind())

    def followed(
        self,
        values: Iterable[Tensor],
        before: Tensor,
        ease: Callable[[Tensor, Tensor, int], Tensor],
    ) -> tuple[list[Tensor], Tensor]:
        """What is measured of each frame, ``ease(before, now, k)`` bit by bit, and the last; where
        nothing was before, it begins with what is measured."""
        out = []
        for k, now in enumerate(values):
            # In every frame: one that does not count leaves nothing, and rows are looked up by it.
            known = torch.where(torch.isinf(before), now, before)
            out.append(ease(known, now, k))
            before = torch.where(self.count[k], out[-1], before)
        return out, before


def opened_along(
    pictures: Tensor,
    flow: Tensor,
    mouth: Tensor,
    face: Tensor,
    unlike: Tensor,
    memory: Memory,
    frames: Frames,
) -> tuple[Opening, Tensor, Memory]:
    """As :meth:`on_cpu.Mouth.opened`; how much lips were shut, ``[B, 1, 1, 1]``; what is remembered
    then."""

    def open_or_shut(before: Tensor, now: Tensor, _: int) -> Tensor:
        pace = torch.where(now > before, on_cpu.OPENING_PACE, on_cpu.SHUTTING_PACE)
        return torch.lerp(before, now, pace)

    much, parts = frames.followed(parting(flow, mouth), memory.parting, open_or_shut)

    row, weight = origin(flow, mouth)
    found = parted(unlike, row, weight)
    lines, last_line = frames.followed(found, memory.line, partial(eased, pace=LINE_PACE))
    line = torch.stack(lines)

    shut = were_shut(pictures, face, line, weight)
    told = [m > OPENS_FROM for m in much]
    closed, memory = _shut(shut, told, memory._replace(line=last_line, parting=parts), frames)
    return opened(flow, line, mouth, torch.stack(much)), closed, memory


def spoken_along(
    pictures: Tensor,
    flow: Tensor,
    mouth: Tensor,
    face: Tensor,
    words: Tensor,
    line: Tensor,
    memory: Memory,
    frames: Frames,
) -> tuple[Opening, Tensor, Memory]:
    """As :meth:`on_cpu.Mouth.spoken`; words: how far apart lips are by what is said and by what is
    read in the film, ``[B, 2, 1, 1]``; line: ``[B, 1, 1, S]``. -> as :func:`opened_along`."""
    said, filmed = words.split(1, 1)
    shut = were_shut(pictures, face, line, central(mouth))
    seen, last = frames.followed(shut, memory.seen_shut, eased)
    wide = (filmed - on_cpu.QUIET).clamp(0, on_cpu.TOO_WIDE)
    further = said - filmed + torch.stack(seen).view(-1, 1, 1, 1) * wide
    told = (further.flatten() >= WORDS_TO).unbind()
    closed, memory = _shut(shut, told, memory._replace(seen_shut=last), frames)
    return opened_by_words(flow, line, mouth, further), closed, memory


def _shut(
    shut: Tensor, told: Sequence[Tensor], memory: Memory, frames: Frames
) -> tuple[Tensor, Memory]:
    """How much lips were shut, followed through the frames that tell; and what is remembered."""

    def less(before: Tensor, now: Tensor, k: int) -> Tensor:
        eased_up = torch.minimum(now, torch.lerp(before, now, on_cpu.SHUT_PACE))
        return torch.where(told[k], eased_up, before)

    closed, last = frames.followed(shut, memory.shut, less)
    return torch.stack(closed).view(-1, 1, 1, 1), memory._replace(shut=last)


def inside(
    edge: Tensor, below: Tensor, height: Tensor, shut: Tensor, pictures: Tensor, face: Tensor
) -> Gap:
    """As :meth:`on_cpu.Mouth.inside`; shut: as :func:`opened_along` has it."""
    depth = (below / height.clamp(min=1e-3)).clamp(0, 1)
    white = Gap(teeth_edge(below, height, shut), enamel(pictures, face, below, height))
    return Gap(edge, cavity(pictures, face, depth, height), white)


def eased(before: Tensor, now: Tensor, _: int, pace: float = on_cpu.PACE) -> Tensor:
    return torch.lerp(before, now, pace)
