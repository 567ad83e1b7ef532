"""Takes of a batch, measured as they are made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import CmetError, UsageError
from ..model import load_model
from ..options import EditOptions, RuntimeOptions
from .evaluate import Evaluator
from .networks.load import OF_A_TAKE, load_networks


@dataclass(frozen=True)
class TakeEvaluator:
    """Measures an edit; what cannot be measured is said and fails nothing."""

    evaluator: Evaluator

    @classmethod
    def load(
        cls, weights_dir: Path | None = None, runtime: RuntimeOptions | None = None
    ) -> TakeEvaluator:
        """With the small model, and the published networks that are here; weights_dir: where is
        looked for them first. Raises :class:`CmetError`."""
        model = load_model(choice="mini", runtime=runtime)
        networks = load_networks(weights_dir, model.backend.compute.torch_device, only=OF_A_TAKE)
        return cls(Evaluator(model, networks, weights_dir=weights_dir))

    def __call__(self, before: Path, after: Path, options: EditOptions) -> dict[str, Any]:
        """``evaluation``: figures by name; ``worth_a_look``: the names of those out of range."""
        try:
            found = self.evaluator(before, after, self._named(options.emotion), options)
        except CmetError as error:
            return {"worth_a_look": f"not measured: {error.message}"}
        return {
            "evaluation": found.as_dict()["values"],
            "worth_a_look": ", ".join(found.flagged),
        }

    def _named(self, text: str) -> str:
        """What was asked for, where the small model knows it too."""
        try:
            self.evaluator.model.mixture(text)
        except UsageError:
            return ""
        return text
