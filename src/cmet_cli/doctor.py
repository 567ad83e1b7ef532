"""What ``cmet doctor`` looks at: what an edit needs, and which edits could run."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .errors import CmetError, WeightsError

PUBLISHED = "with the published networks"
SUPPORTED_PYTHON = ((3, 10), (3, 14))


@dataclass(frozen=True)
class Finding:
    """One line of the diagnosis. needed: without it no edit of any kind can run."""

    name: str
    ok: bool
    detail: str
    needed: bool = False


def diagnose(weights_dir: Path | None = None) -> list[Finding]:
    """Check everything an edit needs, each on its own; the last finding, ``edit``, sums up."""
    from .weights.folder import inspect_folder

    findings = [
        _finding("python", _python, needed=True),
        _finding("torch", _torch),
        _finding("device", _device),
        _finding("ffmpeg", _ffmpeg, needed=True),
        _finding("faces", lambda: _faces(weights_dir)),
        _finding("mini", _mini),
        _finding("funasr", _funasr),
        _finding("weights", lambda: _weights(weights_dir)),
        _finding("presets", lambda: _presets(weights_dir)),
    ]
    own = weights_dir is not None and inspect_folder(weights_dir).config is not None
    return [*findings, _verdict(findings, f"with the model in {weights_dir}" if own else PUBLISHED)]


def _finding(name: str, check: Callable[[], str], *, needed: bool = False) -> Finding:
    try:
        return Finding(name, True, check(), needed)
    except CmetError as error:
        return Finding(name, False, str(error), needed)
    except Exception as error:
        return Finding(name, False, f"{type(error).__name__}: {error}", needed)


def _verdict(findings: list[Finding], weights: str) -> Finding:
    lacking = [f.name for f in findings if f.needed and not f.ok]
    if lacking:
        return Finding("edit", False, f"no edit can run: {', '.join(lacking)}", True)
    wrong = {f.name for f in findings if not f.ok}
    # The model that ships runs without torch.
    ways = {weights: ("torch", "device", "weights"), "with --model mini": ("mini",)}
    can = [words for words, needs in ways.items() if not wrong & set(needs)]
    cannot = [
        f"{words} (see {next(name for name in needs if name in wrong)})"
        for words, needs in ways.items()
        if wrong & set(needs)
    ]
    if not can:
        return Finding("edit", False, f"no edit can run: not {', not '.join(cannot)}", True)
    but = f"; not {cannot[0]}" if cannot else ""
    return Finding("edit", True, f"can run {' and '.join(can)}{but}", True)


def _python() -> str:
    low, high = SUPPORTED_PYTHON
    found = platform.python_version()
    if not low <= sys.version_info[:2] < high:
        raise CmetError(f"Python {found} is not supported", "use 3.10 to 3.13")
    return f"{found} ({sys.executable})"


def _torch() -> str:
    import torch

    from .media.torch_audio import HINT, torchaudio

    pair = f"torch {torch.__version__}, torchaudio {torchaudio.__version__}"
    if torch.__version__.split(".")[:2] != torchaudio.__version__.split(".")[:2]:
        raise CmetError(f"{pair} do not belong together", HINT)
    return pair


def _device() -> str:
    from .backends.devices import describe, resolve
    from .options import RuntimeOptions

    return describe(resolve(RuntimeOptions()).torch_device)


def _ffmpeg() -> str:
    from .media.program import chosen_ffmpeg

    chosen = chosen_ffmpeg()
    reading = "ffprobe beside it is used" if chosen.ffprobe else "no ffprobe beside it"
    return f"{chosen.version} ({chosen.program}): {chosen.why}; {reading}"


def _funasr() -> str:
    try:
        return importlib.metadata.version("funasr")
    except importlib.metadata.PackageNotFoundError as error:
        raise CmetError("not installed; emotion2vec+ needs it", "pip install funasr") from error


def _mini() -> str:
    """The model that ships is small enough to be loaded whole."""
    from .backends.compute import HostDevice
    from .model import load_model
    from .options import RuntimeOptions

    model = load_model(choice="mini", runtime=RuntimeOptions(device="cpu"))
    model.open_speech_encoder()
    how = "without torch" if isinstance(model.backend.compute.device, HostDevice) else "in torch"
    return f"{model.weights.root}: loads, and runs {how} on a processor; it ships with cmet"


def _weights(weights_dir: Path | None) -> str:
    from .weights.folder import find_weights
    from .weights.verify import check_folder

    weights = find_weights(weights_dir, "cmet" if weights_dir is None else "auto")
    if weights.speech is None:
        raise WeightsError(f"{weights.root}: no speech encoder", "run `cmet download-weights`")
    if weights.config is None:
        _funasr()
    # Some parts may lie in the Hub client's own cache, as published.
    parts = (*weights.networks, weights.speech)
    elsewhere = sum(weights.root not in path.parents for path in parts)
    checks = check_folder(weights.root) if weights.root.is_dir() else []
    wrong = ("changed", "damaged") if elsewhere else ("changed", "damaged", "missing")
    broken = [str(c) for c in checks if c.state in wrong]
    if broken:
        raise WeightsError("; ".join(broken), "run `cmet download-weights`")
    verified = sum(c.state == "ok" for c in checks)
    notes = "".join(f"; {c}" for c in checks if c.state == "other")
    notes += f"; {elsewhere} in the Hub's cache, not verified" if elsewhere else ""
    return f"{weights.root}: {verified} of {len(checks)} file(s) verified{notes}"


def _presets(weights_dir: Path | None) -> str:
    from .weights.folder import candidates

    for _, weights in candidates(weights_dir):
        if weights.neutral_presets:
            return f"{len(weights.neutral_presets)} neutral ones in {weights.presets}"
    raise CmetError(
        "none: an edit compares with --neutral-audio, or the video's own speech",
        "`cmet download-weights --only presets`",
    )


def _faces(weights_dir: Path | None) -> str:
    import cv2

    from .weights.folder import find_yunet
    from .weights.registry import FILES
    from .weights.verify import check_file

    yunet = find_yunet(weights_dir)
    if yunet is None:
        cascades = Path(cv2.__file__).parent / "data"
        if not any(cascades.glob("*frontalface*.xml")):
            raise CmetError("neither YuNet nor OpenCV's cascades are there")
        return "Haar cascade; YuNet, which is better, with `cmet download-weights --only yunet`"
    if check_file(yunet, next(f for f in FILES if f.name == "yunet")):
        raise WeightsError(f"{yunet}: not the published YuNet", "delete it and download it again")
    return f"YuNet ({yunet})"
