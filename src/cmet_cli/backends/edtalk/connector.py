"""The C-MET connector (CVPR 2026): a speech emotion difference to expression-code differences."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .layers import drawn
from .sizes import EXPRESSION_DIM, ConnectorConfig


class CodeBlock(NamedTuple):
    """One block of the 1-D convolution stack over an expression code."""

    channels: int
    kernel: int
    stride: int = 1
    padding: int = 0
    residual: bool = False


#: The stack reduces the ten numbers of a code to one. The widths are the published ones for a
#: 1024-wide model, capped for smaller ones.
_CODE_STACK = (
    CodeBlock(4, 3, padding=1),
    CodeBlock(8, 3, stride=2, padding=1),
    CodeBlock(8, 3, padding=1, residual=True),
    CodeBlock(8, 3, padding=1, residual=True),
    CodeBlock(16, 3, stride=2, padding=1),
    CodeBlock(16, 3, padding=1, residual=True),
    CodeBlock(16, 3, padding=1, residual=True),
    CodeBlock(32, 2, stride=2),
    *(CodeBlock(channels, 1) for channels in (64, 128, 256, 512, 1024)),
)
REFERENCE, SPEECH, NEUTRAL = 1, 2, 3  # rows of the modality embedding
MODALITY_ROWS = 4
TOGETHER = 32  # windows whose own codes are encoded at once


class ConvBlock1d(nn.Module):
    """Convolution, batch norm, (add the input,) activation."""

    def __init__(self, in_channels: int, block: CodeBlock, last: bool) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.Conv1d(in_channels, block.channels, block.kernel, block.stride, block.padding),
            nn.BatchNorm1d(block.channels),
        )
        self.residual, self.last = block.residual, last

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv_block(x)
        y = y + x if self.residual else y
        return torch.tanh(y) if self.last else F.relu(y)


def _code_encoder(width: int) -> nn.Sequential:
    blocks, previous = [], 1
    for i, block in enumerate(_CODE_STACK):
        last = i == len(_CODE_STACK) - 1
        block = block._replace(channels=width if last else min(block.channels, width))
        blocks.append(ConvBlock1d(previous, block, last))
        previous = block.channels
    return nn.Sequential(*blocks)


class SinusoidalPositions(nn.Module):
    """Fixed sine and cosine positions, ``[1, n, width]``."""

    pe: Tensor

    def __init__(self, n: int, width: int) -> None:
        super().__init__()
        angle = np.arange(n)[:, None] * np.exp(np.arange(0, width, 2) * (-np.log(10000.0) / width))
        # By numpy: on torch's meta device arithmetic would make it import its compiler (a second).
        table = np.stack([np.sin(angle), np.cos(angle)], axis=-1).reshape(1, n, width)
        self.register_buffer("pe", torch.from_numpy(table.astype(np.float32)))

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens + self.pe[:, : tokens.shape[1]]


class Rows(nn.Module):
    """Learned vectors, one for each kind of token (an embedding whose rows are taken by name)."""

    def __init__(self, n: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(drawn((n, width)))


class FusionTransformer(nn.Module):
    """Transformer over reference, speech and neutral tokens."""

    def __init__(self, c: ConnectorConfig) -> None:
        super().__init__()
        self.position_r = SinusoidalPositions(c.positions, c.width)
        self.position_e = SinusoidalPositions(c.positions, c.width)
        self.modality = Rows(MODALITY_ROWS, c.width)
        layer = nn.TransformerEncoderLayer(
            c.width, c.heads, c.feedforward, c.dropout, batch_first=True
        )
        self.transformer_encoder = nn.TransformerEncoder(
            layer, c.layers, enable_nested_tensor=False
        )

    def forward(self, reference: Tensor, speech: Tensor, neutral: Tensor) -> Tensor:
        """``[B, T, W]``, ``[B, 1, W]``, ``[B, T, W]`` -> ``[B, 2T + 1, W]``."""
        kind = self.modality.weight
        tokens = torch.cat(
            [
                self.position_r(reference) + kind[REFERENCE],
                speech + kind[SPEECH],
                self.position_e(neutral) + kind[NEUTRAL],
            ],
            dim=1,
        )
        return self.transformer_encoder(tokens)


class SpeechProjection(nn.Module):
    """Linear, GELU, layer norm: the paper's audio tokenizer."""

    def __init__(self, speech_dim: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Linear(speech_dim, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(F.gelu(self.proj(x)))


class Projector(nn.Module):
    """Tokens back to expression codes."""

    def __init__(self, width: int, dim: int) -> None:
        super().__init__()
        self.projector = nn.Sequential(nn.Linear(width, dim), nn.GELU(), nn.Linear(dim, dim))

    def forward(self, x: Tensor) -> Tensor:
        return self.projector(x)


class Connector(nn.Module):
    """Maps a speech semantic vector to expression-code differences, window by window.

    Parameter names match key ``state_dict`` of the published checkpoint.
    """

    def __init__(self, config: ConnectorConfig | None = None) -> None:
        super().__init__()
        c = self.config = config or ConnectorConfig()
        self.ref_encoder = _code_encoder(c.width)
        self.exp_encoder = _code_encoder(c.width)
        self.speaker_encoder = SpeechProjection(c.speech_dim, c.width)
        self.Norm = nn.LayerNorm(c.width)
        self.fusion_transformer_encoder = FusionTransformer(c)
        self.projector = Projector(c.width, EXPRESSION_DIM)

    def code_tokens(self, encoder: nn.Sequential, codes: Tensor) -> Tensor:
        """Expression codes ``[B, T, 10]`` -> normalised tokens ``[B, T, W]``."""
        batch, frames, dim = codes.shape
        tokens = encoder(codes.reshape(batch * frames, 1, dim)).squeeze(-1)
        return self.Norm(tokens.view(batch, frames, -1))

    def tokens(
        self, reference: Tensor, speech: Tensor, neutral: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Inputs as for :meth:`forward` -> tokens ``[B, T, W]``, ``[B, 1, W]``, ``[B, T, W]``.

        The contrastive loss compares the last two kinds.
        """
        return (
            self.code_tokens(self.ref_encoder, reference),
            self.speaker_encoder(speech),
            self.code_tokens(self.exp_encoder, neutral),
        )

    def fuse(self, reference: Tensor, speech: Tensor, neutral: Tensor) -> Tensor:
        """Tokens -> deltas ``[B, T, 10]``."""
        fused = self.fusion_transformer_encoder(reference, speech, neutral)
        return self.projector(fused[:, -neutral.shape[1] :])

    def forward(self, reference: Tensor, speech: Tensor, neutral: Tensor) -> Tensor:
        """One window (paper, eq. for f_hat).

        reference ``[B, T, 10]``: the deltas of the window before (zeros at the start);
        speech ``[B, 1, speech_dim]``: target minus input speech feature;
        neutral ``[B, T, 10]``: the window's own codes. Returns deltas ``[B, T, 10]``.
        """
        return self.fuse(*self.tokens(reference, speech, neutral))

    @torch.no_grad()
    def predict_clip(self, neutral: Tensor, speech: Tensor) -> Tensor:
        """Deltas for a whole clip, each window fed with the deltas of the one before.

        neutral ``[N, 10]`` at 25 Hz; speech ``[speech_dim]`` or, where it changes over time,
        ``[N, speech_dim]`` (a window takes the mean of its frames). Returns ``[N, 10]``; a last
        short window is padded with its last code, then cut.
        """
        window, frames = self.config.window, neutral.shape[0]
        if frames == 0:
            return neutral.clone()
        pad = -frames % window
        padded = torch.cat([neutral, neutral[-1:].expand(pad, -1)])
        reference = neutral.new_zeros(1, window, EXPRESSION_DIM)
        deltas = neutral.new_empty(frames + pad, EXPRESSION_DIM)  # one buffer, however long
        constant = self.speaker_encoder(speech[None, None]) if speech.dim() == 1 else None
        # Only the window before must be known first: what does not hang on it is done for many.
        for first in range(0, frames + pad, TOGETHER * window):
            group = padded[first : first + TOGETHER * window].view(-1, window, EXPRESSION_DIM)
            own = self.code_tokens(self.exp_encoder, group)
            for k, start in enumerate(range(first, first + len(group) * window, window)):
                said = constant
                if said is None:
                    said = self.speaker_encoder(speech[start : start + window].mean(0)[None, None])
                before = self.code_tokens(self.ref_encoder, reference)
                reference = self.fuse(before, said, own[k : k + 1])
                deltas[start : start + window] = reference[0]
        return deltas[:frames]
