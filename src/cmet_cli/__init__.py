"""cmet: edit the emotion of a talking-face video.

The public names are imported on first use, so that ``import cmet_cli`` stays cheap.
"""

from __future__ import annotations

from importlib import import_module

from ._version import __version__

# As type checkers know it by. ``typing`` takes most of the time that this file would, before the
# command line can answer a Ctrl-C.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from .editor import EmotionEditor
    from .errors import CmetError
    from .options import EditOptions, RuntimeOptions
    from .result import EditResult

_HOMES = {
    "EmotionEditor": "editor",
    "EditOptions": "options",
    "RuntimeOptions": "options",
    "EditResult": "result",
    "CmetError": "errors",
}

__all__ = [
    "CmetError",
    "EditOptions",
    "EditResult",
    "EmotionEditor",
    "RuntimeOptions",
    "__version__",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
