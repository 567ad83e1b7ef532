"""The speech encoder that belongs to a weights folder."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from ...backends.compute import Device, HostDevice, torch_device
from ...errors import CheckpointError, WeightsError
from ...weights.folder import MINI_SPEECH_FILE, Weights
from ...weights.sections import read_sections
from .encoder import EMOTION2VEC, SpeechEncoder
from .portable import PortableSpeechEncoder

if TYPE_CHECKING:
    from .speechnet import SpeechNet


def load_speech_encoder(weights: Weights, device: Device) -> SpeechEncoder:
    """The model's own encoder where its configuration has one, else emotion2vec+ (seconds to load).

    Raises :class:`WeightsError`.
    """
    sizes = read_sections(weights.config).get("speech") if weights.config else None
    if sizes is not None and isinstance(device, HostDevice):
        return PortableSpeechEncoder(weights, int(sizes["dim"]), encoder_name(weights))
    if sizes is not None:
        from .mini import MiniSpeechEncoder

        return MiniSpeechEncoder(
            load_speechnet(weights, sizes), torch_device(device), encoder_name(weights)
        )
    if weights.speech is None:
        raise WeightsError(
            f"no speech encoder in {weights.root}",
            "run `cmet download-weights --only emotion2vec`",
        )
    return load_emotion2vec(weights.speech, device)


def encoder_name(weights: Weights) -> str:
    """The name of the encoder that :func:`load_speech_encoder` would load, without loading it.

    Small encoders are told apart by their file: after another training their features mean
    something else.
    """
    path = weights.root / MINI_SPEECH_FILE
    if not weights.own_ear or not path.is_file():
        return EMOTION2VEC
    return f"mini {hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"


def load_emotion2vec(folder: Path, device: Device) -> SpeechEncoder:
    """emotion2vec+ of a FunASR folder. Raises :class:`WeightsError`."""
    from .emotion2vec import Emotion2vec

    return Emotion2vec(folder, torch_device(device))


def load_speechnet(weights: Weights, sizes: dict[str, object]) -> SpeechNet:
    """The small speech encoder of a model folder."""
    import torch

    from ...weights.checkpoint import load_strict, read_tensors
    from .speechnet import SpeechNet, SpeechNetConfig
    from .tracks import TRACKS

    path = weights.root / MINI_SPEECH_FILE
    try:
        config = SpeechNetConfig(**sizes)  # type: ignore[arg-type]
    except TypeError as error:
        raise CheckpointError(f"{weights.config}: wrong sizes of the speech encoder") from error
    if config.tracks not in (0, TRACKS):
        raise CheckpointError(f"{weights.config}: the speech encoder hears {TRACKS} tracks or none")
    with torch.device("meta"):
        network = SpeechNet(config)
    load_strict(network, read_tensors(path), path)
    return network.eval().requires_grad_(False)
