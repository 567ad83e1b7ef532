"""How long each stage of an edit took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Stopwatch:
    """Wall time per stage, in seconds."""

    stages_s: dict[str, float] = field(default_factory=dict)
    started: float = field(default_factory=time.perf_counter)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            took_s = self.stages_s.get(name, 0.0) + time.perf_counter() - start
            self.stages_s[name] = round(took_s, 3)

    @property
    def elapsed_s(self) -> float:
        return round(time.perf_counter() - self.started, 3)
