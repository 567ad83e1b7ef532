"""FID, FVD and Sync-C/D beside other people's implementations, with the same stand-in weights.

``pip install --no-deps cd-fvd syncnet-python`` (and the extra ``evaluation``), then
``python benchmarks/judges.py``: pictures and sound of the drawn example, networks filled with
random numbers, a row a figure: ours, theirs, relative difference. Exit code 1 above 1e-4.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
import torch
from safetensors.torch import save_file

from cmet_cli.evaluation.frechet import Cloud, frechet_distance
from cmet_cli.evaluation.networks.features import PictureFeatures, VideoFeatures
from cmet_cli.evaluation.networks.i3d import I3D
from cmet_cli.evaluation.networks.sync import SHIFT, SyncJudge
from cmet_cli.evaluation.networks.syncnet import SyncNet
from cmet_cli.evaluation.pictures import gather
from cmet_cli.media.audio import decode_audio
from cmet_cli.media.probe import probe_video
from cmet_cli.model import load_model
from cmet_cli.options import EditOptions, no_progress
from cmet_cli.pipeline.read import VideoReader

EXAMPLE = Path(__file__).parents[1] / "examples/neutral.mp4"
CPU = torch.device("cpu")
WORST = 1e-4


def module(package: str, path: str) -> ModuleType:
    """One file of a package, without what the rest of it imports."""
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        sys.exit(__doc__)
    where = Path(found.submodule_search_locations[0]) / path
    spec = importlib.util.spec_from_file_location(where.stem, where)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def filled(network: torch.nn.Module, seed: int) -> dict[str, torch.Tensor]:
    """Random tensors under which activations neither die nor explode."""
    torch.manual_seed(seed)
    state = {}
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var"):
            state[name] = torch.rand(tensor.shape) + 0.5
        elif tensor.ndim > 1:
            state[name] = torch.randn(tensor.shape) * (2 / tensor[0].numel()) ** 0.5
        elif name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(0)
        else:
            state[name] = torch.rand(tensor.shape) * 0.2 + (0.9 if "weight" in name else 0)
    return state


def pictures() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Faces, lips and sound of the example."""
    model, info = load_model(choice="mini"), probe_video(EXAMPLE)
    faces = VideoReader(model.backend, None).find(info, EditOptions(), no_progress)
    found = gather(info, faces.placements[0], faces.timeline)
    return found.faces, found.lips, decode_audio(EXAMPLE)


