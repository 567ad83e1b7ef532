"""The mini model from nothing: draw and synthesise a world, train every network, write the folder.

Each stage keeps its own folder in the run folder; what is finished there is not done again.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from ...backends.edtalk.audio2lip import Audio2Lip
from ...backends.edtalk.connector import Connector
from ...backends.edtalk.networks import EDTalk
from ...emotion.speech.choose import load_speech_encoder
from ...emotion.speech.mini import MiniSpeechEncoder
from ...emotion.speech.speechnet import SpeechNet
from ...media.files import atomic_path
from ...options import Progress, no_progress
from ...weights.folder import CONFIG_FILE, MINI_SPEECH_FILE, inspect_folder
from ..seeds import CALIBRATION_SEEDS
from .clip_features import WorldFeatures, WorldSpec, load_all
from .code_space import code_space
from .emotion_presets import VOICES, export_presets, world_presets
from .gain import calibrate_gain, code_error_score, draw_trials, predict
from .noise import CPU
from .pairs import FeatureBank
from .reach import motion_table
from .renderer_config import RendererConfig, gpu_config
from .train_connector import ConnectorTraining, mini_training, train_connector
from .train_lips import LipsConfig, train_lips
from .train_renderer import train_encoder, train_joint
from .train_speech import SpeechConfig, train_speech
from .voices import VoicesConfig, load_speech
from .wild_voices import WildConfig, load_wild
from .world import WorldConfig, load_world

MODEL_NAME = "mini"
PART_FILES = {
    "edtalk": "edtalk.safetensors",
    "audio2lip": "audio2lip.safetensors",
    "connector": "connector.safetensors",
    "speech": MINI_SPEECH_FILE,
}


@dataclass(frozen=True)
class MiniConfig:
    """Every hyper-parameter of the mini model.

    threads: of PyTorch, while it trains; the shipped weights were made with one.
    """

    world: WorldConfig = field(default_factory=WorldConfig)
    renderer: RendererConfig = field(default_factory=RendererConfig)
    voices: VoicesConfig = field(default_factory=VoicesConfig)
    lips: LipsConfig = field(default_factory=LipsConfig)
    wild: WildConfig = field(default_factory=WildConfig)
    speech: SpeechConfig = field(default_factory=SpeechConfig)
    connector: ConnectorTraining | None = None  # None: made for the speech encoder's width
    connector_world: WorldSpec = field(default_factory=WorldSpec)
    calibration_world: WorldSpec = field(
        default_factory=lambda: WorldSpec(people=24, first=CALIBRATION_SEEDS[0], clips=1)
    )
    calibration_trials: int = 20  # per emotion
    preset_voices: int = VOICES  # per named emotion
    motion_pairs: int = 500  # drawn faces from which it is known how far skin moves
    source: str = "frame"  # measured best: see weights/mini/proof.json
    threads: int = 1


def mini_config(device: torch.device, threads: int = 1, workers: int = 2) -> MiniConfig:
    """The mini model's hyper-parameters on a device. workers: processes that draw and speak."""
    start = MiniConfig(threads=threads)
    return dataclasses.replace(
        start,
        renderer=gpu_config() if device.type == "cuda" else start.renderer,
        world=dataclasses.replace(start.world, workers=workers),
        voices=dataclasses.replace(start.voices, workers=workers),
        wild=dataclasses.replace(start.wild, workers=workers),
    )


def train_mini(
    run_dir: Path,
    out_dir: Path,
    config: MiniConfig | None = None,
    progress: Progress = no_progress,
    device: torch.device = CPU,
) -> None:
    """Make the mini model. A stopped run goes on where it was, in the same ``run_dir``.

    Stages, in order: ``world``, ``encoder``, ``renderer``, ``voices``, ``lips``, ``wild``,
    ``speech``, ``connector``, ``emotions``. out_dir: gets the weights, ``config.json`` and the
    named emotions. device: trains the renderer; the other networks, which are smaller, stay on the
    CPU.
    """
    config = config or MiniConfig()
    threads = torch.get_num_threads()
    torch.set_num_threads(config.threads)
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        export_part(out_dir, "edtalk", make_renderer(run_dir, config, progress, device))
        audio2lip, speech = make_listeners(run_dir, config, progress)
        export_part(out_dir, "audio2lip", audio2lip)
        export_part(out_dir, "speech", speech)
        connector, gain = make_connector(run_dir, config, speech, progress)
        export_part(out_dir, "connector", connector)
        ear = load_speech_encoder(inspect_folder(out_dir), CPU)
        export_presets(out_dir, world_presets(ear, config.preset_voices, progress))
        write_config(out_dir, name=MODEL_NAME, gain=gain, source=config.source)
        write_meanings(out_dir, config.motion_pairs)
    finally:
        torch.set_num_threads(threads)


