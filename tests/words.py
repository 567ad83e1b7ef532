"""Lip codes of words that part the lips by so much."""

from __future__ import annotations

import numpy as np

from cmet_cli.backends.base import CodeLayout


def lips_apart(layout: CodeLayout, further: np.ndarray) -> np.ndarray:
    """further: by how much of a widest opening, ``[n]`` -> a change of lip codes ``[n, lip]``."""
    assert layout.jaw is not None
    spoken = layout.jaw.spoken
    return (further[:, None] * spoken / np.square(spoken).sum()).astype(np.float32)
