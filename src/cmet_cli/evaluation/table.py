"""Many pairs, one after the other; what cannot be compared is told and stops nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import CmetError, UsageError
from ..options import EditOptions, Progress
from .evaluate import Evaluator
from .marks import Evaluation
from .pairs import Pair


@dataclass(frozen=True)
class Failure:
    """A pair that could not be compared, and why."""

    pair: Pair
    error: CmetError

    def __str__(self) -> str:
        return f"line {self.pair.line}: {self.error.message}"

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        pair = self.pair
        return {
            "line": pair.line,
            "before": str(pair.before),
            "after": str(pair.after),
            "error": self.error.message,
        }


@dataclass
class Compared:
    """Every pair of a table, in order."""

    found: list[Evaluation] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)


def compare_all(
    evaluator: Evaluator, pairs: Sequence[Pair], options: EditOptions, progress: Progress
) -> Compared:
    """Raises :class:`UsageError` for an emotion that is not known, before anything is compared;
    whatever is wrong with a single pair (one that is in no table)."""
    for pair in pairs:
        try:
            evaluator.check_emotion(pair.emotion)
        except UsageError as error:
            where = f"line {pair.line}: " if pair.line else ""
            raise UsageError(f"{where}{error.message}", error.hint) from error
    compared = Compared()
    for pair in pairs:
        try:
            evaluation = evaluator(
                pair.before, pair.after, pair.emotion, options, progress, truth=pair.truth
            )
        except CmetError as error:
            if not pair.line:
                raise
            compared.failed.append(Failure(pair, error))
        else:
            compared.found.append(evaluation)
    return compared
