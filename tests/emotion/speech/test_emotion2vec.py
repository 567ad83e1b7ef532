"""The published speech encoder through the real FunASR, from local folders of reduced size."""

from __future__ import annotations

import logging

import filling
import numpy as np
import pytest
import standin
import torch

from cmet_cli.cache import FeatureStore
from cmet_cli.emotion.speech.clips import clip_feature, expand_clips, load_feature, mean_feature
from cmet_cli.emotion.speech.emotion2vec import Emotion2vec
from cmet_cli.emotion.speech.encoder import CachingEncoder
from cmet_cli.errors import CheckpointError, MediaError, UsageError, WeightsError
from cmet_cli.media.audio import decode_audio


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return standin.write_speech_folder(
        tmp_path_factory.mktemp("speech"), embed_dim=64, depth=2, prenet_depth=1
    )


@pytest.fixture(scope="module")
def encoder(folder):
    return Emotion2vec(folder)


def hear(folder):
    """The network is built when something is heard."""
    return Emotion2vec(folder).feature(np.ones(800, np.float32))


def copy_with(folder, target, change):
    """The folder again, its checkpoint changed by ``change(state)``."""
    target.mkdir()
    for file in folder.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    content = torch.load(target / "model.pt", weights_only=True)
    change(content["model"])
    torch.save(content, target / "model.pt")
    return target


def test_the_feature_is_the_networks_own_and_from_the_file(folder, encoder, tmp_path):
    """Not random: two loads agree; and changing one tensor in the file changes the feature."""
    wave = np.sin(np.arange(8000) / 20).astype(np.float32)
    feature = encoder.feature(wave)
    assert (feature.shape, feature.dtype) == ((64,), np.float32)
    torch.manual_seed(1)
    assert np.array_equal(Emotion2vec(folder).feature(wave), feature)

    def scale(state):
        state["d2v_model.blocks.1.mlp.fc2.weight"] *= 1.5

    other = Emotion2vec(copy_with(folder, tmp_path / "x", scale)).feature(wave)
    assert np.abs(other - feature).max() > 1e-3


def test_mismatches_that_funasr_would_skip_are_refused(folder, tmp_path):
    name = "d2v_model.blocks.1.mlp.fc2.weight"
    with pytest.raises(CheckpointError, match=r"blocks.1.mlp.fc2.weight.*shape"):
        hear(copy_with(folder, tmp_path / "a", lambda s: s.update({name: torch.zeros(2)})))
    with pytest.raises(CheckpointError, match=r"missing.*blocks.1.mlp.fc2.weight"):
        hear(copy_with(folder, tmp_path / "b", lambda s: s.pop(name)))


def test_nothing_is_printed_and_logging_is_left_alone(folder, capfd):
    before = (
        logging.getLogger().level,
        list(logging.getLogger().handlers),
        torch.get_num_threads(),
    )
    encoder = Emotion2vec(folder)
    encoder.feature(np.ones(800, np.float32))
    assert capfd.readouterr() == ("", "")
    after = (logging.getLogger().level, list(logging.getLogger().handlers), torch.get_num_threads())
    assert after == before


def test_what_was_heard_before_needs_no_network(folder, encoder, tmp_path, monkeypatch):
    """In another run, from the cache; with another file of weights it is heard anew."""
    wave = np.sin(np.arange(8000) / 20).astype(np.float32)
    store = FeatureStore(f"{encoder.name} {encoder.version}", encoder.dim, tmp_path)
    feature = CachingEncoder(encoder, store).feature(wave)
    monkeypatch.setattr("cmet_cli.emotion.speech.emotion2vec._build", None)
    later = Emotion2vec(folder)
    again = FeatureStore(f"{later.name} {later.version}", later.dim, tmp_path)
    assert np.array_equal(CachingEncoder(later, again).feature(wave), feature)
    other = copy_with(folder, tmp_path / "other", lambda state: None)
    assert Emotion2vec(other).version != later.version
    with pytest.raises(TypeError):  # nothing else could hear it
        CachingEncoder(Emotion2vec(folder)).feature(wave)


def test_a_folder_without_a_model(tmp_path):
    with pytest.raises(WeightsError, match="no emotion2vec model here"):
        Emotion2vec(tmp_path)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("a.mp3", "-f lavfi -i sine=f=200:d=1:r=44100 -ac 2"),
        ("b.flac", "-f lavfi -i sine=f=200:d=1:r=96000 -ac 6"),
        ("c.mkv", "-f lavfi -i testsrc=d=1 -f lavfi -i sine=f=200:d=1:r=8000 -c:a libopus"),
        ("d.m4a", "-f lavfi -i sine=f=200:d=1:r=48000 -c:a aac"),
    ],
)
def test_any_container_rate_and_channels(encoder, make_media, name, arguments):
    wave = decode_audio(make_media(name, arguments))
    assert abs(len(wave) - 16000) < 1600
    assert np.isfinite(encoder.feature(wave)).all()


def test_a_folder_of_clips_is_their_mean(encoder, make_media, tmp_path):
    for i, hertz in enumerate((150, 300)):
        clip = make_media(f"tone{hertz}.wav", f"-f lavfi -i sine=f={hertz}:d=0.5:r=16000")
        (tmp_path / f"{i}.wav").write_bytes(clip.read_bytes())
    (tmp_path / "notes.txt").write_text("ignored")
    clips = expand_clips([tmp_path], "speech")
    assert [c.name for c in clips] == ["0.wav", "1.wav"]
    mean = mean_feature(encoder, clips, "speech")
    single = [encoder.feature(decode_audio(c)) for c in clips]
    assert np.allclose(mean, np.mean(single, 0), atol=1e-6)


class Loudest:
    dim = 1

    def feature(self, wave):
        return np.array([np.abs(wave).max()], np.float32)


def test_unusable_speech_is_named(make_media, tmp_path):
    silent = make_media("silent.wav", "-f lavfi -i anullsrc=r=16000 -t 1")
    short = make_media("short.wav", "-f lavfi -i sine=d=0.1:r=16000")
    mute = make_media("mute.mp4", "-f lavfi -i testsrc=d=0.2 -c:v libx264 -pix_fmt yuv420p")
    text = tmp_path / "text.wav"
    text.write_text("hello")
    for path, words in ((silent, "silent"), (short, "0.10 s"), (mute, "no audio"), (text, "no so")):
        with pytest.raises(MediaError, match=words) as error:
            clip_feature(Loudest(), path)
        assert str(path) in error.value.message
    with pytest.raises(UsageError, match="no recordings"):
        expand_clips([_empty(tmp_path)], "speech")


def _empty(tmp_path):
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


def test_saved_features_of_another_encoder_are_refused(tmp_path):
    np.save(tmp_path / "f.npy", np.zeros(10, np.float32))
    with pytest.raises(MediaError, match="expected a finite float"):
        load_feature(tmp_path / "f.npy", 1024)


@pytest.mark.slow
def test_full_size_topology_builds_loads_and_runs(tmp_path):
    """The published sizes: 185 tensors, two of them the classifier's, which no feature needs."""
    folder = standin.write_speech_folder(tmp_path / "full")
    encoder = Emotion2vec(folder)
    own = encoder._model.model.state_dict()
    assert len(own) == 183
    assert encoder.feature(filling.chirp().numpy()).shape == (1024,)
