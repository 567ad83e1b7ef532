"""The model that ships as torch has it, where an edit on a processor would take its graphs."""

from __future__ import annotations

import torch

from cmet_cli.backends.compute import Compute
from cmet_cli.backends.loader import load_backend
from cmet_cli.emotion.speech.choose import load_speech_encoder
from cmet_cli.model import Model
from cmet_cli.weights.folder import inspect_folder, mini_folder

CPU = torch.device("cpu")


def mini_in_torch() -> Model:
    """In fp32: bf16, which some processors have, makes much of a last bit."""
    weights = inspect_folder(mini_folder())
    backend, connector = load_backend(weights, Compute(CPU, "fp32", 0))
    return Model(backend, connector, weights, lambda: load_speech_encoder(weights, CPU))
