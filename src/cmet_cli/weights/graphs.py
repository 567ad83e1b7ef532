"""A small model's networks as ONNX graphs, beside its weights: run without torch.

Importing torch takes longer than a short video's edit; ONNX Runtime is there in a tenth of a
second. ``lab/portable.py`` writes the graphs.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np

from ..errors import CheckpointError
from ..log import log
from ..threads import thread_count
from .folder import Weights, mini_folder
from .record import sha256_of

FOLDER, MADE_OF = "portable", "made_of.json"
ENCODER, RENDERER, CONNECTOR = "encoder.onnx", "renderer.onnx", "connector.onnx"
MEL, LIPS, SPEECH = "mel.onnx", "lips.onnx", "speech.onnx"
GRAPHS = (ENCODER, RENDERER, CONNECTOR, MEL, LIPS, SPEECH)


def sources_of(weights: Weights) -> list[Path]:
    """The files whose networks the graphs are, and their sizes."""
    files = (weights.edtalk, weights.audio2lip, weights.connector, weights.speech, weights.config)
    return [path for path in files if path is not None and path.is_file()]


def is_portable(weights: Weights) -> bool:
    """Whether this is the model that ships, with graphs that can be run here, as they were written,
    and of the very weights that lie beside them.

    Of a stranger's folder only tensors are read: a graph may ask for anything.
    """
    folder = weights.root / FOLDER
    if not _is_ours(weights) or not (folder / MADE_OF).is_file():
        return False
    try:
        _onnxruntime()
    except Exception as error:  # whatever a library that is not whole raises
        log.info("the small model runs in torch: ONNX Runtime cannot be imported: %s", error)
        return False
    with contextlib.suppress(OSError, ValueError, AttributeError):
        made_of = json.loads((folder / MADE_OF).read_text("utf-8"))
        files = [*sources_of(weights), *(folder / name for name in GRAPHS)]
        other = [path.name for path in files if made_of.get(path.name) != sha256_of(path)]
        if other:
            log.info("the small model runs in torch: other than its graphs: %s", ", ".join(other))
        return not other
    return False


def _onnxruntime() -> ModuleType:
    """ONNX Runtime, which as it comes tells its makers of its use from its import on, and leaves
    files of that in people's folders (1.32 does, on all systems)."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    onnxruntime.disable_telemetry_events()  # of Windows' own, which does not ask that
    return onnxruntime


def _is_ours(weights: Weights) -> bool:
    with contextlib.suppress(OSError):
        return weights.root.samefile(mini_folder())
    return False


_MEMORY_WORDS = ("failed to allocate", "bad_alloc", "bad allocation")


class Graph:
    """One network, on the processor. Several threads may run it at once.

    Raises :class:`CheckpointError` where ONNX Runtime does not take the file, and MemoryError here
    and when it is run.
    """

    def __init__(self, weights: Weights, name: str) -> None:
        onnxruntime = _onnxruntime()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = thread_count()
        options.log_severity_level = 4  # what goes wrong is raised
        # Threads that wait for work would take it from whatever paints and encodes meanwhile.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        path = weights.root / FOLDER / name
        try:
            with _memory_told():
                session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
        except MemoryError:
            raise
        except Exception as error:  # whatever it makes of a file
            first = next(iter(str(error).splitlines()), "")
            raise CheckpointError(
                f"{path}: ONNX Runtime does not take it ({first[:160]})",
                "install cmet again, or remove the folder it lies in",
            ) from error
        self._run = session.run
        self._inputs = [given.name for given in session.get_inputs()]
        self._outputs = [made.name for made in session.get_outputs()]

    def __call__(self, *given: np.ndarray) -> list[np.ndarray]:
        """float32 arrays, of which the graph knows the shapes."""
        plain = (np.ascontiguousarray(array, np.float32) for array in given)
        feed = dict(zip(self._inputs, plain, strict=True))
        with _memory_told():
            made: list[np.ndarray] = self._run(self._outputs, feed)
        return made


@contextlib.contextmanager
def _memory_told() -> Iterator[None]:
    """What ONNX Runtime says of memory that is not there, as Python says it."""
    try:
        yield
    except Exception as error:
        if any(words in str(error).lower() for words in _MEMORY_WORDS):
            raise MemoryError("no memory is left for the networks") from error
        raise
