"""How many workers a machine bears."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from cmet_cli.batch import workers
from cmet_cli.batch.row_worker import WorkerSetup
from cmet_cli.batch.workers import WORKER_BYTES, local_setups, worker_bytes
from cmet_cli.options import RuntimeOptions
from cmet_cli.weights.folder import Weights, inspect_folder
from cmet_cli.weights.registry import FILES

MIB = 1 << 20
#: Of the published files.
SPEECH = 618 * MIB
SIZES = {
    "edtalk": 245 * MIB,
    "audio2lip": 11 * MIB,
    "connector": 110 * MIB,
    "emotion2vec": SPEECH,
}


def published(folder: Path, converted: bool) -> Weights:
    """Files of the published sizes (with nothing in them), in either layout."""
    named = {entry.name: entry for entry in reversed(FILES)}  # the first is the weights
    for name, size in SIZES.items():
        path = folder / (named[name].kept if converted else named[name].local_published)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.truncate(path, size)
    return inspect_folder(folder)


@pytest.mark.parametrize("converted", [True, False])
def test_a_worker_needs_what_it_was_seen_to_take(tmp_path, converted):
    """3.8 GB with published sizes in fp32 where it hears speech, 2.5 where not, with next to
    no frames held; in either layout of the files."""
    weights = published(tmp_path, converted)
    held = WORKER_BYTES - 830 * MIB
    assert (worker_bytes(weights) - held) / MIB == pytest.approx(3841, rel=0.06)
    deaf = replace(weights, speech=None)
    assert (worker_bytes(deaf) - held) / MIB == pytest.approx(2522, rel=0.06)


def test_one_that_hears_by_emotion2vec_beside_its_own_ear_needs_both(tmp_path):
    weights = published(tmp_path, True)
    both = replace(weights, ear=weights.speech)
    assert worker_bytes(both) - worker_bytes(weights) > 2 * SPEECH


def setup_of() -> WorkerSetup:
    return WorkerSetup(
        weights_dir=None, model=None, runtime=RuntimeOptions(), threads=1, pictures=False,
        evaluate=False, work="", log="", model_digest="",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("free", "asked", "rows", "count", "threads"),
    [
        (3.9, 0, 100, 3, 5),  # as memory allows
        (0.5, 0, 100, 1, 16),  # one at least
        (99.0, 0, 100, 16, 1),  # one a core
        (99.0, 0, 4, 4, 4),  # no more than there are rows
        (3.9, 7, 100, 7, 2),  # as asked
    ],
)
def test_as_many_workers_as_memory_allows(monkeypatch, free, asked, rows, count, threads):
    monkeypatch.setattr(workers, "_free_bytes", lambda: free * 1000.0)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    setups = local_setups(setup_of(), ["cpu"], asked, rows, 1000.0)
    assert len(setups) == count
    assert {setup.threads for setup in setups} == {threads}
