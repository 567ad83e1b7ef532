"""Graphs beside weights: taken only where they are what they should be."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from cmet_cli.errors import CheckpointError
from cmet_cli.weights import graphs
from cmet_cli.weights.folder import inspect_folder, mini_folder
from cmet_cli.weights.graphs import FOLDER, GRAPHS, MADE_OF, Graph, is_portable


@pytest.fixture
def copy(tmp_path: Path, monkeypatch) -> Path:
    """In the place of the model that ships."""
    shutil.copytree(mini_folder(), tmp_path / "mini")
    monkeypatch.setattr(graphs, "mini_folder", lambda: tmp_path / "mini")
    return tmp_path / "mini"


def test_the_model_that_ships_has_graphs_of_its_very_weights():
    assert is_portable(inspect_folder(mini_folder()))


def test_a_stranger_s_graphs_are_not_run(tmp_path):
    """However well they go with the weights beside them."""
    shutil.copytree(mini_folder(), tmp_path / "theirs")
    assert not is_portable(inspect_folder(tmp_path / "theirs"))
    (tmp_path / "ours").symlink_to(mini_folder())
    assert is_portable(inspect_folder(tmp_path / "ours"))


def test_a_whole_copy_would_do(copy):
    assert is_portable(inspect_folder(copy))


@pytest.mark.parametrize(
    "name",
    ["edtalk.safetensors", "audio2lip.safetensors", "connector.safetensors", "speech.safetensors"],
)
def test_after_another_training_they_are_of_other_weights(copy, name, caplog):
    path = copy / name
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with caplog.at_level("INFO", "cmet_cli"):
        assert not is_portable(inspect_folder(copy))
    assert name in caplog.text


@pytest.mark.parametrize("name", GRAPHS)
def test_a_graph_that_is_not_as_it_was_written_is_not_run(copy, name):
    path = copy / FOLDER / name
    path.write_bytes(path.read_bytes()[:-1])
    assert not is_portable(inspect_folder(copy))


@pytest.mark.parametrize("said", ["", "[]", "null", '{"edtalk.safetensors": 3}'])
def test_a_list_that_says_nothing_of_use(copy, said):
    (copy / FOLDER / MADE_OF).write_text(said, "utf-8")
    assert not is_portable(inspect_folder(copy))


def test_other_sizes_are_another_network(copy):
    config = json.loads((copy / "config.json").read_text("utf-8"))
    config["connector"]["window"] = 7
    (copy / "config.json").write_text(json.dumps(config), "utf-8")
    assert not is_portable(inspect_folder(copy))


def test_without_a_runtime_there_is_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # cannot be imported
    assert not is_portable(inspect_folder(mini_folder()))


@pytest.mark.parametrize("before", ["del os.environ['ORT_DISABLE_TELEMETRY']", "pass"])
def test_nobody_is_told_of_its_use(tmp_path, before):
    """ONNX Runtime keeps an identifier in the home and a queue in the temporary folder, and sends
    what it notes, unless it is told not to before it is there."""
    code = (
        f"import os; os.environ['ORT_DISABLE_TELEMETRY'] = '0'; {before}; "
        "from cmet_cli.weights.folder import inspect_folder, mini_folder; "
        "from cmet_cli.weights.graphs import GRAPHS, Graph, is_portable; "
        "assert is_portable(weights := inspect_folder(mini_folder())); Graph(weights, GRAPHS[0])"
    )
    places = dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_DATA_HOME"), str(tmp_path))
    subprocess.run([sys.executable, "-B", "-c", code], env=os.environ | places, check=True)
    assert list(tmp_path.iterdir()) == []


def test_several_threads_run_one_graph():
    graph = Graph(inspect_folder(mini_folder()), GRAPHS[0])
    pictures = np.random.default_rng(0).uniform(-1, 1, (16, 2, 3, 64, 64)).astype(np.float32)
    alone = [graph(some)[0] for some in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda some: graph(some)[0], pictures))
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("content", [b"", b"no graph at all", None])
def test_what_is_no_graph_is_told_in_one_line(tmp_path, content):
    (tmp_path / FOLDER).mkdir()
    if content is not None:
        (tmp_path / FOLDER / GRAPHS[0]).write_bytes(content)
    with pytest.raises(CheckpointError, match="ONNX Runtime does not take it") as raised:
        Graph(inspect_folder(tmp_path), GRAPHS[0])
    assert "\n" not in raised.value.message


@pytest.mark.skipif(
    not Path("/proc/self/statm").is_file(), reason="Linux alone tells how much is used"
)
def test_memory_that_is_not_there_is_told_as_python_tells_it():
    """So that a batch may try again with fewer pictures at once. In a process with little of it."""
    code = (
        "import resource, numpy as np; from pathlib import Path; "
        "from cmet_cli.weights.folder import inspect_folder, mini_folder; "
        "from cmet_cli.weights.graphs import ENCODER, Graph; "
        "graph = Graph(inspect_folder(mini_folder()), ENCODER); "
        "used = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize(); "
        "resource.setrlimit(resource.RLIMIT_AS, (used + 2**28,) * 2); "
        "pictures = np.zeros((400, 3, 64, 64), np.float32)\n"
        "try: graph(pictures)\n"
        "except MemoryError as error: print(error)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert run.stdout.strip() == "no memory is left for the networks"
