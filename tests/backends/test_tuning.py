"""How many frames at once."""

from __future__ import annotations

import pytest
import torch

from cmet_cli.backends.tuning import BUDGET_S, best_batch, remembered_batch


class Machine:
    """Takes ``start + size * each`` seconds for a batch, ``first`` more for the very first; no
    memory for more than ``most``."""

    def __init__(self, start, each, most=1000, first=0.0):
        self.start, self.each, self.most, self.now, self.runs = start, each, most, 0.0, []
        self.first = first

    def run(self, size):
        if size > self.most:
            raise torch.OutOfMemoryError
        self.runs.append(size)
        self.now += self.start + size * self.each + (0 if self.runs[1:] else self.first)

    def clock(self):
        return self.now


@pytest.mark.parametrize(
    ("machine", "best"),
    [
        (Machine(0.0, 0.01), 1),  # nothing is gained
        (Machine(0.1, 0.0001), 64),  # all of it is waiting
        (Machine(0.004, 0.0001), 16),  # quicker than frames are decoded
        (Machine(0.001, 0.004), 4),
        (Machine(0.1, 0.0001, most=20), 16),
        (Machine(0.4, 0.4), 1),  # no time to try more
        (Machine(0.1, 0.0001, first=30.0), 64),  # kernels are built first
    ],
)
def test_the_batch_that_is_worth_its_memory(machine, best):
    assert best_batch(machine.run, machine.clock) == best
    assert machine.now - machine.first < 2 * BUDGET_S


def test_it_is_tried_once_per_key(tmp_path, monkeypatch):
    monkeypatch.setenv("CMET_CACHE_DIR", str(tmp_path))
    runs = []
    first = remembered_batch("card fp16", runs.append)
    tried = len(runs)
    assert tried
    assert remembered_batch("card fp16", runs.append) == first
    assert len(runs) == tried
    remembered_batch("card fp32", runs.append)
    assert len(runs) > tried
    (tmp_path / "batch.json").write_text('{"card fp16": "many"')
    assert remembered_batch("card fp16", runs.append) in (1, 4, 8, 16, 32, 64)
