"""As :mod:`..mouth`, for many frames at once on the device.

Pictures are float32 ``[B, 3, S, S]`` in [0, 255], fields and masks ``[B, 1, S, S]``.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .. import mouth as on_cpu
from ..opening import OPENS_FROM
from .inside import cavity, enamel, teeth_edge, were_shut
from .opening import Opening, line_off, opened, origin, parting


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


class Mouth:
    """Of one shot, in order."""

    def __init__(self) -> None:
        self._line_off: Tensor | None = None
        self._parting: Tensor | None = None
        self._shut: Tensor | None = None

    def opened(
        self, pictures: Tensor, flow: Tensor, mouth: Tensor, face: Tensor
    ) -> tuple[Opening, Tensor]:
        """And how much lips were shut, ``[B, 1, 1, 1]``."""
        much, lines, closed = [], [], []
        for now in parting(flow, mouth):
            before = now if self._parting is None else self._parting
            pace = torch.where(now > before, on_cpu.OPENING_PACE, on_cpu.SHUTTING_PACE)
            self._parting = torch.lerp(before, now, pace)
            much.append(self._parting)
        row, weight = origin(flow, mouth)
        for off in line_off(pictures, row, weight, face):
            self._line_off = _eased(self._line_off, off)
            lines.append(self._line_off)
        line = row + torch.stack(lines)
        for now, opens in zip(were_shut(pictures, face, line, weight), much, strict=True):
            before = torch.ones_like(now) if self._shut is None else self._shut
            less = torch.minimum(now, _eased(before, now, on_cpu.SHUT_PACE))
            self._shut = torch.where(opens > OPENS_FROM, less, before)
            closed.append(self._shut)
        shut = torch.stack(closed).view(-1, 1, 1, 1)
        return opened(flow, line, mouth, torch.stack(much)), shut


def inside(
    edge: Tensor, below: Tensor, height: Tensor, shut: Tensor, pictures: Tensor, face: Tensor
) -> Gap:
    """As :meth:`on_cpu.Mouth.inside`; shut: as :meth:`Mouth.opened` has it."""
    depth = (below / height.clamp(min=1e-3)).clamp(0, 1)
    white = Gap(teeth_edge(below, height, shut), enamel(pictures, face, below))
    return Gap(edge, cavity(pictures, face, depth, height), white)


def _eased(before: Tensor | None, now: Tensor, pace: float = on_cpu.PACE) -> Tensor:
    return now if before is None else torch.lerp(before, now, pace)
