"""How many threads networks use."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from cmet_cli.threads import thread_count, use_threads


@pytest.fixture
def as_before(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "2"))
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def test_torch_and_whoever_asks_are_told_the_same(as_before):
    use_threads(3)
    assert torch.get_num_threads() == thread_count() == 3
    torch.set_num_threads(1)
    assert thread_count() == 1


@pytest.mark.parametrize(
    ("variable", "wanted"), [("3", "3"), ("0", "1"), ("4,2", "4"), ("", None), (None, None)]
)
def test_before_torch_is_there(variable, wanted):
    """As OpenMP is told; else, and where nobody understands it, one a core."""
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    environment |= {} if variable is None else {"OMP_NUM_THREADS": variable}
    code = (
        "import sys; from cmet_cli.threads import thread_count, use_threads; "
        "print(thread_count()); use_threads(1); print(thread_count(), 'torch' in sys.modules); "
        "import torch; print(torch.get_num_threads())"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    cores = str(
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    )
    assert run.stdout.split() == [wanted or cores, "1", "False", "1"]
