"""``cmet download-weights`` with the real Hub client against a loopback Hub."""

from __future__ import annotations

import io
import json
import shutil
import socket
import time
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import standin
import torch
from hub_server import HubServer

from cmet_cli.errors import HubError, MediaError, UsageError
from cmet_cli.weights import download as library
from cmet_cli.weights import receive
from cmet_cli.weights.checkpoint import read_tensors
from cmet_cli.weights.folder import find_weights, inspect_folder, mini_folder
from cmet_cli.weights.registry import CMET_REPO, FILES, NEUTRAL_PRESET, SPEECH_REPO, WeightFile
from cmet_cli.weights.verify import check_folder

EXAMPLE = Path(__file__).parents[2] / "examples" / "neutral.mp4"
CONNECTOR = "checkpoints/_epoch_2105_checkpoint_step000200000.pth"


def pickled(content) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def published() -> dict[tuple[str, str, str], bytes]:
    """Stand-in files under their published names; the networks' own, cut down to a few tensors."""
    small = {"gen": {"w": torch.ones(4), "dec.to_rgb1.bias": torch.ones(1)}}
    feature = io.BytesIO()
    np.save(feature, np.ones(1024, np.float32))
    args = {"args": standin.trainer_args()}
    speech = {"model": {"d2v_model.blocks.0.w": torch.ones(3), "d2v_model.proj.w": torch.ones(2)}}
    return {
        ("model", CMET_REPO, "pretrained_weights/EDTalk.pt"): pickled(small | args),
        ("model", CMET_REPO, "pretrained_weights/Audio2Lip.pt"): pickled(
            standin.checkpoint("audio2lip")
        ),
        ("model", CMET_REPO, CONNECTOR): pickled({"state_dict": {"w": torch.ones(2)}}),
        ("model", SPEECH_REPO, "model.pt"): pickled(speech),
        ("model", SPEECH_REPO, "config.yaml"): b"model: Emotion2vec\n",
        ("model", SPEECH_REPO, "tokens.txt"): b"a\n",
        ("model", SPEECH_REPO, "configuration.json"): b"{}",
        ("model", "opencv/face_detection_yunet", "face_detection_yunet_2023mar.onnx"): b"onnx",
        ("space", CMET_REPO, f"{NEUTRAL_PRESET}/M003_001.npy"): feature.getvalue(),
        ("space", CMET_REPO, "audios/MEAD/happy/raw.wav"): b"RIFF",
    }


@pytest.fixture(autouse=True)
def stand_in_digests(monkeypatch, tmp_path):
    """The registry's digests are those of the real files, which no test has."""
    plain = [
        WeightFile(**{**vars(entry), "sha256": None, "size": None, "about_bytes": 0})
        for entry in FILES
    ]
    monkeypatch.setattr(library, "FILES", tuple(plain))
    monkeypatch.setattr(receive, "cached_file", lambda entry, revision: None)


def fetch(hub, folder, **options):
    return library.download_weights(folder, endpoint=hub.url, **options)


def test_everything_arrives_converted_and_recorded(published, tmp_path):
    seen = []
    with HubServer(published) as hub:
        report = fetch(hub, tmp_path, progress=lambda *a: seen.append(a))
        assert len(report.fetched) == 9
        assert not report.warnings
        first = hub.requests
        again = fetch(hub, tmp_path)
        assert (len(again.fetched), len(again.present), hub.requests) == (0, 9, first)
    assert set(read_tensors(tmp_path / "edtalk.safetensors")) == {"w"}  # to_rgb1 is unused
    assert set(read_tensors(tmp_path / "emotion2vec_plus_large/model.safetensors")) == {
        "blocks.0.w"
    }
    assert not list(tmp_path.rglob("*.pt"))
    assert not (tmp_path / ".incoming").exists()
    assert not inspect_folder(tmp_path).missing
    assert len(find_weights(tmp_path).neutral_presets) == 1
    assert all(c.state == "ok" for c in check_folder(tmp_path))
    stages = {stage for stage, *_ in seen}
    assert {"EDTalk.pt", "Audio2Lip.pt", "presets"} <= stages
    done, total = [(d, t) for s, d, t in seen if s == "Audio2Lip.pt"][-1]
    assert done == total


