"""The connector's three losses (C-MET, CVPR 2026): the paper's forms and the published code's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from ...errors import UsageError

FOCAL_SLOPE = 0.2
RECONSTRUCTIONS = ("focal", "l2")
CONTRASTS = ("labels", "pairs")
DIRECTIONS = ("squared", "plain")


@dataclass(frozen=True)
class LossConfig:
    """Forms and weights. The defaults are the published code's; the paper's are named beside.

    A weight of 0 leaves a loss out, for the ablation.
    """

    #: ``focal``: error squared, weighted by its size; ``l2`` (paper): length of each frame's error.
    reconstruction: Literal["focal", "l2"] = "focal"
    #: ``labels``: pairs of the same two emotions attract; ``pairs`` (paper): only the pair itself.
    contrast: Literal["labels", "pairs"] = "labels"
    #: ``squared``: mean of (1 + cos)^2; ``plain`` (paper): mean of 1 + cos.
    direction: Literal["squared", "plain"] = "squared"
    lambda_contrast: float = 0.1
    lambda_direction: float = 0.05
    temperature: float = 0.1

    def __post_init__(self) -> None:
        for name, allowed in (
            ("reconstruction", RECONSTRUCTIONS),
            ("contrast", CONTRASTS),
            ("direction", DIRECTIONS),
        ):
            if getattr(self, name) not in allowed:
                raise UsageError(f"{name} must be one of {', '.join(allowed)}")
        if self.temperature <= 0 or self.lambda_contrast < 0 or self.lambda_direction < 0:
            raise UsageError("the temperature must be positive, and no weight negative")


def reconstruction_loss(predicted: Tensor, target: Tensor, form: str = "focal") -> Tensor:
    """How far predicted deltas are from the true ones, both ``[B, T, D]``. -> scalar.

    ``l2``: sum over the window of the length of the error, mean over the batch (paper).
    ``focal``: mean over all numbers of (2 sigmoid(0.2 |d|) - 1) d^2 (published code).
    """
    error = predicted - target
    if form == "l2":
        return torch.linalg.vector_norm(error, dim=-1).sum(dim=-1).mean()
    return ((2 * torch.sigmoid(FOCAL_SLOPE * error.abs()) - 1) * error.square()).mean()


def contrastive_loss(
    visual: Tensor, audio: Tensor, temperature: float = 0.1, labels: Tensor | None = None
) -> Tensor:
    """Symmetric InfoNCE between visual and audio tokens, both ``[N, W]``. -> scalar, >= 0.

    Row i of one belongs to row i of the other; all other rows are what it must not resemble. With
    labels int64 ``[N]`` every row of the same label belongs to it, and the mean over them is taken.
    The paper sums over the batch; the mean is taken here, so that λ does not depend on its size.
    """
    visual, audio = F.normalize(visual.float(), dim=-1), F.normalize(audio.float(), dim=-1)
    with torch.autocast(visual.device.type, enabled=False):  # it would be rounded to bfloat16
        similarity = visual @ audio.T / temperature  # [N, N]
    if labels is None:
        own = torch.eye(len(visual), device=visual.device)
    else:
        own = (labels[:, None] == labels[None, :]).float()
    own = own / own.sum(dim=1, keepdim=True)
    to_audio = -(own * F.log_softmax(similarity, dim=1)).sum(dim=1).mean()
    to_visual = -(own * F.log_softmax(similarity.T, dim=1)).sum(dim=1).mean()
    return 0.5 * (to_audio + to_visual)


def direction_loss(forward: Tensor, backward: Tensor, form: str = "squared") -> Tensor:
    """Zero exactly where i→j and j→i point in opposite directions. ``[B, T, D]`` each -> scalar."""
    away = 1 + F.cosine_similarity(forward, backward, dim=-1)  # [B, T]
    return (away.square() if form == "squared" else away).mean()


def pair_labels(emotions: Tensor, n_emotions: int) -> Tensor:
    """One number per ordered pair of emotions: int64 ``[B, 2]`` -> ``[B]``."""
    return emotions[:, 0] * n_emotions + emotions[:, 1]
