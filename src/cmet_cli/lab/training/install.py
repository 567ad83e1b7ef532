"""Putting a freshly trained connector into a model folder, with the gain that suits it."""

from __future__ import annotations

from pathlib import Path

from ...backends.edtalk.connector import Connector
from ...emotion.speech.encoder import SpeechEncoder
from ...options import Progress, no_progress
from ..seeds import CALIBRATION_SEEDS
from .clip_features import WorldFeatures, WorldSpec, load_all
from .gain import calibrate_gain, code_error_score, draw_trials, predict
from .train_mini import export_part, write_config

CALIBRATION_WORLD = WorldSpec(people=24, first=CALIBRATION_SEEDS[0], clips=1)
TRIALS_PER_EMOTION = 20


def measured_gain(
    connector: Connector,
    listener: SpeechEncoder,
    progress: Progress = no_progress,
    *,
    spec: WorldSpec = CALIBRATION_WORLD,
) -> float:
    """The gain of the least code error on people and voices that are kept for choosing it."""
    clips = load_all(WorldFeatures(spec, listener), progress).clips
    trials = draw_trials(clips, TRIALS_PER_EMOTION)
    return calibrate_gain(code_error_score(trials, predict(connector, trials))).gain


def install_connector(
    folder: Path, connector: Connector, listener: SpeechEncoder, progress: Progress = no_progress
) -> float:
    """Write weights (float16), sizes and gain into a mini model's folder. -> the gain."""
    gain = measured_gain(connector.eval(), listener, progress)
    folder.mkdir(parents=True, exist_ok=True)
    export_part(folder, "connector", connector)
    write_config(folder, gain=gain)
    return gain