def make_renderer(
    run_dir: Path,
    config: MiniConfig,
    progress: Progress = no_progress,
    device: torch.device = CPU,
) -> EDTalk:
    """Stages ``world``, ``encoder`` and ``renderer``. Returns the renderer on the device."""
    world = load_world(config.world, run_dir / "world", progress)
    encoder = train_encoder(world, config.renderer, run_dir / "encoder", progress, device)
    return train_joint(encoder, world, config.renderer, run_dir / "renderer", progress, device)


def make_listeners(
    run_dir: Path, config: MiniConfig, progress: Progress = no_progress
) -> tuple[Audio2Lip, SpeechNet]:
    """Stages ``voices``, ``lips``, ``wild`` and ``speech``."""
    voices = load_speech(config.voices, run_dir / "voices", progress)
    lips = train_lips(voices, config.lips, run_dir / "lips", progress)
    wild = load_wild(config.wild, run_dir / "wild", progress)
    return lips, train_speech(wild, config.speech, run_dir / "speech", progress)


def make_connector(
    run_dir: Path, config: MiniConfig, speech: SpeechNet, progress: Progress = no_progress
) -> tuple[Connector, float]:
    """Stage ``connector``, and the gain that suits people and voices kept for choosing it."""
    listener = MiniSpeechEncoder(speech)
    bank = FeatureBank(load_all(WorldFeatures(config.connector_world, listener), progress).clips)
    settings = config.connector or mini_training(bank.speech_dim)
    connector = train_connector(bank, settings, run_dir / "connector", progress)
    held_out = load_all(WorldFeatures(config.calibration_world, listener), progress).clips
    trials = draw_trials(held_out, config.calibration_trials)
    choice = calibrate_gain(code_error_score(trials, predict(connector.eval(), trials)))
    return connector, choice.gain


def export_part(out_dir: Path, part: str, module: nn.Module) -> Path:
    """Write one network in float16 under its published names, and its sizes into the config.

    part: ``edtalk``, ``audio2lip``, ``connector`` or ``speech``. Returns the weights' path.
    """
    # The published names carry buffers too (blur kernels, positions): strict loading asks for them.
    state = {
        name: (t.half() if t.is_floating_point() else t).detach().cpu().contiguous().clone()
        for name, t in module.state_dict().items()
    }
    path = out_dir / PART_FILES[part]
    with atomic_path(path, overwrite=True) as temporary:
        save_file(state, temporary, metadata={"format": "pt"})
        temporary.chmod(0o644)  # it ships with the package
    sizes: Callable[[Any], dict[str, Any]] = dataclasses.asdict
    write_config(out_dir, **{part: sizes(module.config)})
    return path


def write_meanings(out_dir: Path, motion_pairs: int) -> None:
    """Say in ``config.json`` what the codes do: how far they move skin, and where the jaw is."""
    jaw = code_space().jaw()
    write_config(
        out_dir,
        motion=[rounded(row, 7) for row in motion_table(motion_pairs)],
        jaw={
            "spoken": rounded(jaw.spoken, 5),
            "felt": rounded(jaw.felt, 5),
            "parts": round(jaw.parts, 5),
        },
    )


def rounded(row: np.ndarray, digits: int) -> list[float]:
    return [round(float(v), digits) for v in row]


def write_config(out_dir: Path, **values: Any) -> None:
    """Set entries of the model folder's ``config.json``, keeping the others."""
    path = out_dir / CONFIG_FILE
    known: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    text = json.dumps({"name": MODEL_NAME} | known | values, indent=2, sort_keys=True) + "\n"
    with atomic_path(path, overwrite=True) as temporary:
        temporary.write_text(text, "utf-8")
