"""Writing a small model's networks as ONNX graphs (:mod:`~cmet_cli.weights.graphs`).

``python -m cmet_cli.lab.portable weights/mini``, after a model was trained; ``pip install onnx
onnxscript`` first. Graphs are in float32 and for any number of pictures, of any length of sound;
numbers that float16 holds exactly lie in the files as float16.
"""

from __future__ import annotations

import io
import json
import sys
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..backends.compute import Compute
from ..backends.edtalk.connector import Connector
from ..backends.edtalk.decoder import SourceFeatures
from ..backends.edtalk.load import load
from ..backends.edtalk.networks import EDTalk
from ..backends.edtalk.sizes import EXPRESSION_DIM
from ..emotion.speech.choose import load_speechnet
from ..emotion.speech.mini import heard_in
from ..emotion.speech.speechnet import SpeechNet
from ..media.audio import SAMPLE_RATE_HZ
from ..media.files import atomic_path
from ..media.mel import MEL_BANDS, mel_spectrogram
from ..media.mel_windows import WINDOW_COLUMNS
from ..weights.folder import Weights, inspect_folder
from ..weights.graphs import (
    CONNECTOR,
    ENCODER,
    FOLDER,
    GRAPHS,
    LIPS,
    MADE_OF,
    MEL,
    RENDERER,
    SPEECH,
    sources_of,
)
from ..weights.record import sha256_of
from ..weights.sections import read_sections

OPSET = 20
#: Tensors with fewer numbers are no smaller as float16, with the node that turns them back.
LEAST = 256
#: Sizes of the batches that exporting looks at; others follow.
TRIED = 2


class _Encode(nn.Module):
    def __init__(self, network: EDTalk) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        latent, features = self.network.encode(images)
        source = self.network.dec.prepare_source(latent, features)
        codes = self.network.latent_to_codes(latent)
        return codes, latent, *source.features, *source.details


class _Render(nn.Module):
    def __init__(self, network: EDTalk) -> None:
        super().__init__()
        self.network = network

    def forward(self, codes: Tensor, latent: Tensor, *scales: Tensor) -> tuple[Tensor, Tensor]:
        half = len(scales) // 2
        source = SourceFeatures(latent, scales[:half], scales[half:])
        frames, moved = self.network.render_moving(source, codes)
        return frames.clamp(-1, 1), moved.permute(0, 2, 3, 1)


class _Mel(nn.Module):
    def forward(self, wave: Tensor) -> Tensor:
        return mel_spectrogram(wave)


class _Hear(nn.Module):
    def __init__(self, network: SpeechNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, wave: Tensor) -> Tensor:
        return self.network(heard_in(wave, self.network.config.tracks > 0)[None])[0]


#: A network, what it is given, and which first sizes of that there may be (None: this one).
_Made = tuple[nn.Module, Sequence[Tensor], Any]
#: Pictures at once, and samples: exporting wants to know a range.
_PICTURES = torch.export.Dim("pictures")
_SAMPLES = torch.export.Dim("samples", min=SAMPLE_RATE_HZ // 4, max=3600 * SAMPLE_RATE_HZ)


def export(folder: Path) -> Path:
    """Write the graphs of a model folder. -> their folder. Raises :class:`CheckpointError`."""
    weights = inspect_folder(folder)
    out = folder / FOLDER
    out.mkdir(exist_ok=True)
    with torch.no_grad():
        for name, made in _networks(weights).items():
            _write(out / name, *made)
    files = [*sources_of(weights), *(out / name for name in GRAPHS)]
    with atomic_path(out / MADE_OF, overwrite=True) as part:
        listed = {path.name: sha256_of(path) for path in files}
        part.write_text(json.dumps(listed, indent=1) + "\n", "utf-8")
    return out


def _networks(weights: Weights) -> dict[str, _Made]:
    backend, connector = load(weights, Compute(torch.device("cpu"), "fp32", TRIED))
    assert backend.audio2lip is not None
    assert weights.config is not None
    ear = load_speechnet(weights, read_sections(weights.config)["speech"])
    network, side = backend.edtalk.eval(), backend.crop.size_px
    images = torch.rand(TRIED, 3, side, side) * 2 - 1
    source = [tensor.clone() for tensor in _Encode(network)(images)]
    windows, wave = torch.zeros(TRIED, 1, MEL_BANDS, WINDOW_COLUMNS), torch.randn(SAMPLE_RATE_HZ)
    return {
        ENCODER: (_Encode(network), [images], _PICTURES),
        RENDERER: (_Render(network), source, _PICTURES),
        CONNECTOR: (connector.network, _window(connector.network), None),
        MEL: (_Mel(), [wave / 10], _SAMPLES),
        LIPS: (backend.audio2lip, [windows], _PICTURES),
        SPEECH: (_Hear(ear), [wave / 10], _SAMPLES),
    }


def _window(connector: Connector) -> list[Tensor]:
    """One window: what came before, the speech, its own codes."""
    codes = torch.randn(1, connector.config.window, EXPRESSION_DIM)
    return [codes, torch.randn(1, 1, connector.config.speech_dim), codes * 2]


def _write(path: Path, module: nn.Module, given: Sequence[Tensor], sizes: Any) -> None:
    first = {0: sizes}
    shapes: Any = None
    if sizes is not None:  # what comes after the second is a function's ``*scales``
        several = tuple(first for _ in given[2:])
        shapes = (first, first, several) if several else (first,)
    module.eval()(*given)  # what is made once is made
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        # Nothing is optimised of what hears: 1e-9 that is added would be taken for nothing, and its
        # logarithm for minus infinity. What sees and draws is twice as fast for it.
        program = torch.onnx.export(
            module,
            tuple(given),
            dynamo=True,
            opset_version=OPSET,
            dynamic_shapes=shapes,
            optimize=sizes is not _SAMPLES,
        )
    assert program is not None
    model = program.model_proto
    _halve(model.graph)
    _forget(model)
    with atomic_path(path, overwrite=True) as part:
        part.write_bytes(model.SerializeToString(deterministic=True))


def _halve(graph: Any) -> None:
    """What float16 holds exactly, as float16 that is turned back."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        exact = numpy_helper.to_array(tensor)
        with np.errstate(over="ignore"):
            half = exact.astype(np.float16)
        if exact.size < LEAST or not np.array_equal(half.astype(np.float32), exact):
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
        casts.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _forget(model: Any) -> None:
    """Where on this machine each node's source lies."""
    model.doc_string = ""
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output):
        del value.metadata_props[:]
    del model.graph.value_info[:]
    del model.graph.metadata_props[:]


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        print(export(Path(argument)))
