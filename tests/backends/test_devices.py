"""What a device and a number format come to."""

from __future__ import annotations

import pytest
import torch

from cmet_cli.backends import devices
from cmet_cli.options import RuntimeOptions


@pytest.mark.parametrize(("precision", "rounds"), [("fp32", False), ("fp16", True)])
def test_fp32_on_a_gpu_is_not_rounded_to_tf32(monkeypatch, precision, rounds):
    monkeypatch.setattr(devices, "_device", lambda _: torch.device("cuda", 0))
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    compute = devices.resolve(RuntimeOptions(precision=precision))
    assert compute.precision == precision
    assert torch.backends.cudnn.allow_tf32 is rounds


@pytest.mark.parametrize(
    ("threads", "asked", "size_px", "expected"),
    [(4, 0, 256, 4), (1, 0, 256, 1), (64, 0, 256, 16), (4, 0, 64, 16), (4, 3, 256, 3)],
)
def test_a_cpu_takes_as_many_large_pictures_as_it_has_threads(
    monkeypatch, threads, asked, size_px, expected
):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    compute = devices.Compute(torch.device("cpu"), "fp32", asked)
    assert devices.batch_for(compute, size_px, lambda _: None).batch_size == expected
