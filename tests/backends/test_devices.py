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
