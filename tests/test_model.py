"""What an edit runs with: which ear hears, and what names mean to it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from cmet_cli.emotion.listen import ConnectorListener, NamingListener
from cmet_cli.emotion.presets import names_for, preset_of, write_preset
from cmet_cli.emotion.speech.encoder import EMOTION2VEC
from cmet_cli.emotion.speech_prompt import SpeechPrompt
from cmet_cli.errors import UsageError, WeightsError
from cmet_cli.media.clock import Timeline
from cmet_cli.media.probe import probe_video
from cmet_cli.model import load_model
from cmet_cli.options import no_progress
from cmet_cli.weights.folder import ENVIRONMENT_VARIABLE, find_weights
from cmet_cli.weights.registry import FEATURE_FOLDER

DIM = 1024
CODES, TIMES = np.zeros((4, 10), np.float32), Timeline(np.arange(4) / 25)


class Ear:
    """Stands where emotion2vec+ would: everything it is asked about is a saved feature."""

    dim, name = DIM, EMOTION2VEC

    def feature(self, wave):
        raise AssertionError("nothing was to be heard")


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A weights folder as `download-weights --only emotion2vec` leaves it, and its emotions."""
    folder = tmp_path_factory.mktemp("published")
    speech = folder / "emotion2vec_plus_large"
    speech.mkdir()
    for name in ("model.safetensors", "config.yaml"):
        (speech / name).write_bytes(b"not opened here")
    rng = np.random.default_rng(0)
    axes = {n: rng.normal(size=DIM) for n in ("neutral", "happy", "sad", "desirous")}
    for name, axis in axes.items():
        place = folder / "audios" / "MEAD" / name / FEATURE_FOLDER
        place.mkdir(parents=True)
        for i in range(3):
            feature = axis + 0.1 * rng.normal(size=DIM)
            np.save(place / f"{i}.npy", feature.astype(np.float32))
    return folder


@pytest.mark.parametrize(("insisted", "small"), [("cmet", True), ("mini", False)])
def test_a_folder_does_not_outvote_the_model_insisted_on(tmp_path, insisted, small):
    for name in ("edtalk", "audio2lip", "connector"):
        (tmp_path / f"{name}.safetensors").write_bytes(b"not opened here")
    if small:
        (tmp_path / "config.json").write_text("{}")
    with pytest.raises(WeightsError, match=f"not what --model {insisted} asks for"):
        find_weights(tmp_path, insisted)
    other = {"cmet": "mini", "mini": "cmet"}[insisted]
    assert find_weights(tmp_path, other).root == find_weights(tmp_path).root == tmp_path


def test_emotion2vec_beside_a_small_ear_is_found_with_its_emotions(published, monkeypatch):
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(published))
    weights = find_weights(None, "mini")
    assert weights.ear == published / "emotion2vec_plus_large"
    assert weights.presets == published / "audios"
    assert weights.ear in weights.parts  # what is heard decides what comes out
    assert find_weights(None, "auto").ear == weights.ear  # no renderer was downloaded


def test_without_emotions_to_compare_with_it_is_left_alone(published, tmp_path, monkeypatch):
    (tmp_path / "emotion2vec_plus_large").symlink_to(published / "emotion2vec_plus_large")
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path))
    assert find_weights(None, "mini").ear is None


@pytest.fixture
def model(published, monkeypatch):
    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)
    plain = load_model(None, "mini")
    plain.weights = replace(plain.weights, presets=published / "audios", ear=published)
    plain.open_ear = Ear
    return plain


def change(source):
    return source.delta(CODES, TIMES)[0]


def test_real_speech_drives_the_small_model_by_way_of_names(model, published, talking):
    assert isinstance(model.listener, NamingListener)
    clip = published / "audios" / "MEAD" / "happy" / FEATURE_FOLDER / "0.npy"
    asked = model.listener.listen(SpeechPrompt.of(clip), probe_video(talking), no_progress)
    assert asked.heard.shares[0][0] == "happy"
    assert asked.neutral_from == "the published neutral presets (3)"
    # `desirous` is nothing that this model could show.
    assert {name for name, _ in asked.heard.shares} == {"happy", "sad"}
    assert np.allclose(change(asked.source), change(model.named("happy")), atol=0.15)


def test_an_emotion_of_ones_own_is_in_the_features_of_the_ear_that_hears(
    model, published, tmp_path, monkeypatch
):
    monkeypatch.setenv("CMET_EMOTIONS_DIR", str(tmp_path))
    sad = published / "audios" / "MEAD" / "sad" / FEATURE_FOLDER
    rows = np.stack([np.load(p) for p in sorted(sad.glob("*.npy"))])
    write_preset(preset_of("weary", rows, EMOTION2VEC, ""), tmp_path / "weary.safetensors")
    assert np.allclose(change(model.named("weary")), change(model.named("sad")), atol=0.15)
    names = names_for(model.weights)
    assert {"weary", "happy"} < set(names.names)
    assert np.linalg.norm(names.direction("weary")) > 1
    with pytest.raises(UsageError, match="no emotion is called 'wary'"):
        model.named("wary")


def test_the_small_ear_alone_goes_through_the_connector(monkeypatch):
    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)
    model = load_model(None, "mini")
    assert isinstance(model.listener, ConnectorListener)
    happy, sad = change(model.named("happy")), change(model.named("sad"))
    both = change(model.mixture("0.5 happy + 0.5 sad"))
    assert np.allclose(both, 0.5 * happy + 0.5 * sad, atol=1e-5)
    assert np.linalg.norm(happy - sad) > 1


def test_the_renderer_s_own_labels_take_the_place_of_the_face_s_codes(monkeypatch):
    from cmet_cli.backends.edtalk.backend import published_labels

    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)
    model = load_model(None, "mini")
    with pytest.raises(UsageError, match="model mini has no labels called 'edtalk:'"):
        model.named("edtalk:happy")  # of other weights, they would mean nothing
    labels = published_labels()
    assert len(labels) == 8
    assert {code.shape for code in labels.values()} == {(10,)}
    model.backend.labels, model.backend.labels_name = labels, "edtalk"
    codes = np.random.default_rng(0).normal(size=(4, 10)).astype(np.float32)
    moved = codes + model.named("edtalk:happy").delta(codes, TIMES)
    assert np.allclose(moved, labels["happy"], atol=1e-5)
    with pytest.raises(UsageError, match="no label 'jolly'"):
        model.named("edtalk:jolly")


def test_loading_does_not_wake_torch_s_compiler():
    """Arithmetic on the meta device did, which took a second of every start."""
    load = (
        "from cmet_cli import EmotionEditor; from cmet_cli.options import RuntimeOptions; "
        "runtime = RuntimeOptions(device='cpu', precision='bf16'); "  # else torch stays asleep
        "EmotionEditor.from_weights(model='mini', runtime=runtime); assert 'torch' in sys.modules"
    )
    run = subprocess.run(
        [sys.executable, "-c", f"import sys; {load}; print('torch._dynamo' in sys.modules)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert run.stdout.strip() == "False"
