"""What ``cmet doctor`` looks at."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .errors import CmetError, WeightsError

SUPPORTED_PYTHON = ((3, 10), (3, 14))


@dataclass(frozen=True)
class Finding:
    """One line of the diagnosis."""

    name: str
    ok: bool
    detail: str


def diagnose(weights_dir: Path | None = None) -> list[Finding]:
    """Check everything an edit needs, each on its own."""
    checks: dict[str, Callable[[], str]] = {
        "python": _python,
        "torch": _torch,
        "device": _device,
        "ffmpeg": _ffmpeg,
        "funasr": lambda: importlib.metadata.version("funasr"),
        "weights": lambda: _weights(weights_dir),
    }
    return [_finding(name, check) for name, check in checks.items()]


def _finding(name: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(name, True, check())
    except CmetError as error:
        return Finding(name, False, str(error))
    except Exception as error:
        return Finding(name, False, f"{type(error).__name__}: {error}")


def _python() -> str:
    low, high = SUPPORTED_PYTHON
    found = platform.python_version()
    if not low <= sys.version_info[:2] < high:
        raise CmetError(f"Python {found} is not supported", "use 3.10 to 3.13")
    return f"{found} ({sys.executable})"


def _torch() -> str:
    import torch
    import torchaudio

    pair = f"torch {torch.__version__}, torchaudio {torchaudio.__version__}"
    if torch.__version__.split(".")[:2] != torchaudio.__version__.split(".")[:2]:
        raise CmetError(f"{pair} do not belong together", 'pip install "torch==2.11.*"')
    return pair


def _device() -> str:
    from .backends.devices import describe, resolve
    from .options import RuntimeOptions

    return describe(resolve(RuntimeOptions()).device)


def _ffmpeg() -> str:
    from .media.program import chosen_ffmpeg

    chosen = chosen_ffmpeg()
    reading = "ffprobe beside it is used" if chosen.ffprobe else "no ffprobe beside it"
    return f"{chosen.version} ({chosen.program}): {chosen.why}; {reading}"


def _weights(weights_dir: Path | None) -> str:
    from .weights.folder import find_weights
    from .weights.verify import check_folder

    weights = find_weights(weights_dir)
    if weights.speech is None:
        raise WeightsError(f"{weights.root}: no speech encoder", "run `cmet download-weights`")
    checks = check_folder(weights.root)
    broken = [str(c) for c in checks if c.state in ("changed", "missing")]
    if broken:
        raise WeightsError("; ".join(broken), "run `cmet download-weights`")
    verified = sum(c.state == "ok" for c in checks)
    notes = "".join(f"; {c}" for c in checks if c.state == "other")
    return f"{weights.root}: {verified} of {len(checks)} file(s) verified{notes}"
