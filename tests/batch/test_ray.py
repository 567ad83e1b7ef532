"""The same rows on a Ray cluster of two workers, one of which is killed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from cmet_cli.batch.ray_pool import Cluster, _size
from cmet_cli.batch.run import BatchOptions, check_batch, run_batch
from cmet_cli.errors import CmetError, UsageError

from .conftest import outputs_of, results_of
from .test_run import Watching, rows_of


def descendants(parent: int) -> dict[int, str]:
    """Processes below this one with their titles, from /proc."""
    parents, titles = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text().rpartition(")")[2].split()
            title = (folder / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        parents[int(folder.name)], titles[int(folder.name)] = int(stat[1]), title

    def below(pid):
        while pid in parents:
            if pid == parent:
                return True
            pid = parents[pid]
        return False

    return {pid: title for pid, title in titles.items() if pid != parent and below(pid)}


NODE = {"CPU": 4.0, "memory": 1e9}


@pytest.mark.parametrize(
    ("workers", "cpus", "nodes", "size"),
    [
        (0, 2, [NODE, NODE], 4),
        (0, 4, [NODE, {"CPU": 3.0}], 1),  # three of one node and one of another are no worker
        (0, 2, [NODE | {"GPU": 2.0}], 2),
        (0, 1, [NODE] * 9, 5),  # no more than rows
        (3, 8, [NODE], 3),  # asked for: larger nodes may be on their way
    ],
)
def test_there_are_as_many_workers_as_nodes_have_room_for(workers, cpus, nodes, size):
    assert _size(Cluster("auto", workers, cpus), nodes, 5) == size


@pytest.mark.parametrize("nodes", [[NODE, NODE], [{}], []])
def test_workers_that_no_node_has_room_for_are_not_waited_for(nodes):
    with pytest.raises(UsageError, match="no node of the Ray cluster has 8 CPUs") as error:
        _size(Cluster("auto", 0, 8), nodes, 5)
    assert "--cpus-per-worker" in error.value.hint


@pytest.fixture
def options(tiny_weights):
    def make(manifest, **more):
        return BatchOptions(
            manifest,
            weights_dir=tiny_weights,
            defaults=("face_detector=none",),
            workers=2,
            cpus_per_worker=1,
            thumbnails=False,
            **more,
        )

    return make


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_a_killed_ray_worker_is_replaced_and_nothing_is_done_twice(options, write_manifest):
    pytest.importorskip("ray")
    killed = []

    def kill(begun):
        if begun == 4:
            actors = [p for p, t in descendants(os.getpid()).items() if "ray::RayWorker" in t]
            os.kill(actors[0], signal.SIGKILL)
            killed.append(actors[0])

    cells = [(f"v{i % 2}.mp4", f"e{i // 2 % 2}.wav", f"{i}.mp4") for i in range(8)]
    rows = [row | {"intensity": 1 + i / 200} for i, row in enumerate(rows_of(*cells))]
    asked = options(write_manifest(rows), ray="local")
    listener = Watching(kill)
    result = run_batch(asked, check_batch(asked).rows, listener)
    assert killed
    assert (result.done, result.failed) == (8, ())
    assert len(outputs_of(asked.manifest)) == 8
    assert sorted(r["line"] for r in results_of(asked.manifest)) == list(range(2, 10))
    assert any("was lost" in note for note in listener.notes)


@pytest.mark.slow
def test_no_cluster_is_one_error(options, write_manifest):
    pytest.importorskip("ray")
    asked = options(write_manifest(rows_of(("v0.mp4", "e0.wav"))), ray="127.0.0.1:1")
    with pytest.raises(CmetError, match="no Ray cluster at"):
        run_batch(asked, check_batch(asked).rows, Watching())
