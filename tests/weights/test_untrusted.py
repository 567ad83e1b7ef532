"""Checkpoints as an attacker or a bad disk would make them: one error, little memory."""

from __future__ import annotations

import io
import pickle
import resource
import struct
import tracemalloc
import zipfile

import pytest
import torch
from mutations import mutated
from safetensors.torch import save
from torch import nn

from cmet_cli.errors import CheckpointError
from cmet_cli.weights.checkpoint import load_strict
from cmet_cli.weights.untrusted import read_tensors

SEEDS = range(150)
TENSORS = {"weight": torch.ones(4, 6), "bias": torch.zeros(4), "n": torch.tensor(3)}


def zipped() -> bytes:
    buffer = io.BytesIO()
    torch.save({"k": TENSORS}, buffer)
    return buffer.getvalue()


def legacy() -> bytes:
    buffer = io.BytesIO()
    torch.save({"k": TENSORS}, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


FORMATS = {
    "zip.pt": (zipped(), "k"),
    "old.pt": (legacy(), "k"),
    "x.safetensors": (save(TENSORS), ()),
}


@pytest.mark.parametrize("name", FORMATS)
def test_mutated_files_are_read_or_refused_in_one_line(tmp_path, name):
    """Whatever the damage: the tensors, or a :class:`CheckpointError`; nothing else, no warning."""
    data, key = FORMATS[name]
    path, messages = tmp_path / name, []
    module = nn.Linear(6, 4)
    for seed in SEEDS:
        path.write_bytes(mutated(data, seed))
        try:
            load_strict(module, read_tensors(path, key), path, ["n"])
        except CheckpointError as error:
            messages.append(error.message)
    assert len(messages) > len(SEEDS) // 2
    for message in messages:
        assert str(path) in message
        assert "\n" not in message
        assert len(message) < 600 + len(str(path))
    path.write_bytes(data)
    load_strict(module, read_tensors(path, key), path, ["n"])


def test_a_file_that_unpacks_to_gigabytes_is_refused_unread(tmp_path):
    path = tmp_path / "bomb.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/data.pkl", pickle.dumps({}))
        with archive.open("x/data/0", "w", force_zip64=True) as member:
            for _ in range(256):
                member.write(bytes(1 << 20))
    tracemalloc.start()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CheckpointError, match="unpack to more than it is"):
        read_tensors(path, "k")
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


@pytest.mark.parametrize(
    "tensor",
    [
        torch.zeros(1).expand(10**12),
        torch.zeros(1, 1).expand(10**6, 10**7),
        torch.zeros(1000, dtype=torch.uint8).as_strided((1000, 1000), (0, 0)),
    ],
)
def test_few_bytes_called_a_huge_tensor(tmp_path, tensor):
    path = tmp_path / "x.pt"
    torch.save({"k": {"w": tensor}}, path)
    with pytest.raises(CheckpointError, match="larger than the file"):
        read_tensors(path, "k")


def test_many_views_of_one_storage(tmp_path):
    path, base = tmp_path / "x.pt", torch.zeros(10_000)
    torch.save({"k": {f"w{i}": base.view(-1) for i in range(50)}}, path)
    with pytest.raises(CheckpointError, match="larger than the file"):
        read_tensors(path, "k")
    torch.save({"k": {"a": base, "tied": base}}, path)
    assert set(read_tensors(path, "k")) == {"a", "tied"}


@pytest.mark.parametrize(
    "tensor",
    [
        torch.zeros(3, 3).to_sparse(),
        torch.empty(10**9, device="meta"),
        torch.quantize_per_tensor(torch.zeros(4), 0.1, 0, torch.qint8),
    ],
)
def test_tensors_that_are_not_plain(tmp_path, tensor):
    path = tmp_path / "x.pt"
    torch.save({"k": {"w": tensor}}, path)
    with pytest.raises(CheckpointError):
        read_tensors(path, "k")


@pytest.mark.parametrize("dtype", [torch.complex64, torch.int8, torch.bool])
def test_other_kinds_of_number_are_not_cast(tmp_path, dtype):
    state = {"weight": torch.zeros(4, 6, dtype=dtype), "bias": torch.zeros(4)}
    with pytest.raises(CheckpointError, match=r"expected torch\.float32"):
        load_strict(nn.Linear(6, 4), state, tmp_path)


def test_half_precision_is_taken(tmp_path):
    module = nn.Linear(6, 4)
    state = {"weight": torch.full((4, 6), 0.5, dtype=torch.bfloat16), "bias": torch.zeros(4).half()}
    load_strict(module, state, tmp_path)
    assert module.weight.dtype == torch.float32


@pytest.mark.parametrize("length", [2**63 - 1, 2**40, 100_000_001])
def test_a_huge_safetensors_header(tmp_path, length):
    path = tmp_path / "x.safetensors"
    path.write_bytes(struct.pack("<Q", length) + b"{" + b" " * 100)
    with pytest.raises(CheckpointError, match="damaged"):
        read_tensors(path)


@pytest.mark.parametrize(
    "content", [5, [1], {5: torch.zeros(1)}, {"k": 5}, {"k": {5: torch.zeros(1)}}, {"k": {"a": 1}}]
)
def test_content_of_other_kinds(tmp_path, content):
    path = tmp_path / "x.pt"
    torch.save(content, path)
    with pytest.raises(CheckpointError):
        read_tensors(path, "k")


def test_what_is_no_file(tmp_path):
    for path in (tmp_path, tmp_path / "nothing.pt"):
        with pytest.raises(CheckpointError, match="no such file"):
            read_tensors(path)


def test_the_command_line_says_it_in_one_line(cmet, tmp_path, talking, voice):
    """A model folder whose network is a bomb: an edit ends in one line."""
    folder = tmp_path / "w"
    (folder / "pretrained_weights").mkdir(parents=True)
    (folder / "checkpoints").mkdir()
    bomb = {"gen": {"w": torch.zeros(1).expand(10**12)}}
    for name in ("pretrained_weights/EDTalk.pt", "pretrained_weights/Audio2Lip.pt"):
        torch.save(bomb, folder / name)
    torch.save(bomb, folder / "checkpoints/_epoch_2105_checkpoint_step000200000.pth")
    run = cmet("edit", "--video", talking, "-e", voice, "--weights-dir", folder, "-o", "out.mp4")
    assert run.returncode == 1
    assert "larger than the file" in run.stderr
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "out.mp4").exists()
