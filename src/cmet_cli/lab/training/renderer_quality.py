"""What the trained networks can do, on people and voices that no training has seen."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...backends.edtalk.networks import EDTalk
from ..avatar.emotions import EMOTIONS, sample_expression
from ..avatar.face import draw
from ..avatar.face_state import POSE_SPREAD, FaceState
from ..avatar.identity import Identity
from ..seeds import EVALUATION_SEEDS
from .batches import to_tensor
from .code_space import EXPRESSION, code_space
from .world import POSE_STRAY, sample_lips

BATCH = 32


@dataclass(frozen=True, eq=False)
class EditTrials:
    """Neutral sources and the same moment with every emotion, of people never trained on.

    sources uint8 ``[n, S, S, 3]``; targets uint8 ``[n, emotions, S, S, 3]``; others: the target
    faces' expression and the same emotion's on somebody else, in another pose and speaking
    something else; codes: float32 ``[n, emotions, 10]``, the true expression codes.
    """

    sources: np.ndarray
    targets: np.ndarray
    others: np.ndarray
    codes: np.ndarray


def draw_edit_trials(
    people: int, size_px: int, emotions: Sequence[str] = EMOTIONS[1:]
) -> EditTrials:
    """One source a person, strongest level. The first ``people`` evaluation identities."""
    sources, targets, others, codes = [], [], [], []
    for seed in EVALUATION_SEEDS[:people]:
        rng = np.random.default_rng([seed, 7])
        who, driver = (
            Identity.from_seed(seed),
            Identity.from_seed(seed + len(EVALUATION_SEEDS) // 2),
        )

        def moment(rng: np.random.Generator = rng) -> tuple[np.ndarray, np.ndarray]:
            pose = POSE_STRAY * POSE_SPREAD * rng.standard_normal(len(POSE_SPREAD))
            return sample_lips(rng), pose.astype(np.float32)

        faces = [sample_expression(e, 3, 1, 25.0, rng)[0] for e in ("neutral", *emotions)]
        here, there = moment(), moment()
        drawn = [draw(who, FaceState(*here, face), size_px) for face in faces]
        sources.append(drawn[0])
        targets.append(np.stack(drawn[1:]))
        others.append(
            np.stack([draw(driver, FaceState(*there, face), size_px) for face in faces[1:]])
        )
        codes.append(code_space().encode_expression(np.stack(faces[1:])))
    return EditTrials(*(np.stack(part) for part in (sources, targets, others, codes)))


def _codes(model: EDTalk, pictures: Tensor) -> Tensor:
    return torch.cat([model.latent_to_codes(model.encode(p)[0]) for p in pictures.split(BATCH)])


def _render(model: EDTalk, sources: Tensor, codes: Tensor) -> Tensor:
    """-> ``[n, 3, S, S]`` clamped to [-1, 1]."""
    parts = zip(sources.split(BATCH), codes.split(BATCH), strict=True)
    return torch.cat([model.render(model.prepare_source(s), c).clamp(-1, 1) for s, c in parts])


def _psnr_db(a: Tensor, b: Tensor) -> float:
    """Mean over pictures."""
    square = ((a - b) / 2).square().mean(dim=(1, 2, 3)).clamp_min(1e-10)
    return float((-10 * square.log10()).mean())


def _slope(reached: Tensor, true: Tensor) -> float:
    """Share of the true change that was reached, along it."""
    return float((reached * true).sum() / true.square().sum())


@torch.inference_mode()
def edit_pictures(model: EDTalk, trials: EditTrials, expression: Tensor) -> Tensor:
    """Sources with other expression codes ``[n, emotions, 10]`` -> ``[n * emotions, 3, S, S]``."""
    sources = to_tensor(trials.sources)
    n, emotions = trials.targets.shape[:2]
    codes = _codes(model, sources).repeat_interleave(emotions, dim=0)
    codes[:, EXPRESSION] = expression.reshape(n * emotions, -1)
    return _render(model, sources.repeat_interleave(emotions, dim=0), codes)


@torch.inference_mode()
def renderer_report(model: EDTalk, trials: EditTrials) -> dict[str, float | list[float]]:
    """Figures of one renderer.

    ``self_psnr_db``: a picture from its own codes; ``edit_psnr_db``, ``driven_psnr_db``: against
    the drawn target, by true expression codes and by those read off somebody else; ``unedited``:
    the source itself against the target. Amplitudes are shares of the true change: in the pixels,
    in all codes together, and code by code, as the encoder reads both pictures.
    """
    sources = to_tensor(trials.sources)
    emotions = trials.targets.shape[1]
    targets = to_tensor(trials.targets.reshape(-1, *trials.targets.shape[2:]))
    others = to_tensor(trials.others.reshape(-1, *trials.others.shape[2:]))
    true = torch.from_numpy(trials.codes)
    own = _codes(model, sources)
    edited = edit_pictures(model, trials, true)
    driven = edit_pictures(model, trials, _codes(model, others)[:, EXPRESSION].view_as(true))
    still = _render(model, sources, own)
    start = sources.repeat_interleave(emotions, dim=0)
    before = own.repeat_interleave(emotions, dim=0)
    seen, asked = (
        _codes(model, p)[:, EXPRESSION] - before[:, EXPRESSION] for p in (edited, targets)
    )
    read = _codes(model, targets)[:, EXPRESSION]
    flat = true.reshape(-1, true.shape[-1])
    return {
        "self_psnr_db": _psnr_db(still, sources),
        "edit_psnr_db": _psnr_db(edited, targets),
        "driven_psnr_db": _psnr_db(driven, targets),
        "unedited_psnr_db": _psnr_db(start, targets),
        "pixel_amplitude": _slope(edited - start, targets - start),
        "driven_pixel_amplitude": _slope(driven - start, targets - start),
        "code_amplitude": _slope(seen, asked),
        "code_amplitudes": [_slope(seen[:, i], asked[:, i]) for i in range(seen.shape[1])],
        "code_r2": float(1 - (read - flat).square().sum() / (flat - flat.mean(0)).square().sum()),
    }


@torch.inference_mode()
def contact_sheet(model: EDTalk, trials: EditTrials, driven: bool = False) -> np.ndarray:
    """uint8 RGB: per person a row of drawn targets after the source, and a row of rendered ones.

    driven: by the codes read off somebody else's picture instead of the true ones.
    """
    n, emotions, size = trials.targets.shape[:3]
    expression = torch.from_numpy(trials.codes)
    if driven:
        others = to_tensor(trials.others.reshape(-1, *trials.others.shape[2:]))
        expression = _codes(model, others)[:, EXPRESSION].view_as(expression)
    edited = to_pictures(edit_pictures(model, trials, expression)).reshape(trials.targets.shape)
    sources = to_tensor(trials.sources)
    still = to_pictures(_render(model, sources, _codes(model, sources)))
    drawn = np.concatenate([trials.sources[:, None], trials.targets], axis=1)
    painted = np.concatenate([still[:, None], edited], axis=1)
    both = np.stack([drawn, painted], axis=1)  # [n, 2, 1 + emotions, S, S, 3]
    return both.transpose(0, 1, 3, 2, 4, 5).reshape(n * 2 * size, (1 + emotions) * size, 3)


def to_pictures(images: Tensor) -> np.ndarray:
    """``[B, 3, S, S]`` -> uint8 ``[B, S, S, 3]``."""
    scaled = ((images.float().clamp(-1, 1) + 1) * 127.5).round()
    return scaled.permute(0, 2, 3, 1).to(torch.uint8).contiguous().numpy()


@torch.inference_mode()
def frame_ms(model: EDTalk, batch: int = 4, repeats: int = 20) -> float:
    """Milliseconds to paint one frame with the threads PyTorch has now; the best of several."""
    size = model.config.image_size_px
    source = model.prepare_source(torch.zeros(1, 3, size, size))
    codes = torch.zeros(batch, model.config.code_dim)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        model.render(source, codes)
        times.append(time.perf_counter() - start)
    return 1000 * min(times) / batch
