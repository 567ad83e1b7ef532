"""Our networks against the published computation, on a fixed filling of the published tensors.

``CMET_GOLDEN`` and ``CMET_GOLDEN_SALT`` choose another golden file and filling.
"""

from __future__ import annotations

import os
from pathlib import Path

import filling
import numpy as np
import pytest
import torch
from tiny import TINY

from cmet_cli.backends.edtalk.audio2lip import Audio2Lip, smooth_codes
from cmet_cli.backends.edtalk.connector import Connector
from cmet_cli.backends.edtalk.layers import fold_weights
from cmet_cli.backends.edtalk.networks import EDTalk
from cmet_cli.media.mel import mel_spectrogram, mel_windows
from cmet_cli.weights.checkpoint import load_strict
from cmet_cli.weights.registry import EDTALK_UNUSED

GOLDEN = Path(os.environ.get("CMET_GOLDEN", filling.DATA / "golden_cmet.npz"))
SALT = os.environ.get("CMET_GOLDEN_SALT", "cmet")
CODE_TOLERANCE = 1e-4
MEL_TOLERANCE = 1e-3
FRAME_TOLERANCE = 1e-3


def load(module: torch.nn.Module, network: str, unused: tuple[str, ...] = ()) -> torch.nn.Module:
    load_strict(module, filling.filled_state(network, SALT), Path(network), unused)
    return module.eval()


def compute_edtalk(folded: bool) -> dict[str, np.ndarray]:
    """Every EDTalk array of the golden file, as published or with weights folded for speed."""
    model = load(EDTalk(), "EDTalk.pt", EDTALK_UNUSED)
    if folded:
        model = fold_weights(model)
    image_a, image_b = (filling.image(name, SALT) for name in ("img_a", "img_b"))
    got = {}
    with torch.no_grad():
        latent, features = model.encode(image_a)
        got["latent_a"] = latent
        for feature in features:
            size = feature.shape[-1]
            step = max(1, size // 8)
            got[f"feat_a_{size}"] = feature[0, :4, ::step, ::step]
        codes = model.latent_to_codes(torch.cat([latent, model.encode(image_b)[0]]))
        c = model.config
        lip, pose, expression = (codes[:, s] for s in (c.lip_slice, c.pose_slice, slice(26, 36)))
        got["lip_ab"], got["pose_ab"], got["exp_ab"] = lip, pose, expression
        got["basis_q"] = model.basis()[::16]
        wanted = [filling.vec("lip", 1, 20, salt=SALT), pose[1:]]
        wanted = torch.cat([*wanted, filling.vec("exp", 1, 10, salt=SALT)], 1)
        got["direction"], got["exp_latent"] = model.codes_to_directions(wanted)
        source = model.prepare_source(image_a)
        frame = model.render(source, wanted)[0]
        got["frame_audio_lips"] = frame[:, ::4, ::4]
        got["frame_audio_lips_row"] = frame[:, 128]
        wanted[:, c.lip_slice] = lip[1:]
        got["frame_video_lips"] = model.render(source, wanted)[0, :, ::4, ::4]
    return {name: tensor.numpy() for name, tensor in got.items()}


def compute_audio() -> dict[str, np.ndarray]:
    wave = filling.chirp(SALT)
    windows = mel_windows(wave)
    model = load(Audio2Lip(), "Audio2Lip.pt")
    with torch.no_grad():
        codes = model(windows[:, None])
    return {
        "mel": mel_spectrogram(wave).numpy(),
        "mel_windows": windows[:, ::8, ::4].numpy(),
        "n_frames": np.int64(len(windows)),
        "lip_codes": codes.numpy(),
        "lip_codes_smooth": smooth_codes(codes).numpy(),
    }


def compute_connector() -> dict[str, np.ndarray]:
    model = load(Connector(), "connector")
    reference, neutral = (filling.vec(n, 2, 5, 10, salt=SALT) for n in ("ref", "neu"))
    speech = filling.vec("e2v", 2, 1, 1024, salt=SALT)
    with torch.no_grad():
        out = model(reference, speech, neutral).reshape(10, 10)
    long = model.predict_clip(filling.vec("neu_long", 1, 23, 10, salt=SALT)[0], speech[0, 0])
    return {"connector_out": out.numpy(), "delta_long_first20": long[:20].numpy()}


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(GOLDEN) as file:
        return dict(file)


@pytest.fixture(scope="module")
def computed() -> dict[str, np.ndarray]:
    return compute_edtalk(folded=False) | compute_audio() | compute_connector()


def tolerance(name: str) -> float:
    if name.startswith("frame"):
        return FRAME_TOLERANCE
    return MEL_TOLERANCE if name.startswith("mel") else CODE_TOLERANCE


def assert_matches(got: np.ndarray, expected: np.ndarray, name: str) -> None:
    assert got.shape == expected.shape, name
    difference = float(np.abs(got.astype(np.float64) - expected).max())
    assert difference <= tolerance(name), f"{name}: differs by {difference:.2e}"


def test_every_golden_array_is_compared(golden, computed):
    assert set(golden) == set(computed)


@pytest.mark.parametrize("name", sorted(np.load(GOLDEN).files))
def test_matches_published(name, golden, computed):
    assert_matches(computed[name], golden[name], name)


def test_folded_network_is_the_same_function(golden):
    for name, array in compute_edtalk(folded=True).items():
        assert_matches(array, golden[name], name)


def test_a_wrong_golden_is_noticed(golden, computed):
    for name in ("latent_a", "frame_audio_lips", "connector_out", "mel"):
        wrong = golden[name].copy()
        wrong.flat[7] += 3 * tolerance(name)
        with pytest.raises(AssertionError, match=name):
            assert_matches(computed[name], wrong, name)


def test_the_unused_tensors_are_exactly_the_documented_ones():
    own = set(EDTalk().state_dict())
    extra = set(filling.published_tensors()["EDTalk.pt"]["tensors"]) - own
    assert len(extra) == 6 * 8 + 3 + 13  # fine blocks, to_rgb1, noise
    assert {n.split(".")[1] for n in extra} == {"to_rgb1", "conv1", "convs", "fineadainresblock"}


@pytest.mark.parametrize("changing", [False, True])
def test_windows_encoded_together_are_windows_one_by_one(changing):
    """More of them than are encoded at once, and a short one at the end."""
    torch.manual_seed(1)
    model = Connector(TINY["connector"]).eval()
    neutral, dim = torch.randn(5 * 40 + 2, 10), model.config.speech_dim
    speech = torch.randn(*([len(neutral)] if changing else []), dim)
    clip = model.predict_clip(neutral, speech)
    reference = torch.zeros(1, 5, 10)
    for start in range(0, 200, 5):
        vector = speech[start : start + 5].mean(0) if changing else speech
        with torch.no_grad():
            reference = model(reference, vector[None, None], neutral[None, start : start + 5])
        assert (clip[start : start + 5] - reference[0]).abs().max() < 1e-5
    assert len(clip) == len(neutral)
