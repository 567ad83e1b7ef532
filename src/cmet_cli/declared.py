"""How an option says everything about itself once: help, range, choices, and how a text is read.

A field of an options class carries an :class:`Option` in its annotation; what the command line, the
Python API and the batch manifest need of it is a :class:`Declared`.
"""

from __future__ import annotations

import math
import types
from dataclasses import MISSING, dataclass, fields
from numbers import Integral, Real
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from .errors import UsageError

TRUE, FALSE = ("true", "yes", "1", "on"), ("false", "no", "0", "off")
_KIND_NAMES = {bool: "true or false", int: "a whole number", float: "a number", Path: "a path"}


@dataclass(frozen=True)
class Option:
    """What is said of a field besides its name, type and default.

    help: for people; panel: its group in ``--help``; short: a one-letter flag; low, high: the least
    and the greatest value; writes: whether the path it takes is a file that the edit makes;
    several: a text with commas, whose flag may also be repeated.
    """

    help: str
    panel: str
    short: str = ""
    low: float | None = None
    high: float | None = None
    writes: bool = False
    several: bool = False


@dataclass(frozen=True)
class Declared:
    """One declared field. kinds: the types a text may be read as, strictest first."""

    name: str
    kinds: tuple[Any, ...]
    default: Any
    option: Option

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def label(self) -> str:
        """Its name in messages: ``batch size``."""
        return self.name.replace("_", " ")

    @property
    def is_path(self) -> bool:
        return Path in self.kinds

    @property
    def accepts(self) -> str:
        """For people: ``one of audio, video``, ``a number from 0 to 51``."""
        return " or ".join(_described(kind, self.option) for kind in self.kinds)

    def parse(self, text: str) -> Any:
        """The value that a text means. Raises :class:`UsageError` saying what would be accepted."""
        for kind in self.kinds:
            value = _read(kind, text)
            if value is not None:
                return value
        raise UsageError(f"'{text}' is not {self.accepts}")

    def check(self, value: Any) -> None:
        """Raises :class:`UsageError` for a value of another type, or outside the declared choices
        or range."""
        if value is None and self.default is None:
            return
        if not any(_is_kind(kind, value) for kind in self.kinds):
            raise UsageError(f"{self.label} must be {self.accepts}, got {value!r}")
        if isinstance(value, Real) and not isinstance(value, bool):
            self._check_range(value)

    def _check_range(self, value: Any) -> None:
        low, high = self.option.low, self.option.high
        if low is None and high is None:
            return
        # Whole numbers may be of any length, which no float is.
        within = isinstance(value, Integral) or math.isfinite(value)
        below, above = low is not None and value < low, high is not None and value > high
        if not within or below or above:
            raise UsageError(f"{self.label} must be{_between(low, high)}, got {str(value)[:40]}")


def _between(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f" between {low:g} and {high:g}"
    return f" at least {low:g}" if low is not None else f" at most {high:g}"


def _described(kind: Any, option: Option) -> str:
    if get_origin(kind) is Literal:
        choices = get_args(kind)
        return ("one of " if len(choices) > 1 else "") + ", ".join(map(str, choices))
    words, low, high = _KIND_NAMES.get(kind, "text"), option.low, option.high
    if kind not in (int, float) or low is None:
        return words
    return f"{words} from {low:g}" + ("" if high is None else f" to {high:g}")


def _is_kind(kind: Any, value: Any) -> bool:
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    # A whole number will do for a number, and NumPy's for Python's. To Python a bool is an int, to
    # a user it is not.
    kind = {int: Integral, float: Real}.get(kind, kind)
    return isinstance(value, kind) and isinstance(value, bool) == (kind is bool)


def _read(kind: Any, text: str) -> Any:
    if get_origin(kind) is Literal:
        return next((choice for choice in get_args(kind) if str(choice) == text), None)
    if kind is bool:
        lower = text.lower()
        return True if lower in TRUE else False if lower in FALSE else None
    try:
        return kind(text)
    except (TypeError, ValueError):
        return None


_DECLARED: dict[type, dict[str, Declared]] = {}


def declared(options: type) -> dict[str, Declared]:
    """Every field of an options class that carries an :class:`Option`, by name."""
    if options not in _DECLARED:
        _DECLARED[options] = _declare(options)
    return _DECLARED[options]


def _declare(options: type) -> dict[str, Declared]:
    hints, found = get_type_hints(options, include_extras=True), {}
    for field in fields(options):
        hint, *notes = get_args(hints[field.name]) if _is_annotated(hints[field.name]) else (None,)
        option = next((note for note in notes if isinstance(note, Option)), None)
        if option is not None:
            default = None if field.default is MISSING else field.default
            found[field.name] = Declared(field.name, _kinds(hint), default, option)
    return found


def _is_annotated(hint: Any) -> bool:
    return get_origin(hint) is Annotated


def _kinds(hint: Any) -> tuple[Any, ...]:
    """``int | Literal["all"] | None`` -> (int, Literal["all"])."""
    members = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    return tuple(m for m in members if m is not type(None))


def check_declared(options: Any) -> None:
    """Check every declared field of an options object. Raises :class:`UsageError`."""
    for name, field in declared(type(options)).items():
        field.check(getattr(options, name))
