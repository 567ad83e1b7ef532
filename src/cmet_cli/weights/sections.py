"""A model folder's ``config.json``: one section per network, read without knowing any of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import CheckpointError


def read_sections(path: Path) -> dict[str, Any]:
    """The file's entries, lists as tuples. Raises :class:`CheckpointError`."""
    try:
        values = json.loads(path.read_text("utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise CheckpointError(f"{path}: not a readable model configuration ({error})") from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{path}: not a model configuration (no JSON object)")
    return {name: _with_tuples(value) for name, value in values.items()}


def _with_tuples(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: tuple(v) if isinstance(v, list) else v for k, v in value.items()}
    return value
