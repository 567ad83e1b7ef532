"""Tables that are drawn or synthesised once, by several processes, and kept in a file."""

from __future__ import annotations

import hashlib
import multiprocessing
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch

from ...media.files import atomic_path
from ...options import Progress, no_progress

Tables = TypeVar("Tables")
LONGEST_NAME = 100  # of a configuration that is written out; of longer ones a hash is
CHUNK = 4  # entries handed to a process at a time


@dataclass(frozen=True)
class Recipe(Generic[Tables]):
    """How tables of equal length come to be.

    kind: a dataclass of arrays; config: a dataclass of what decides them, whose ``workers`` (how
    many processes make them) does not; entry: ``entry((config, i))`` -> the ``i``-th row of every
    table, a function that a process can import; count: of rows; name: of the file and the stage;
    also: what decides them beside the configuration.
    """

    kind: type[Tables]
    config: Any
    entry: Callable[[tuple[Any, int]], tuple[np.ndarray, ...]]
    count: int
    name: str
    also: str = ""

    def make(self, progress: Progress = no_progress) -> Tables:
        """Every row; the result does not depend on the number of processes."""
        rows = []
        for row in self._rows():
            rows.append(row)
            progress(self.name, len(rows), self.count)
        return self.kind(*(np.stack(column) for column in zip(*rows, strict=True)))

    def _rows(self) -> Iterator[tuple[np.ndarray, ...]]:
        jobs = [(self.config, i) for i in range(self.count)]
        if self.config.workers == 1:
            yield from map(self.entry, jobs)
            return
        context = multiprocessing.get_context("spawn")
        with context.Pool(self.config.workers, torch.set_num_threads, (1,)) as pool:
            yield from pool.imap(self.entry, jobs, CHUNK)

    def load(self, folder: Path, progress: Progress = no_progress) -> Tables:
        """From ``folder``, or made now and kept there."""
        chosen = "-".join(str(v) for k, v in asdict(self.config).items() if k != "workers")
        chosen += f"-{self.also}" if self.also else ""
        if len(chosen) > LONGEST_NAME:
            chosen = hashlib.sha256(chosen.encode()).hexdigest()[:16]
        path = folder / f"{self.name}-{chosen}.npz"
        if not path.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            tables = self.make(progress)
            with atomic_path(path, overwrite=True) as temporary:
                np.savez(temporary, **vars(tables))
        with np.load(path) as file:
            return self.kind(**{name: file[name] for name in file.files})
