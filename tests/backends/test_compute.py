"""What networks run on: told without torch wherever that is certain."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from cmet_cli.backends import compute as module
from cmet_cli.backends.compute import HOST, Compute, is_for_host, on_device, on_host
from cmet_cli.backends.images import to_images, to_pictures
from cmet_cli.backends.loader import check_runtime, settle
from cmet_cli.errors import DeviceError
from cmet_cli.options import RuntimeOptions
from cmet_cli.weights.folder import inspect_folder, mini_folder

CPU = torch.device("cpu")


@pytest.fixture
def drivers(monkeypatch, tmp_path):
    """Which of the drivers' files there are."""
    monkeypatch.setattr(module, "_DRIVERS", (str(tmp_path / "a"), str(tmp_path / "b")))
    monkeypatch.setattr(module.sys, "platform", "linux")
    return tmp_path


@pytest.mark.parametrize(
    ("asked", "here"),
    [
        ({}, True),
        ({"device": "cpu"}, True),
        ({"precision": "fp32"}, True),
        ({"precision": "bf16"}, False),
        ({"device": "cuda:0"}, False),
        ({"device": "mps"}, False),
    ],
)
def test_the_host_s_arrays_are_for_float32_on_the_processor(drivers, asked, here):
    assert is_for_host(RuntimeOptions(**asked)) is here


def test_where_there_may_be_a_gpu_torch_is_asked(drivers, monkeypatch):
    (drivers / "b").touch()
    assert not is_for_host(RuntimeOptions())
    assert is_for_host(RuntimeOptions(device="cpu"))
    (drivers / "b").unlink()
    monkeypatch.setattr(module.sys, "platform", "darwin")
    assert not is_for_host(RuntimeOptions())


def test_a_model_is_settled_by_what_is_asked_and_what_it_comes_with(drivers, tiny_weights):
    mini, other = inspect_folder(mini_folder()), inspect_folder(tiny_weights)
    asked = RuntimeOptions(device="cpu", batch_size=3)
    assert settle(mini, asked) == Compute(HOST, "fp32", 3)
    assert settle(other, asked).device == CPU  # without graphs
    bf16 = RuntimeOptions(device="cpu", precision="bf16")
    assert settle(mini, bf16) == Compute(CPU, "bf16", 0)


@pytest.mark.parametrize("precision", ["auto", "fp32", "bf16"])
def test_a_driver_without_a_gpu_makes_no_difference(drivers, precision):
    """A batch asks for ``auto`` and its workers for what that was: they must mean the same."""
    (drivers / "a").touch()
    mini = inspect_folder(mini_folder())
    by_itself = settle(mini, RuntimeOptions(precision=precision))
    if by_itself.device.type != "cpu":
        pytest.skip("there is one")
    assert by_itself == settle(mini, RuntimeOptions(device="cpu", precision=precision))
    assert (by_itself.device == HOST) is (precision != "bf16")


@pytest.mark.parametrize(
    "asked", [{"device": "gpu"}, {"device": "cuda:99"}, {"device": "cpu", "precision": "fp16"}]
)
def test_what_is_not_here_is_told_before_anything_is_loaded(asked):
    with pytest.raises(DeviceError):
        check_runtime(RuntimeOptions(**asked))
    check_runtime(RuntimeOptions(device="cpu"))


def test_pictures_are_the_same_numbers_either_way():
    rgb = np.random.default_rng(0).uniform(0, 255, (2, 4, 4, 3)).astype(np.float32)
    mine, theirs = to_images(rgb, HOST), to_images(rgb, CPU)
    assert isinstance(mine, np.ndarray)
    assert mine.dtype == np.float32
    np.testing.assert_allclose(mine, theirs.numpy(), atol=1e-6)
    wild = mine * 3  # is clipped
    np.testing.assert_allclose(
        to_pictures(wild), to_pictures(torch.from_numpy(wild)), rtol=0, atol=1e-4
    )
    np.testing.assert_allclose(to_pictures(mine), rgb, atol=1e-3)


def test_arrays_there_and_back():
    codes = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert on_device(codes, HOST) is codes
    assert on_host(codes) is codes
    there = on_device(codes, CPU)
    assert isinstance(there, torch.Tensor)
    np.testing.assert_array_equal(on_host(there), codes)


def test_it_has_torch_s_name():
    assert Compute(HOST, "fp32", 1).torch_device == CPU
    assert Path(str(HOST)).name == HOST.type == "cpu"
