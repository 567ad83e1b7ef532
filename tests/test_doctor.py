"""``cmet doctor``: what can run, what cannot, and the exit code that follows."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
import standin

from cmet_cli import doctor as library
from cmet_cli.weights import folder as places
from cmet_cli.weights.folder import inspect_folder, mini_folder
from cmet_cli.weights.registry import FILES

EDTALK = next(f for f in FILES if f.name == "edtalk").local_published


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """Every part of the published layout, the speech encoder at a small size."""
    folder = tmp_path_factory.mktemp("full")
    return standin.write_folder(folder, embed_dim=64, depth=1, prenet_depth=1)


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """No weights in any known place."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(places.ENVIRONMENT_VARIABLE, raising=False)
    empty = tmp_path / "cache"
    monkeypatch.setattr(places, "inspect_hub_cache", lambda: places.inspect_folder(empty))


def diagnose(folder=None):
    return {finding.name: finding for finding in library.diagnose(folder)}


def test_without_weights_the_mini_model_can_run(cmet):
    run = cmet("doctor", "--json")
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert set(found["edit"]) == {"ok", "detail"}
    assert found["mini"]["ok"]
    assert not found["weights"]["ok"]
    assert "no model weights found" in found["weights"]["detail"]
    assert not found["presets"]["ok"]
    assert "can run with --model mini; not with the published networks" in found["edit"]["detail"]


def test_the_lines_for_people(cmet):
    run = cmet("doctor")
    assert run.returncode == 0, run.stderr
    assert run.stdout == ""
    lines = {line.split()[1]: line.split()[0] for line in run.stderr.splitlines()}
    assert lines["mini"] == lines["edit"] == "ok"
    assert lines["weights"] == lines["presets"] == "no"
    assert "FAIL" not in run.stderr


def test_a_full_folder(full, nowhere):
    found = diagnose(full)
    assert found["weights"].ok, found["weights"].detail
    assert found["edit"].detail.endswith("with the published networks and with --model mini")
    assert "Haar" in found["faces"].detail


def test_parts_in_the_hub_clients_own_cache_are_found_as_an_edit_finds_them(
    full, nowhere, tmp_path, monkeypatch
):
    found = replace(inspect_folder(full), root=tmp_path / "cmet-weights")
    monkeypatch.setattr(places, "find_weights", lambda *_: found)
    for _ in range(2):  # without a folder of ours, and with one that holds none of them
        told = diagnose()["weights"]
        assert told.ok, told.detail
        assert "4 in the Hub's cache, not verified" in told.detail
        found.root.mkdir(exist_ok=True)


def test_a_small_models_folder_is_not_the_published_networks(nowhere):
    found = diagnose(mini_folder())
    assert found["weights"].ok, found["weights"].detail
    assert "published" not in found["edit"].detail
    assert f"with the model in {mini_folder()}" in found["edit"].detail


def test_presets_and_yunet_are_seen(full, nowhere, tmp_path):
    folder = tmp_path / "w"
    shutil.copytree(full, folder)
    preset = folder / places.NEUTRAL_PRESET / "a.npy"
    preset.parent.mkdir(parents=True)
    preset.write_bytes(b"")
    (folder / places.YUNET_FILE).write_bytes(b"not the published one")
    found = diagnose(folder)
    assert found["presets"].detail.startswith("1 neutral")
    assert not found["faces"].ok
    assert "not the published YuNet" in found["faces"].detail


@pytest.mark.parametrize("damage", ["cut", "flip"])
def test_a_damaged_file_is_named(full, nowhere, tmp_path, damage):
    folder = tmp_path / "w"
    shutil.copytree(full, folder)
    data = bytearray((folder / EDTALK).read_bytes())
    if damage == "cut":
        del data[len(data) // 2 :]
    else:
        data[len(data) // 2] ^= 1
    (folder / EDTALK).write_bytes(data)
    found = diagnose(folder)
    assert not found["weights"].ok
    assert f"{EDTALK}: damaged" in found["weights"].detail
    assert found["edit"].ok
    assert "not with the published networks (see weights)" in found["edit"].detail


def test_a_folder_without_its_speech_encoder(full, nowhere, tmp_path):
    for entry in FILES[:3]:
        target = tmp_path / entry.local_published
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(full / entry.local_published)
    assert "no speech encoder" in diagnose(tmp_path)["weights"].detail


@pytest.mark.parametrize("part", ["speech.safetensors", "config.json"])
def test_when_nothing_can_run_the_exit_code_says_so(nowhere, tmp_path, monkeypatch, part):
    """No weights, and the mini model damaged."""
    broken = tmp_path / "mini"
    shutil.copytree(mini_folder(), broken)
    (broken / part).write_bytes((broken / part).read_bytes()[:100])
    monkeypatch.setattr(places, "mini_folder", lambda: broken)
    found = diagnose()
    assert not found["mini"].ok
    assert str(broken) in found["mini"].detail
    assert not found["edit"].ok
    assert found["edit"].needed


def test_without_ffmpeg_nothing_can_run(cmet):
    run = cmet("doctor", "--json", CMET_FFMPEG="/nowhere/ffmpeg")
    assert run.returncode == 1
    found = json.loads(run.stdout)
    assert not found["ffmpeg"]["ok"]
    assert found["edit"]["detail"] == "no edit can run: ffmpeg"
    assert "Traceback" not in run.stderr


def test_two_that_load_and_do_not_belong_together_are_told(monkeypatch):
    import torchaudio

    monkeypatch.setattr(torchaudio, "__version__", "2.9.1")
    found = diagnose()["torch"]
    assert not found.ok
    assert "torchaudio 2.9.1 do not belong together" in found.detail
    assert "torchaudio==2.11.0" in found.detail


def test_without_torch_the_mini_model_can_run(full):
    code = """
import sys
class Broken:
    def find_spec(self, name, *_):
        if name == "torch":
            raise ImportError("libcudart.so.13: cannot open shared object file")
sys.meta_path.insert(0, Broken())
from pathlib import Path
from cmet_cli.doctor import diagnose
found = {one.name: one for one in diagnose(Path(sys.argv[1]))}
print(found["torch"].ok, found["mini"].ok, found["edit"].ok)
print(found["torch"].detail, found["edit"].detail, sep="\\n")
"""
    run = subprocess.run(
        [sys.executable, "-c", code, str(full)], capture_output=True, text=True, check=True
    )
    ok, why, edit = run.stdout.splitlines()
    assert ok == "False True True"
    assert "libcudart" in why
    assert edit == "can run with --model mini; not with the published networks (see torch)"
