"""Emotions that a manifest names, in its rows and in the plans that rows name."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from ..batch_options import BatchOptions
from ..emotion.named import parse_mixture
from ..emotion.presets import Presets, names_for
from ..emotion.schedule import Segment
from ..errors import UsageError, WeightsError
from ..weights.folder import find_weights
from .checks import Checked
from .manifest import MAX_WORDS_CHARS, Problem
from .plan import Row, plan_of


def check_names(checked: Checked, options: BatchOptions) -> None:
    """Emotions that nobody knows are problems like others; no network is loaded for it."""
    plans = cache(plan_of)  # which many rows may share
    asked = [(row, list(_asked(row, plans(row.place_of("timeline"))))) for row in checked.rows]
    if not any(texts for _, texts in asked):
        return
    try:
        weights = find_weights(options.weights_dir, options.model)
    except WeightsError:
        return  # told when the batch begins
    names, small = names_for(weights), weights.own_ear

    @cache
    def wrong(text: str) -> str:
        try:
            _check(text, names, small)
        except UsageError as error:
            return f"{error.message} ({error.hint})" if error.hint else error.message
        return ""

    problems = [
        Problem(row.line, column, f"{where}{words}"[:MAX_WORDS_CHARS])
        for row, texts in asked
        for column, where, text in texts
        if (words := wrong(text))
    ]
    lines = {problem.line for problem in problems}
    checked.problems = sorted([*checked.problems, *problems], key=lambda problem: problem.line)
    checked.rows = [row for row in checked.rows if row.line not in lines]


def _asked(row: Row, plan: Iterable[Segment]) -> Iterable[tuple[str, str, str]]:
    """Column, where in its file, and what is asked for there."""
    if row.options.emotion.strip():
        yield "emotion", "", row.options.emotion
    for segment in plan:
        if segment.emotion:
            yield "timeline", f"line {segment.line}: ", segment.emotion


def _check(text: str, names: Presets, small: bool) -> None:
    """small: whether the model has an ear of its own, and so no labels of a renderer's. Raises
    :class:`UsageError`."""
    for term in parse_mixture(text):
        if ":" not in term.name:
            names.direction(term.name)
        elif small:  # others' are known when they are loaded
            raise UsageError(f"the model has no label '{term.name}'", "labels are published ones")
