"""EDTalk (ECCV 2024): picture -> lip, pose and expression codes -> picture.

The three code spaces are disentangled, so an emotion edit changes the ten expression numbers of a
frame and leaves the other twenty-six alone.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from .decoder import Decoder, SourceFeatures
from .layers import EqualLinear, drawn, full_precision
from .sizes import EDTalkConfig
from .visual_encoder import AppearanceEncoder

DIRECTION_EPS = 1e-8
SHARED_HEAD_LAYERS = 4
CODE_HEAD_LAYERS = 3


def _linear_stack(widths: list[int], equalised: bool) -> nn.Sequential:
    return nn.Sequential(*(EqualLinear(a, b, equalised=equalised) for a, b in pairwise(widths)))


class EDTalk(nn.Module):
    """Visual encoder, code heads, direction bank and decoder in one module.

    Parameter names match key ``gen`` of the published ``EDTalk.pt``.
    """

    def __init__(self, config: EDTalkConfig | None = None) -> None:
        super().__init__()
        c = self.config = config or EDTalkConfig()
        width = c.latent_dim
        self.enc = nn.ModuleDict({"net_app": AppearanceEncoder(c.channels, width, c.equalised)})
        self.dec = Decoder(c.channels, width, c.expression_hidden, c.equalised)
        self.direction_lipnonlip = _Direction(width, c.lip_dim + c.pose_dim)
        self.direction_exp = _Direction(width, c.expression_dim)
        self.fc = _linear_stack([width] * (SHARED_HEAD_LAYERS + 1), c.equalised)
        hidden = [width] * CODE_HEAD_LAYERS
        self.lip_fc = _linear_stack([*hidden, c.lip_dim], c.equalised)
        self.pose_fc = _linear_stack([*hidden, c.pose_dim], c.equalised)
        self.exp_fc = _linear_stack([*hidden, c.expression_dim], c.equalised)
        for name in ("_head_weight", "_head_bias", "_basis"):
            self.register_buffer(name, None, persistent=False)

    # ------------------------------------------------------------------ weight-only products

    @torch.no_grad()
    def fold_(self) -> None:
        """Cache the heads as one affine map and the orthonormal basis (they hold no activation)."""
        width = self.config.latent_dim
        eye = torch.eye(width, dtype=torch.float64)
        weights, biases = [], []
        shared = self._compose(self.fc, eye, torch.zeros(width, dtype=torch.float64))
        for head in (self.lip_fc, self.pose_fc, self.exp_fc):
            weight, bias = self._compose(head, *shared)
            weights.append(weight)
            biases.append(bias)
        like = self.direction_exp.weight
        self._head_weight = torch.cat(weights).to(like)
        self._head_bias = torch.cat(biases).to(like)
        self._basis = self.basis()

    @staticmethod
    def _compose(stack: nn.Sequential, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        for layer in stack:
            assert isinstance(layer, EqualLinear)
            w = layer.scaled_weight().double().cpu()
            weight, bias = w @ weight, w @ bias + layer.bias.double().cpu()
        return weight, bias

    def basis(self) -> Tensor:
        """Orthonormal direction bank Q, ``[latent_dim, code_dim]``; a function of the weights."""
        if self._basis is not None:
            return self._basis
        bank = torch.cat([self.direction_lipnonlip.weight, self.direction_exp.weight], dim=1)
        return torch.linalg.qr(bank.float() + DIRECTION_EPS).Q

    # ------------------------------------------------------------------ the three steps

    def encode(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """``images [B, 3, S, S]`` in [-1, 1] -> latent ``[B, latent_dim]``, feature pyramid."""
        return self.enc["net_app"](images)

    def latent_to_codes(self, latent: Tensor) -> Tensor:
        """``[B, latent_dim]`` -> codes ``[B, code_dim]``, ordered lip, pose, expression."""
        if self._head_weight is not None:
            return latent.float() @ self._head_weight.t() + self._head_bias
        shared = self.fc(latent)
        return torch.cat([self.lip_fc(shared), self.pose_fc(shared), self.exp_fc(shared)], dim=-1)

    def codes_to_directions(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """``[B, code_dim]`` -> direction and expression latent, both ``[B, latent_dim]``."""
        basis, expression = self.basis(), self.config.expression_slice
        with full_precision(codes):
            return codes @ basis.t(), codes[:, expression] @ basis[:, expression].t()

    def prepare_source(self, images: Tensor) -> SourceFeatures:
        """Encode source faces ``[B, 3, S, S]`` once; B is 1, or one source per frame."""
        return self.dec.prepare_source(*self.encode(images))

    def render(self, source: SourceFeatures, codes: Tensor) -> Tensor:
        """Codes ``[B, code_dim]`` -> frames ``[B, 3, S, S]``, not clamped to [-1, 1]."""
        return self.dec(source, *self.codes_to_directions(codes))

    def render_moving(self, source: SourceFeatures, codes: Tensor) -> tuple[Tensor, Tensor]:
        """As ``render``, and the decoder's composed warp ``[B, 2, S, S]`` in pixels."""
        return self.dec.paint(source, *self.codes_to_directions(codes))


class _Direction(nn.Module):
    """One block of the direction bank, ``[latent_dim, n]``."""

    def __init__(self, latent_dim: int, n: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(drawn((latent_dim, n)))