def test_originals_are_kept_on_request(published, tmp_path):
    with HubServer(published) as hub:
        fetch(hub, tmp_path, only=("audio2lip",), keep_originals=True)
    original = tmp_path / "pretrained_weights/Audio2Lip.pt"
    assert original.read_bytes() == published["model", CMET_REPO, "pretrained_weights/Audio2Lip.pt"]


def test_a_cut_connection_is_resumed_not_restarted(published, tmp_path):
    path = "pretrained_weights/Audio2Lip.pt"
    # The client keeps whole chunks of 10 MiB.
    with HubServer(published, cut_after={path: 10_600_000}) as hub:
        fetch(hub, tmp_path, only=("audio2lip",))
        assert hub.gets[path] == 2
        assert hub.ranges == [f"bytes={10 << 20}-"]
    assert len(read_tensors(tmp_path / "audio2lip.safetensors")) > 50


def test_corrupt_bytes_are_noticed_and_not_kept(published, tmp_path):
    path = "pretrained_weights/Audio2Lip.pt"
    with HubServer(published, corrupt={path}) as hub:
        with pytest.raises(HubError, match="not what was published"):
            fetch(hub, tmp_path, only=("audio2lip",))
        assert not list(tmp_path.rglob("Audio2Lip.pt"))
        hub.corrupt.clear()
        assert fetch(hub, tmp_path, only=("audio2lip",)).fetched == ["audio2lip.safetensors"]


def test_a_file_that_moved_is_named(published, tmp_path):
    without = {k: v for k, v in published.items() if k[2] != CONNECTOR}
    with HubServer(without) as hub, pytest.raises(HubError, match=f"{CONNECTOR} is not where"):
        fetch(hub, tmp_path)


def test_refused_access_says_how_to_log_in(published, tmp_path):
    with HubServer(published, status=401) as hub, pytest.raises(HubError) as error:
        fetch(hub, tmp_path)
    assert "HF_TOKEN" in error.value.hint


def test_missing_presets_are_a_warning_unless_asked_for(published, tmp_path):
    without = {k: v for k, v in published.items() if k[0] != "space"}
    with HubServer(without) as hub:
        report = fetch(hub, tmp_path)
        assert len(report.warnings) == 1
        assert "presets" in report.warnings[0]
        with pytest.raises(HubError):
            fetch(hub, tmp_path, only=("presets",))


def test_a_full_disk_is_told_before_the_download(published, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 1000))
    with HubServer(published) as hub:
        with pytest.raises(MediaError, match="GB free"):
            fetch(hub, tmp_path)
        assert not hub.gets


def test_a_changed_file_is_noticed_by_check_and_by_the_next_download(published, tmp_path):
    with HubServer(published) as hub:
        fetch(hub, tmp_path, only=("audio2lip",))
        kept = tmp_path / "audio2lip.safetensors"
        data = bytearray(kept.read_bytes())
        data[-1] ^= 1
        kept.write_bytes(bytes(data))
        states = {c.path: c.state for c in check_folder(tmp_path, ("audio2lip",))}
        assert states["audio2lip.safetensors"] == "changed"
        kept.unlink()
        other = standin.checkpoint("audio2lip", salt="other")
        hub.files = {**published}
        hub.files["model", CMET_REPO, "pretrained_weights/Audio2Lip.pt"] = pickled(other)
        report = fetch(hub, tmp_path, only=("audio2lip",))
    assert "has changed at its publisher" in report.warnings[0]


@pytest.mark.parametrize("name", ["audio2lip.safetensors", f"{NEUTRAL_PRESET}/M003_001.npy"])
def test_what_a_disk_has_changed_is_fetched_again(published, tmp_path, name):
    """As `--check` says, which finds it: the size alone does not tell."""
    only = ("audio2lip", "presets")
    with HubServer(published) as hub:
        fetch(hub, tmp_path, only=only)
        damaged = tmp_path / name
        before = damaged.read_bytes()
        damaged.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
        assert [c.path for c in check_folder(tmp_path, only) if not c.ok] == [name]
        assert fetch(hub, tmp_path, only=only).fetched == [name]
        assert all(c.ok for c in check_folder(tmp_path, only))
        damaged.unlink()
        assert fetch(hub, tmp_path, only=only).fetched == [name]
    assert all(c.ok for c in check_folder(tmp_path, only))


