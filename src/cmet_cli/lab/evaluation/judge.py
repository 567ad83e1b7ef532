"""The judge: reads emotion and face parameters off a picture. Trained on true drawings only."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...options import Progress, no_progress
from ..avatar.emotions import BASIC_EMOTIONS, EMOTIONS, sample_expression
from ..avatar.face import draw
from ..avatar.face_state import (
    EXPRESSION_NAMES,
    EXPRESSION_SPREAD,
    LIP_SPREAD,
    POSE_NAMES,
    POSE_SPREAD,
    FaceState,
)
from ..avatar.identity import Identity

N_EXPRESSION, N_LIPS, N_POSE = len(EXPRESSION_NAMES), len(LIP_SPREAD), len(POSE_SPREAD)
YAW = POSE_NAMES.index("yaw")
SPREADS = np.concatenate([EXPRESSION_SPREAD, LIP_SPREAD, POSE_SPREAD]).astype(np.float32)
NO_LABEL = -1  # an extended emotion: its parameters are learned, it is none of the eight


@dataclass(frozen=True)
class JudgeConfig:
    """people: training identities, from seed 0; pictures: per person; steps, batch: of training."""

    size_px: int = 64
    people: int = 400
    pictures: int = 16
    steps: int = 900
    batch: int = 64
    learning_rate: float = 2e-3
    seed: int = 11


class Judge(nn.Module):
    """Pictures ``[B, 3, S, S]`` in [-1, 1] -> emotion logits ``[B, 8]``, parameters ``[B, 23]``.

    Parameters: expression (14), lips (3), pose (6), each in units of its spread.
    """

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 24, 48, 96, 128)
        layers: list[nn.Module] = []
        for a, b in pairwise(widths):
            layers += [nn.Conv2d(a, b, 3, stride=2, padding=1), nn.BatchNorm2d(b), nn.GELU()]
        self.trunk = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.2))
        self.shared = nn.Sequential(nn.LazyLinear(160), nn.GELU())
        self.emotion = nn.Linear(160, len(BASIC_EMOTIONS))
        self.parameters_head = nn.Linear(160, len(SPREADS))

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.shared(self.trunk(pictures))
        return self.emotion(hidden), self.parameters_head(hidden)

    @torch.inference_mode()
    def read(self, pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """RGB ``[B, S, S, 3]`` in [0, 255] -> log-probabilities ``[B, 8]``, parameters ``[B, 23]``
        in their own units."""
        logits, parameters = self(to_tensor(pictures))
        return F.log_softmax(logits, -1).numpy(), parameters.numpy() * SPREADS


def to_tensor(pictures: np.ndarray) -> Tensor:
    """RGB ``[B, S, S, 3]`` in [0, 255] -> ``[B, 3, S, S]`` float32 in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1


def train_judge(config: JudgeConfig | None = None, progress: Progress = no_progress) -> Judge:
    """Draw, then learn to read. Deterministic by the config."""
    config = config or JudgeConfig()
    pictures, labels, parameters = _draw_all(config, progress)
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    judge = Judge().train()
    judge(to_tensor(pictures[:2]))  # sizes the lazy layer
    optimizer = torch.optim.AdamW(judge.parameters(), config.learning_rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.learning_rate, total_steps=config.steps
    )
    for step in range(config.steps):
        at = rng.choice(len(pictures), config.batch, replace=False)
        logits, read = judge(_disturb(to_tensor(pictures[at]), rng))
        loss = F.cross_entropy(logits, torch.from_numpy(labels[at]), ignore_index=NO_LABEL)
        loss = loss + F.mse_loss(read, torch.from_numpy(parameters[at]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        progress("training the judge", step + 1, config.steps)
    return judge.eval()


def _draw_all(config: JudgeConfig, progress: Progress) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(config.seed)
    pictures, labels, parameters = [], [], []
    for person in range(config.people):
        identity = Identity.from_seed(person)
        for _ in range(config.pictures):
            emotion = EMOTIONS[rng.integers(len(EMOTIONS))]
            expression = sample_expression(emotion, int(rng.integers(2, 4)), 1, 25.0, rng)[0]
            free = FaceState.random(rng)
            state = FaceState(free.lips, free.pose, expression)
            pictures.append(draw(identity, state, config.size_px))
            basic = emotion in BASIC_EMOTIONS
            labels.append(BASIC_EMOTIONS.index(emotion) if basic else NO_LABEL)
            parameters.append(np.concatenate([expression, free.lips, free.pose]) / SPREADS)
        progress("drawing for the judge", person + 1, config.people)
    return np.stack(pictures), np.array(labels), np.stack(parameters).astype(np.float32)


def _disturb(pictures: Tensor, rng: np.random.Generator) -> Tensor:
    """Light, softness and noise vary, so that the judge reads faces and not pixels."""
    if rng.uniform() < 0.5:
        pictures = F.avg_pool2d(F.pad(pictures, (1, 1, 1, 1), mode="reflect"), 3, stride=1)
    gain = torch.from_numpy(rng.uniform(0.85, 1.15, (len(pictures), 1, 1, 1))).float()
    shift = torch.from_numpy(rng.uniform(-0.1, 0.1, (len(pictures), 3, 1, 1))).float()
    noise = torch.from_numpy(rng.normal(0, 0.03, tuple(pictures.shape))).float()
    return pictures * gain + shift + noise