def fid(folder: Path, one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    package: Any = sys.modules[FeatureExtractorInceptionV3.__module__]
    with (
        patch.object(FeatureExtractorInceptionV3, "load_state_dict"),
        patch.object(package, "load_state_dict_from_url"),
    ):
        bare = FeatureExtractorInceptionV3("inception", ["2048"])
    state = filled(bare, 1)
    with_weights = folder / "inception.pth"
    torch.save(state, with_weights)
    save_file({k: v.contiguous() for k, v in state.items()}, folder / "inception.safetensors")
    theirs = FeatureExtractorInceptionV3(
        "inception", ["2048"], feature_extractor_weights_path=str(with_weights)
    )
    sides = [torch.from_numpy(side).permute(0, 3, 1, 2) for side in (one, other)]
    with torch.no_grad():
        statistics = [fid_features_to_statistics(theirs(side)[0]) for side in sides]
    metric = fid_statistics_to_metric(*statistics, verbose=False)
    ours, clouds = PictureFeatures(folder / "inception.safetensors", CPU), (Cloud(), Cloud())
    for cloud, side in zip(clouds, (one, other), strict=True):
        cloud.add(ours(side))
    return frechet_distance(*clouds), float(next(iter(metric.values())))


def fvd(folder: Path, one: list[np.ndarray], other: list[np.ndarray]) -> tuple[float, float]:
    state = filled(I3D(), 2)
    save_file(state, folder / "i3d.safetensors")
    theirs = (
        module("cdfvd", "third_party/i3d/pytorch_i3d.py").InceptionI3d(400, in_channels=3).eval()
    )
    theirs.load_state_dict(state)
    ours, clouds, rows = VideoFeatures(folder / "i3d.safetensors", CPU), (Cloud(), Cloud()), []
    for cloud, clips in zip(clouds, (one, other), strict=True):
        found = [ours(clip) for clip in clips]
        cloud.add(np.stack([row for row in found if row is not None]))
        batch = torch.from_numpy(np.stack(clips)).permute(0, 4, 1, 2, 3).float()
        flat = batch.transpose(1, 2).flatten(0, 1)
        flat = torch.nn.functional.interpolate(flat, size=(224, 224), mode="bilinear")
        batch = flat.unflatten(0, (len(clips), -1)).transpose(1, 2) * 2 / 255 - 1
        with torch.no_grad():
            rows.append(theirs(batch).double().numpy())
    return frechet_distance(*clouds), by_matrix_root(*rows)


def by_matrix_root(a: np.ndarray, b: np.ndarray) -> float:
    """The distance as TensorFlow-GAN computes it: roots of whole covariances."""

    def root(matrix: np.ndarray) -> np.ndarray:
        values, vectors = np.linalg.eigh(matrix)
        return np.asarray(vectors * np.sqrt(np.clip(values, 0, None)) @ vectors.T)

    one, other = np.cov(a.T), np.cov(b.T)
    half = root(one)
    shared = np.trace(root(half @ other @ half))
    apart = np.square(a.mean(0) - b.mean(0)).sum()
    return float(apart + np.trace(one) + np.trace(other) - 2 * shared)


def sync(folder: Path, lips: np.ndarray, wave: np.ndarray) -> list[tuple[float, float]]:
    from python_speech_features import mfcc

    theirs = module("syncnet_python", "SyncNetModel.py").S(1024).eval()
    distances = module("syncnet_python", "SyncNetInstance.py").calc_pdist
    state = filled(SyncNet(), 3)
    theirs.load_state_dict(state)
    save_file(state, folder / "syncnet.safetensors")
    ours = SyncJudge(folder / "syncnet.safetensors", CPU)(lips, wave)
    sound = np.clip(np.rint(wave * 32768), -32768, 32767).astype(np.int16)
    cepstra = torch.from_numpy(mfcc(sound, 16000).T.astype(np.float32))[None, None]
    bgr = np.stack([cv2.cvtColor(picture, cv2.COLOR_RGB2BGR) for picture in lips], 3)
    video = torch.from_numpy(bgr.transpose(2, 3, 0, 1)[None].astype(np.float32))
    n = min(len(lips), len(sound) // 640) - 5
    with torch.no_grad():
        see = torch.cat([theirs.forward_lip(video[:, :, i : i + 5]) for i in range(n)])
        hear = torch.cat([theirs.forward_aud(cepstra[..., 4 * i : 4 * i + 20]) for i in range(n)])
        mean = torch.stack(distances(see, hear, vshift=SHIFT), 1).mean(1)
    least = float(mean.min())
    return [(ours.c, float(mean.median()) - least), (ours.d, least)]


def main() -> None:
    faces, lips, wave = pictures()
    darker = (faces * 0.9).astype(np.uint8)
    clips = [faces[start : start + 15] for start in range(0, 90, 15)]
    other = [darker[start + 3 : start + 18] for start in range(0, 90, 15)]
    worst = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = {
            "FID": fid(folder, faces[:60], darker[30:90]),
            "FVD": fvd(folder, clips, other),
        }
        rows["Sync-C"], rows["Sync-D"] = sync(folder, lips[:60], wave)
    print(f"{'':8}{'ours':>14}{'theirs':>14}{'apart':>10}")
    for what, (ours, theirs) in rows.items():
        apart = abs(ours - theirs) / abs(theirs)
        worst = max(worst, apart)
        print(f"{what:8}{ours:14.6f}{theirs:14.6f}{apart:10.1e}")
    sys.exit(worst > WORST)


if __name__ == "__main__":
    main()
