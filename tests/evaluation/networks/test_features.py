"""I3D, Inception and SyncNet: names, shapes, numbers, and files that do not fit."""

from __future__ import annotations

import math
import sys

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from standin_networks import PLACES, filled, write_networks

from cmet_cli.errors import CheckpointError, UsageError
from cmet_cli.evaluation.networks.features import PictureFeatures, VideoFeatures
from cmet_cli.evaluation.networks.i3d import I3D, pad_same
from cmet_cli.evaluation.networks.load import evaluation_shapes
from cmet_cli.evaluation.networks.sync import SyncJudge, sync_figures
from cmet_cli.evaluation.networks.syncnet import SyncNet

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    root = tmp_path_factory.mktemp("networks")
    write_networks(root, ("inception", "i3d", "syncnet"))
    return root


def pictures(n, side=64, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, side, side, 3), np.uint8)


def test_the_published_names_and_sizes():
    shapes = evaluation_shapes()
    assert shapes["i3d"]["Mixed_5c.b2b.conv3d.weight"] == (128, 48, 3, 3, 3)
    assert shapes["i3d"]["logits.conv3d.bias"] == (400,)
    assert shapes["syncnet"]["netcnnlip.0.weight"] == (96, 3, 5, 7, 7)
    assert shapes["syncnet"]["netfcaud.3.weight"] == (1024, 512)


@pytest.mark.parametrize(("size", "before", "after"), [(7, 1, 1), (8, 0, 1), (15, 1, 1)])
def test_padding_is_tensorflows_same(size, before, after):
    x = torch.ones(1, 1, size, 1, 1)
    padded = pad_same(x, (3, 1, 1), (2, 1, 1)).flatten().tolist()
    assert padded == [0] * before + [1] * size + [0] * after


def test_video_features_are_the_mean_over_time_of_a_clips_logits(weights):
    videos = VideoFeatures(weights / PLACES["i3d"], CPU)
    found = videos(pictures(9, 224))
    network = I3D().eval()
    network.load_state_dict(filled(network, 2), strict=False)
    clip = torch.from_numpy(pictures(9, 224)).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
    with torch.no_grad():
        np.testing.assert_allclose(found, network(clip)[0], rtol=1e-4, atol=1e-5)
    assert videos(pictures(8)) is None


def test_picture_features_are_torch_fidelitys(weights):
    found = PictureFeatures(weights / PLACES["inception"], CPU)(pictures(3))
    assert found.shape == (3, 2048)
    assert found.dtype == np.float32
    again = PictureFeatures(weights / PLACES["inception"], CPU)(pictures(3)[1:2])
    np.testing.assert_allclose(again[0], found[1], rtol=1e-3, atol=1e-4)


def test_a_file_that_is_another_network_is_refused_by_name(weights, tmp_path):
    for name, load in (("inception", PictureFeatures), ("i3d", VideoFeatures)):
        with pytest.raises(CheckpointError, match="syncnet"):
            load(weights / PLACES["syncnet"], CPU)
        cut = load_file(weights / PLACES[name])
        del cut[sorted(cut)[0]]
        save_file(cut, tmp_path / "cut.safetensors")
        with pytest.raises(CheckpointError, match=r"cut\.safetensors"):
            load(tmp_path / "cut.safetensors", CPU)


def test_a_package_that_is_missing_is_named(weights, monkeypatch):
    monkeypatch.setitem(sys.modules, "python_speech_features", None)
    with pytest.raises(UsageError, match="python_speech_features") as caught:
        SyncJudge(weights / PLACES["syncnet"], CPU)
    assert "evaluation" in caught.value.hint


# ---------------------------------------------------------------- lips and sound


def by_loops(see, hear, most=15):
    """Every moment against every shift, one by one."""
    n, means = len(see), []
    for k in range(-most, most + 1):
        partners = [hear[i + k] if 0 <= i + k < n else np.zeros_like(hear[0]) for i in range(n)]
        gaps = [np.linalg.norm(a - b + 1e-6) for a, b in zip(see, partners, strict=True)]
        means.append(np.mean(gaps))
    return sorted(means)[most] - min(means), min(means)


def test_sync_figures_are_the_published_ones_by_loops():
    rng = np.random.default_rng(3)
    see, hear = rng.standard_normal((2, 40, 16)).astype(np.float32)
    found = sync_figures(torch.from_numpy(see), torch.from_numpy(hear))
    assert (found.c, found.d) == pytest.approx(by_loops(see, hear), rel=1e-4)


@pytest.mark.parametrize("late", [-4, 0, 3])
def test_the_shift_is_how_late_the_sound_comes(late):
    rng = np.random.default_rng(4)
    both = torch.from_numpy(rng.standard_normal((60, 16)).astype(np.float32))
    found = sync_figures(both[10:50], both[10 - late : 50 - late])
    assert found.shift == late
    assert found.c > 1


def test_lips_too_short_for_a_window_have_no_figures(weights):
    judge = SyncJudge(weights / PLACES["syncnet"], CPU)
    found = judge(pictures(5, 224), np.zeros(16000, np.float32))
    assert math.isnan(found.c)
    assert math.isnan(found.d)


def test_any_length_above_that_has(weights):
    judge = SyncJudge(weights / PLACES["syncnet"], CPU)
    wave = np.random.default_rng(5).standard_normal(16000).astype(np.float32) * 0.1
    found = judge(pictures(8, 224), wave)
    assert math.isfinite(found.c)
    assert found.d > 0


def test_windows_pictures_and_sound_go_in_as_published(weights):
    """Five pictures in BGR, 0 to 255, with the 20 columns from the same moment of 16-bit sound."""
    from python_speech_features import mfcc

    lips, rng = pictures(9, 224), np.random.default_rng(6)
    wave = (rng.standard_normal(16000) * 0.1).astype(np.float32)
    network = SyncNet().eval()
    network.load_state_dict(filled(network, 2), strict=False)
    columns = mfcc(np.rint(wave * 32768).astype(np.int16), 16000).T.astype(np.float32)
    see, hear = [], []
    with torch.no_grad():
        for i in range(4):
            five = [cv2.cvtColor(picture, cv2.COLOR_RGB2BGR) for picture in lips[i : i + 5]]
            video = torch.from_numpy(np.stack(five)).permute(3, 0, 1, 2)[None].float()
            see.append(network.see(video))
            window = columns[:, 4 * i : 4 * i + 20]
            hear.append(network.hear(torch.from_numpy(window)[None, None]))
    theirs = sync_figures(torch.cat(see), torch.cat(hear))
    judge, heard = SyncJudge(weights / PLACES["syncnet"], CPU), []
    hears = judge._network.hear
    judge._network.hear = lambda windows: heard.append(windows) or hears(windows)
    ours = judge(lips, wave)
    windows = np.stack([columns[:, 4 * i : 4 * i + 20] for i in range(4)])
    np.testing.assert_allclose(torch.cat(heard)[:, 0], windows, atol=1e-4)
    assert (ours.c, ours.d) == pytest.approx((theirs.c, theirs.d), rel=1e-4)
    assert ours.shift == theirs.shift
