"""Checkpoints are untrusted input: what is refused, and what the refusal says."""

from __future__ import annotations

import argparse
import os
import zipfile
from dataclasses import replace

import pytest
import standin
import torch
from torch import nn

from cmet_cli.backends.edtalk.audio2lip import Audio2Lip
from cmet_cli.errors import CheckpointError
from cmet_cli.weights.checkpoint import convert_pickle, load_strict, read_tensors
from cmet_cli.weights.registry import FILES

AUDIO2LIP = next(f for f in FILES if f.name == "audio2lip")


class Payload:
    """Would create a file when unpickled."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return (os.system, (f"touch {self.target}",))


@pytest.fixture
def audio2lip(tmp_path):
    return standin.write_checkpoint(tmp_path, "audio2lip")


def save(tmp_path, content):
    path = tmp_path / "x.pt"
    torch.save(content, path)
    return path


def test_published_layout_loads_with_its_trainer_arguments(audio2lip):
    tensors = read_tensors(audio2lip, "audio2lip")
    load_strict(Audio2Lip(), tensors, audio2lip)


def test_code_in_a_pickle_is_refused_by_name_and_never_runs(tmp_path):
    marker = tmp_path / "ran"
    path = save(tmp_path, {"audio2lip": {}, "args": Payload(marker)})
    with pytest.raises(CheckpointError, match="system"):
        read_tensors(path, "audio2lip")
    assert not marker.exists()


def test_namespace_is_the_only_class_let_in(tmp_path):
    ok = save(tmp_path, {"k": {"w": torch.zeros(2)}, "args": argparse.Namespace(a=1)})
    assert set(read_tensors(ok, "k")) == {"w"}
    bad = save(tmp_path, {"k": {"w": torch.zeros(2)}, "args": zipfile.ZipInfo("x")})
    with pytest.raises(CheckpointError, match=r"refused.*ZipInfo"):
        read_tensors(bad, "k")


@pytest.mark.parametrize("keep", [0, 100, 0.5, 0.999])
def test_truncated_files_say_so(audio2lip, keep):
    data = audio2lip.read_bytes()
    cut = int(len(data) * keep) if keep < 1 else int(keep)
    audio2lip.write_bytes(data[:cut])
    with pytest.raises(CheckpointError, match="damaged or truncated"):
        read_tensors(audio2lip, "audio2lip")


def test_wrong_key_names_what_is_there(audio2lip):
    with pytest.raises(CheckpointError, match=r"no entry 'gen' \(found: args, audio2lip\)"):
        read_tensors(audio2lip, "gen")


def test_tensor_problems_name_tensor_shapes_and_file(audio2lip):
    good = read_tensors(audio2lip, "audio2lip")
    name = "mapping.weight"
    with pytest.raises(CheckpointError, match=r"'mapping.weight'.*\(3, 3\).*\(20, 512\)") as error:
        load_strict(Audio2Lip(), good | {name: torch.zeros(3, 3)}, audio2lip)
    assert str(audio2lip) in error.value.message
    with pytest.raises(CheckpointError, match=r"mapping.weight.*NaN"):
        load_strict(Audio2Lip(), good | {name: torch.full((20, 512), torch.nan)}, audio2lip)
    with pytest.raises(CheckpointError, match=r"missing tensor 'mapping\.weight'"):
        load_strict(Audio2Lip(), {k: v for k, v in good.items() if k != name}, audio2lip)
    with pytest.raises(CheckpointError, match="unexpected tensor 'stranger'"):
        load_strict(Audio2Lip(), good | {"stranger": torch.zeros(1)}, audio2lip)
    load_strict(Audio2Lip(), good | {"stranger": torch.zeros(1)}, audio2lip, ["stran.*"])


def test_conversion_keeps_exactly_the_used_tensors(audio2lip, tmp_path):
    target = tmp_path / "a.safetensors"
    entry = replace(AUDIO2LIP, unused=(r".*num_batches_tracked",))
    assert convert_pickle(audio2lip, target, entry) == []
    before, after = read_tensors(audio2lip, "audio2lip"), read_tensors(target)
    assert set(after) == {n for n in before if "num_batches" not in n}
    assert all(torch.equal(after[n], before[n]) for n in after)


def test_meta_module_takes_the_tensors_as_its_own():
    with torch.device("meta"):
        module = nn.Linear(2, 1)
    tensors = {"weight": torch.tensor([[1.0, 2.0]]), "bias": torch.tensor([3.0])}
    load_strict(module, tensors, "here")
    assert module(torch.ones(1, 2)).item() == 6.0


def test_a_damaged_safetensors_file(tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"\xff" * 64)
    with pytest.raises(CheckpointError, match="damaged"):
        read_tensors(path)