def test_what_no_download_put_there_is_left_alone(published, tmp_path):
    own = tmp_path / "connector.safetensors"
    own.write_bytes(b"my own")
    with HubServer(published) as hub:
        with pytest.raises(UsageError, match="no download put it there") as error:
            fetch(hub, tmp_path)
        assert "--dir" in error.value.hint
        assert [p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()] == [b"my own"]
        assert fetch(hub, tmp_path, only=("edtalk",)).fetched  # which is no other's
        (tmp_path / ".incoming").mkdir()  # a download was killed before it wrote down what it had
        assert "connector.safetensors" in fetch(hub, tmp_path).fetched


def test_one_preset_is_not_all_of_them(published, tmp_path):
    second = f"{NEUTRAL_PRESET}/M003_002.npy"
    first = published["space", CMET_REPO, f"{NEUTRAL_PRESET}/M003_001.npy"]
    with HubServer({**published, ("space", CMET_REPO, second): first}) as hub:
        assert len(fetch(hub, tmp_path, only=("presets",)).fetched) == 2
        (tmp_path / second).unlink()
        assert second in fetch(hub, tmp_path, only=("presets",)).fetched
    assert (tmp_path / second).is_file()


@pytest.mark.parametrize(
    ("only", "missing"),
    [
        (("emotion2vec",), {"emotion2vec"}),
        (("yunet", "presets"), {"yunet", "presets"}),
        (("evaluation",), {"yunet", "expression", "sface", "inception", "i3d", "syncnet"}),
        ((), {"edtalk", "audio2lip", "connector"}),
    ],
)
def test_what_is_asked_for_and_not_there_is_missing(tmp_path, only, missing):
    checks = check_folder(tmp_path, only)
    assert {c.detail.split()[1] for c in checks} == missing
    assert {c.state for c in checks} == {"missing"}


def test_a_check_knows_the_names_and_is_one_object(cmet, tmp_path):
    (tmp_path / "w").mkdir()
    run = cmet("download-weights", "--dir", "w", "--check", "--only", "edtlak")
    assert run.returncode == 2
    assert "did you mean 'edtalk'" in run.stderr
    run = cmet("download-weights", "--dir", "w", "--check", "--only", "yunet", "--json")
    assert run.returncode == 1
    assert [f["state"] for f in json.loads(run.stdout)["files"]] == ["missing"]


def test_an_unknown_name_suggests_the_nearest(tmp_path):
    with pytest.raises(UsageError) as error:
        library.download_weights(tmp_path, only=("conector",))
    assert "connector" in error.value.hint


# ---------------------------------------------------------------- the command line


def test_command_line_honours_the_hubs_variables(cmet, published, tmp_path):
    """Endpoint and token by environment; JSON on stdout; then verified without a network."""
    with HubServer(published, token="secret") as hub:
        options = ("download-weights", "--dir", "w", "--only", "audio2lip", "--json")
        refused = cmet(*options, HF_ENDPOINT=hub.url)
        assert refused.returncode == 1
        run = cmet(*options, HF_ENDPOINT=hub.url, HF_TOKEN="secret")
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["fetched"] == ["audio2lip.safetensors"]
    check = cmet("download-weights", "--dir", "w", "--only", "audio2lip", "--check")
    assert check.returncode == 0, check.stderr
    assert check.stdout.split() == ["ok", "audio2lip.safetensors"]


def test_default_place_is_beside_the_hub_cache(cmet, published, tmp_path):
    with HubServer(published) as hub:
        run = cmet("download-weights", "--only", "audio2lip", HF_ENDPOINT=hub.url)
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "hf-home/hub/cmet-weights/audio2lip.safetensors").is_file()


def test_offline_is_one_line(cmet):
    run = cmet("download-weights", HF_HUB_OFFLINE="1")
    assert run.returncode == 1
    assert "HF_HUB_OFFLINE" in run.stderr
    assert "Traceback" not in run.stderr


def closed_port() -> str:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{s.getsockname()[1]}"


