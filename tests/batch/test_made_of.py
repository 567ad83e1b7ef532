"""What a kept result is kept for: everything that it depends on, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cmet_cli.batch.plan import Row, differences, made_of, model_digest
from cmet_cli.batch.storage import Digests
from cmet_cli.emotion.presets import preset_of, write_preset
from cmet_cli.options import EditOptions
from cmet_cli.weights import folder
from cmet_cli.weights.folder import find_weights, inspect_folder


@pytest.fixture
def own(tmp_path, monkeypatch):
    """The user's own emotions."""
    place = tmp_path / "own"
    place.mkdir()
    monkeypatch.setenv("CMET_EMOTIONS_DIR", str(place))
    return place


def preset(name: str, value: float):
    return preset_of(name, np.full((3, 4), value, np.float32), "an ear", "test")


@pytest.fixture
def row(tmp_path):
    for name in ("v.mp4", "a.wav", "b.wav"):
        (tmp_path / name).write_bytes(name.encode())
    options = EditOptions()

    def make(clips: tuple[str, ...] = (), **asked: str) -> Row:
        paths = {name: tmp_path / place for name, place in asked.items()}
        heard = tuple(str(tmp_path / clip) for clip in clips)
        video, output = str(tmp_path / "v.mp4"), str(tmp_path / "o.mp4")
        return Row(2, video, heard, (), output, replace(options, **paths), "o.mp4")

    return make


def made(row: Row):
    return made_of(row, row.entries(Digests()), "model", "cpu fp32")


@pytest.mark.parametrize(
    ("before", "now", "why"),
    [
        ({"emotion_follow": "a.wav@0-3"}, {"emotion_follow": "a.wav@3-6"}, "emotion_follow"),
        ({"speech": "a.wav@0-3"}, {"speech": "a.wav"}, "speech"),
        ({"clips": ("a.wav@0-1", "b.wav")}, {"clips": ("a.wav", "b.wav@0-1")}, "emotion_audio"),
        ({"clips": ("a.wav",)}, {"clips": ("b.wav",)}, "emotion_audio"),
        ({"clips": ("a.wav@0-1", "b.wav")}, {"clips": ("a.wav@0-1", "b.wav")}, ""),
    ],
)
def test_a_stretch_belongs_to_its_recording(row, before, now, why):
    assert differences(made(row(**before)), made(row(**now))) == why


def test_the_users_neutral_voice_is_part_of_every_model(own):
    """All names are compared with it."""
    weights = find_weights(None, "mini")
    before = model_digest(weights)
    write_preset(preset("weary", 1.0), own / "weary.safetensors")
    assert model_digest(weights) == before  # a row that names it says so itself
    write_preset(preset("neutral", 1.0), own / "neutral.safetensors")
    with_neutral = model_digest(weights)
    assert with_neutral != before
    write_preset(preset("neutral", 2.0), own / "neutral.safetensors", overwrite=True)
    assert model_digest(weights) not in (before, with_neutral)


def test_where_voices_are_taken_for_names_all_names_count(own, tmp_path):
    ear = tmp_path / "ear"
    ear.mkdir()
    (ear / "model.pt").write_bytes(b"ear")
    weights = replace(find_weights(None, "mini"), ear=ear)
    before = model_digest(weights)
    write_preset(preset("weary", 1.0), own / "weary.safetensors")
    assert model_digest(weights) != before


def test_published_names_are_part_of_the_model(tmp_path, own):
    weights = replace(find_weights(None, "mini"), presets=tmp_path / "audios")
    before, digests = model_digest(weights), set[str]()
    for emotion in ("happy", "sad"):
        place = tmp_path / "audios" / "MEAD" / emotion / "emotion2vec+large_features"
        place.mkdir(parents=True)
        (place / "001.npy").write_bytes(emotion.encode())
        digests.add(model_digest(weights))
    assert len(digests | {before}) == 3


def test_a_face_detector_from_elsewhere_is_part_of_the_model(tmp_path, monkeypatch):
    """Faces are found by whichever is on the machine."""
    before = find_weights(None, "mini")
    assert before.yunet is None or not before.yunet.is_relative_to(before.root)
    elsewhere = tmp_path / "cache"
    elsewhere.mkdir()
    (elsewhere / folder.YUNET_FILE).write_bytes(b"yunet")
    monkeypatch.setattr(folder, "inspect_hub_cache", lambda: inspect_folder(Path(elsewhere)))
    now = find_weights(None, "mini")
    assert now.yunet == elsewhere / folder.YUNET_FILE
    assert now.root == before.root
    assert model_digest(now) != model_digest(replace(now, yunet=None))
