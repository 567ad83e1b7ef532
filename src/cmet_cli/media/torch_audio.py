"""torchaudio, whose library loads beside one torch only.

Raises on import:
    CmetError: the two that are installed do not belong together.
"""

from __future__ import annotations

import importlib.metadata

from ..errors import CmetError

HINT = 'pip install "torch==2.11.*" torchaudio==2.11.0'

try:
    import torchaudio
except OSError as error:
    pair = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("torch", "torchaudio")
    )
    raise CmetError(f"{pair} do not belong together: {error}", HINT) from error

__all__ = ["HINT", "torchaudio"]