@pytest.mark.parametrize("how", ["refused", "silent"])
def test_an_unreachable_hub_is_told_within_15_seconds(published, tmp_path, how):
    start = time.monotonic()
    with HubServer(published, silent=True) as hub, pytest.raises(HubError) as error:
        library.download_weights(tmp_path, endpoint=hub.url if how == "silent" else closed_port())
    assert time.monotonic() - start < 15
    assert "cannot be reached" in error.value.message
    assert "--weights-dir" in error.value.hint
    assert "HF_ENDPOINT" in error.value.hint


def test_edit_offers_the_download(cmet, published, talking, voice):
    run = cmet("edit", "--video", talking, "-e", voice, "--download", HF_ENDPOINT=closed_port())
    assert run.returncode == 1
    assert "cannot be reached" in run.stderr
    insisted = cmet("edit", "--video", talking, "-e", voice, "--model", "cmet")
    assert insisted.returncode == 1
    assert "--model mini" in insisted.stderr
    assert "download-weights" in insisted.stderr


def test_with_no_weights_the_model_that_ships_stands_in_and_says_so(cmet, talking, voice, tmp_path):
    output = tmp_path / "out.mp4"
    plain = ("--face-detector", "none", "--json")
    run = cmet("edit", "--video", talking, "-e", voice, "-o", output, *plain)
    assert run.returncode == 0, run.stderr
    assert "using the small model that ships" in run.stderr
    assert "cmet download-weights" in run.stderr
    told = json.loads(run.stdout)
    assert told["model"] == "mini"
    assert output.is_file()


def test_a_model_that_was_half_downloaded_is_not_passed_over(cmet, talking, tmp_path):
    """Whoever began a download means those networks."""
    begun = tmp_path / "weights" / FILES[0].local_published
    begun.parent.mkdir(parents=True)
    begun.write_bytes(b"begun")
    folder = str(tmp_path / "weights")
    run = cmet("edit", "--video", talking, "--emotion", "happy", CMET_WEIGHTS_DIR=folder)
    assert run.returncode == 1
    assert "incomplete: no audio2lip, connector" in run.stderr


@pytest.mark.parametrize("named", ["--weights-dir", "CMET_WEIGHTS_DIR"])
def test_a_folder_that_is_another_models_or_none_is_no_place_to_download_to(cmet, tmp_path, named):
    mini = tmp_path / "mini"
    shutil.copytree(mini_folder(), mini)
    before = {p: p.read_bytes() for p in mini.rglob("*") if p.is_file()}
    asked = ("edit", "--video", EXAMPLE, "--emotion", "happy", "--download", "-o", "o.mp4")
    if named == "--weights-dir":
        run, said = cmet(*asked, "--model", "cmet", named, mini), "holds a model of other sizes"
    else:
        run, said = cmet(*asked, CMET_WEIGHTS_DIR="/typo"), "$CMET_WEIGHTS_DIR names no folder"
    assert run.returncode == 1
    assert said in run.stderr
    assert {p: p.read_bytes() for p in mini.rglob("*") if p.is_file()} == before


def test_the_model_asked_for_is_the_one_loaded_after_the_download(monkeypatch):
    """It was forgotten: what was fetched for `--model cmet` was loaded as whatever comes first."""
    from cmet_cli import editor
    from cmet_cli.cli.edit import load_editor
    from cmet_cli.options import ModelOptions, RuntimeOptions
    from cmet_cli.weights import download

    asked = []

    def from_weights(folder, *, model, runtime):
        asked.append(model)
        return "an editor"

    report = download.DownloadReport(Path())
    monkeypatch.setattr(editor.EmotionEditor, "from_weights", from_weights)
    monkeypatch.setattr(download, "download_weights", lambda *_, **__: report)
    runtime = RuntimeOptions(device="cpu")
    assert load_editor(ModelOptions(model="cmet"), runtime, True, True) == "an editor"
    assert asked == ["cmet"]


def test_the_licences_of_what_came_are_told():
    from cmet_cli.cli.download import _licences

    yunet = next(f for f in FILES if f.name == "yunet")
    renderer = next(f for f in FILES if f.name == "edtalk")
    told = _licences([yunet.kept, renderer.kept, "of nobody's"])
    assert told[yunet.licence] == ["yunet"]
    assert told[f"see the repository ({CMET_REPO})"] == ["edtalk"]
    assert len(told) == 2
