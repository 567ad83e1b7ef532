"""Asking by name: ``happy``, ``0.6 happy + 0.4 sarcastic``, ``surprised - 0.5 fear``."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError

SUFFIX, NEUTRAL = ".safetensors", "neutral"
ENVIRONMENT_VARIABLE = "CMET_EMOTIONS_DIR"
MAX_TERMS, MAX_WEIGHT = 16, 10.0
_TERM = re.compile(
    r"\s*(?P<sign>[+-])?\s*(?:(?P<weight>\d+(?:\.\d*)?|\.\d+)\s*\*?\s*)?"
    r"(?P<name>[A-Za-z][A-Za-z0-9_]*(?::[A-Za-z][A-Za-z0-9_]*)?)\s*"
)


@dataclass(frozen=True)
class Term:
    """So much of a name."""

    weight: float
    name: str


def parse_mixture(text: str) -> list[Term]:
    """``surprised - 0.5 fear`` -> terms. Raises :class:`UsageError` saying where it stops."""
    terms, at = list[Term](), 0
    while at < len(text) or not terms:
        found = _TERM.match(text, at)
        if found is None or (terms and not found["sign"]):
            raise UsageError(
                f"emotion '{text[:80]}' cannot be read at '{text[at:][:20]}'",
                "a recording is given with --emotion-audio"
                if _is_file(text)
                else "write a name, or a sum: '0.6 happy + 0.4 sarcastic', 'surprised - 0.5 fear'",
            )
        weight = float(found["weight"] or 1) * (-1 if found["sign"] == "-" else 1)
        if abs(weight) > MAX_WEIGHT or len(terms) == MAX_TERMS:
            raise UsageError(f"emotion '{text[:80]}': more than can be meant")
        terms.append(Term(weight, found["name"].lower()))
        at = found.end()
    return terms


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def label(text: str) -> str:
    """For file names: ``0.6 happy - 0.4 fear`` -> ``0.6happy-0.4fear``."""
    shown = ""
    for term in parse_mixture(text):
        sign = "-" if term.weight < 0 else "+" if shown else ""
        weight = "" if abs(term.weight) == 1 else f"{abs(term.weight):g}"
        shown += f"{sign}{weight}{term.name.replace(':', '-')}"
    return shown


def plain_name(text: str) -> str:
    """A mixture of one whole name as that name (``Happy`` -> ``happy``), others as they are. Raises
    :class:`UsageError`."""
    terms = parse_mixture(text)
    return terms[0].name if len(terms) == 1 and terms[0].weight == 1 else text


def own_folder() -> Path:
    """Where the user's emotions lie: ``$CMET_EMOTIONS_DIR``, else among the user's settings."""
    chosen = os.environ.get(ENVIRONMENT_VARIABLE)
    if chosen:
        return Path(chosen)
    settings = os.environ.get("XDG_CONFIG_HOME")
    return (Path(settings) if settings else Path.home() / ".config") / "cmet" / "emotions"


def own_files(text: str) -> list[Path]:
    """The files of the user's emotions that a mixture names."""
    folder = own_folder()
    names = [term.name for term in parse_mixture(text)] if text.strip() else []
    files = [folder / f"{name}{SUFFIX}" for name in names if ":" not in name]
    return [path for path in files if path.is_file()]
