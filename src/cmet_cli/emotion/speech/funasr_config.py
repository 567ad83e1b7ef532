"""A FunASR folder's ``config.yaml``, read as untrusted input.

FunASR hands one of its entries to ``eval`` and builds whatever sizes it is told, so the entries
that decide are checked before it sees them.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ...errors import CheckpointError

MODEL_CLASS = "Emotion2vec"
MAX_CONFIG_BYTES = 1 << 20
HINT = "download it again with `cmet download-weights --only emotion2vec`"
#: ``[(512, 10, 5)] + [(512, 3, 2)] * 4``: channels, kernel, stride, and how often. FunASR evaluates
#: this as Python.
_LAYERS = r"\[\(\d{1,4}, *\d{1,2}, *\d{1,2}\)\](?: *\* *\d{1,2})?"
_ENCODER_SPEC = re.compile(rf"{_LAYERS}(?: *\+ *{_LAYERS}){{0,15}}")
#: Largest sensible values; the published ones are at most half of them.
_MODEL_LIMITS = {"embed_dim": 4096, "depth": 64, "num_heads": 64, "mlp_ratio": 8}
#: The entries that are words; all others are numbers, switches or nothing.
_WORDS = {"feature_encoder_spec", "extractor_mode", "supported_modality", "type", "cls_type"}
_AUDIO_LIMITS = {
    "prenet_depth": 64,
    "num_extra_tokens": 64,
    "num_alibi_heads": 64,
    "conv_pos_width": 512,
    "conv_pos_groups": 64,
    "conv_pos_depth": 16,
}


def read_model_conf(path: Path, weights: Path) -> dict[str, Any]:
    """The network's description, safe to build.

    weights: the tensors it is for; a network larger than these is refused before it takes memory.
    The pre-training decoder is left out: it takes no part, and files need not hold it. Raises
    :class:`CheckpointError`.
    """
    config = _read_yaml(path)
    if not isinstance(config, dict) or config.get("model") != MODEL_CLASS:
        raise CheckpointError(f"{path}: does not describe an {MODEL_CLASS} model", HINT)
    model: dict[str, Any] = config.get("model_conf") or {}
    try:
        audio = model["modalities"]["audio"]
        _check_limits(model, _MODEL_LIMITS)
        _check_limits(audio, _AUDIO_LIMITS)
        _check_words(model)
        spec = audio["feature_encoder_spec"]
        if not isinstance(spec, str) or not _ENCODER_SPEC.fullmatch(spec):
            raise ValueError("feature_encoder_spec is not a list of layers")
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: not a usable configuration ({error})", HINT) from error
    blocks = model["depth"] + audio["prenet_depth"]
    # Of a block: four square matrices in the attention, two in the perceptron.
    numbers = blocks * model["embed_dim"] ** 2 * (4 + 2 * model["mlp_ratio"])
    if numbers > weights.stat().st_size:  # half precision would be twice this
        raise CheckpointError(f"{path}: describes a larger network than {weights.name} holds", HINT)
    audio["decoder"] = None
    return model


def _check_limits(values: dict[str, Any], limits: dict[str, int]) -> None:
    for name, limit in limits.items():
        value = values[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= limit:
            raise ValueError(f"{name} is {str(value)[:40]}")


def _check_words(values: dict[str, Any]) -> None:
    """A word in place of a number, or an interpolation, would fail only when speech is heard."""
    for name, value in values.items():
        if isinstance(value, dict):
            _check_words(value)
        elif isinstance(value, str) and (name not in _WORDS or "${" in value):
            raise ValueError(f"{name} is '{value[:40]}'")


def _read_yaml(path: Path) -> Any:
    import yaml  # omegaconf's own
    from omegaconf import OmegaConf  # FunASR's own reader: to it, 1e-05 is a number

    try:
        if path.stat().st_size > MAX_CONFIG_BYTES:
            raise ValueError("too large")
        text = path.read_text("utf-8")
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text)):
            raise ValueError("aliases, which can multiply without end, are not read")
        return OmegaConf.to_container(OmegaConf.create(text), resolve=False)
    except Exception as error:
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise CheckpointError(f"{path}: not a readable configuration ({reason})", HINT) from error
