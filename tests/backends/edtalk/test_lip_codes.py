"""Lip codes gathered piece by piece are the whole's, smoothed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cmet_cli.backends.edtalk.audio2lip import smooth_codes
from cmet_cli.backends.edtalk.lip_codes import gathered


@pytest.mark.parametrize("sizes", [[], [1], [2], [3, 1, 4], [64, 64, 7]])
def test_pieces_are_smoothed_as_one(sizes):
    rng = np.random.default_rng(0)
    pieces = [rng.normal(size=(size, 20)).astype(np.float32) for size in sizes]
    mine = gathered(iter(pieces), 20)
    assert mine.shape == (sum(sizes), 20)
    assert mine.dtype == np.float32
    if sizes:
        whole = torch.from_numpy(np.concatenate(pieces))
        np.testing.assert_allclose(mine, smooth_codes(whole).numpy(), atol=1e-6)
        assert np.abs(mine - whole.numpy()).max() > 0.1
