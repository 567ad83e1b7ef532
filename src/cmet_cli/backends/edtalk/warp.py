"""Features moved by the decoder's flow."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

#: Of so few channels ``grid_sample`` is faster than a table.
FEW = 4


def squashed(x: Tensor) -> Tensor:
    """The hyperbolic tangent, which torch takes eight times as long for on a CPU."""
    if x.device.type != "cpu":
        return torch.tanh(x)
    return torch.sigmoid(x * 2).mul_(2).sub_(1)


def warped(features: Tensor, raw: Tensor) -> Tensor:
    """Features ``[1 or B, C, s, s]`` moved by a raw flow ``[B, 3, s, s]``: ``[B, C, s, s]``.

    Bilinear, nothing beyond the edges. On a CPU each result is the weighted sum of four rows of a
    table of pixels, which beats ``grid_sample`` where channels lie together.
    """
    n, side = len(raw), raw.shape[-1]
    axis = torch.linspace(-1, 1, side, device=raw.device)
    flow = squashed(raw[:, :2])
    x, y = flow[:, 0] + axis, flow[:, 1] + axis[:, None]
    if raw.device.type != "cpu" or features.shape[1] <= FEW:
        every = features.float().expand(n, -1, -1, -1)
        grid = torch.stack([x, y], dim=-1)
        return F.grid_sample(every, grid, align_corners=False).to(features.dtype)
    channels, own = features.shape[1], len(features) > 1
    index, share = _corners(x, y, side)
    if own:  # each in its own part of the table
        index += torch.arange(n, dtype=torch.int32)[:, None, None, None] * side**2
    table = features.permute(0, 2, 3, 1).reshape(-1, channels)
    index, share = index.view(-1, 4), share.view(-1, 4).to(table.dtype)
    rows = F.embedding_bag(index, table, per_sample_weights=share, mode="sum")
    return rows.view(n, side, side, channels).permute(0, 3, 1, 2)


def _corners(x: Tensor, y: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Places in [-1, 1] ``[B, s, s]`` -> the four pixels around each and their shares, ``[B, s, s,
    4]``. A place that is no number has shares that are none."""
    index = torch.empty(*x.shape, 4, dtype=torch.int32)
    share = torch.empty(*x.shape, 4)
    columns, rows = _neighbours(x, side), _neighbours(y, side)
    for k, (row, of_row) in enumerate(rows):
        for j, (column, of_column) in enumerate(columns):
            torch.mul(of_row, of_column, out=share[..., 2 * k + j])
            index[..., 2 * k + j] = row * side + column
    return index, share


def _neighbours(place: Tensor, side: int) -> list[tuple[Tensor, Tensor]]:
    """Along one axis the pixels before and after places in [-1, 1], and their shares."""
    at = (place + 1) * (side / 2) - 0.5
    low = at.floor()
    more = at - low
    ways = [(low, 1 - more), (low + 1, more)]
    for pixel, share in ways:
        # What lies outside counts nothing; no number stays none.
        share.masked_fill_((pixel < 0) | (pixel >= side), 0.0)
        pixel.clamp_(0, side - 1).nan_to_num_(0.0)
    return ways
