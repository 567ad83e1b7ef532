"""Judging networks filled with random numbers, laid out as a download leaves them."""

from __future__ import annotations

import warnings
from unittest.mock import patch

import torch
from safetensors.torch import save_file
from torch import nn
from torch_fidelity import feature_extractor_inceptionv3 as fidelity

from cmet_cli.evaluation.networks.i3d import I3D
from cmet_cli.evaluation.networks.syncnet import SyncNet
from cmet_cli.weights.registry import EVALUATION_FILES

PLACES = {entry.name: entry.kept for entry in EVALUATION_FILES}


def filled(network: nn.Module, seed: int) -> dict[str, torch.Tensor]:
    """Random tensors under which activations neither die nor explode."""
    rng = torch.Generator().manual_seed(seed)
    state = {}
    for name, tensor in network.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue  # as some published files have it
        if tensor.ndim > 1:
            value = torch.randn(tensor.shape, generator=rng) * (2 / tensor[0].numel()) ** 0.5
        else:
            value = torch.rand(tensor.shape, generator=rng) * 0.2
            value += 0.9 if name.endswith(("weight", "running_var")) else 0
        state[name] = value
    return state


def inception() -> nn.Module:
    """Without its weights, which it would fetch."""
    with (
        patch.object(fidelity.FeatureExtractorInceptionV3, "load_state_dict"),
        patch.object(fidelity, "load_state_dict_from_url"),
    ):
        return fidelity.FeatureExtractorInceptionV3("inception", ["2048"])


def write_onnx(path, outputs: int, side_px: int = 112) -> None:
    """A small network over pictures, as OpenCV reads it."""
    torch.manual_seed(outputs)
    layers = (nn.Conv2d(3, 8, side_px // 4, stride=side_px // 4), nn.ReLU(), nn.Flatten())
    network = nn.Sequential(*layers, nn.Linear(128, outputs)).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network, (torch.zeros(1, 3, side_px, side_px),), path, dynamo=False)


def write_networks(root, names=("expression", "sface", "inception", "i3d", "syncnet")) -> None:
    """Those networks under ``root``."""
    for name in names:
        path = root / PLACES[name]
        path.parent.mkdir(parents=True, exist_ok=True)
        if name in ("expression", "sface"):
            write_onnx(path, {"expression": 7, "sface": 128}[name])
        elif name == "inception":
            state = {n: torch.tensor(0) for n in inception().state_dict() if "num_batches" in n}
            save_file(state | filled(inception(), 1), path)
        else:
            save_file(filled({"i3d": I3D, "syncnet": SyncNet}[name](), 2), path)
