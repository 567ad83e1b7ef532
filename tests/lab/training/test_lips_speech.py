"""Training what listens: the lip network and the speech encoder."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from cmet_cli.backends.edtalk.audio2lip import Audio2Lip, Audio2LipConfig
from cmet_cli.emotion.speech.mini import MiniSpeechEncoder
from cmet_cli.emotion.speech.speechnet import SpeechNet, SpeechNetConfig
from cmet_cli.emotion.speech.tracks import TRACKS
from cmet_cli.lab.avatar.clip import make_clip
from cmet_cli.lab.avatar.emotions import EMOTIONS
from cmet_cli.lab.training.code_space import code_space
from cmet_cli.lab.training.loop import TrainConfig
from cmet_cli.lab.training.train_lips import (
    LipsConfig,
    LipsLoss,
    lip_correlations,
    train_lips,
    windows_at,
)
from cmet_cli.lab.training.train_speech import (
    Heard,
    SpeechConfig,
    SpeechHeads,
    SpeechLoss,
    difference_accuracy,
    speech_features,
    train_speech,
)
from cmet_cli.lab.training.voices import Speech, VoicesConfig, load_speech, synthesise
from cmet_cli.lab.training.wild_voices import WildConfig, WildSpeech, load_wild, spoken
from cmet_cli.media.mel import mel_spectrogram, mel_windows

SHORT = TrainConfig(steps=3, batch=4, log_every=1, checkpoint_every=1, ema_decay=0.9)
LIPS = LipsConfig(network=Audio2LipConfig(channels=(4, 4, 6, 6, 8)), train=SHORT, frames=6)
SPEECH = SpeechConfig(
    network=SpeechNetConfig(tracks=TRACKS, channels=(12, 12), dim=8),
    train=dataclasses.replace(SHORT, batch=12),
)
WILD = WildConfig(speakers=5, seconds=1.2, workers=1)
VOICES = VoicesConfig(clips=20, seconds=1.6, voices=5, workers=1)


@pytest.fixture(scope="module")
def speech(tmp_path_factory) -> Speech:
    return load_speech(VOICES, tmp_path_factory.mktemp("voices"))


@pytest.fixture(scope="module")
def wild(tmp_path_factory) -> WildSpeech:
    return load_wild(WILD, tmp_path_factory.mktemp("wild"))


def fit(module, loss_fn, steps: int) -> tuple[dict, dict]:
    optimizer = torch.optim.Adam(module.parameters(), 5e-3)
    first = last = None
    for _ in range(steps):
        last = loss_fn(0, np.random.default_rng(0))
        first = first or {k: float(v.detach()) for k, v in last.items()}
        optimizer.zero_grad()
        last["loss"].backward()
        optimizer.step()
    return first, {k: float(v.detach()) for k, v in last.items()}


def test_speech_covers_emotions_levels_and_voices(speech):
    assert speech.mel.shape == (20, 80, 129)
    assert speech.lips.shape == (20, 40, 3)
    assert set(speech.emotion) == set(range(len(EMOTIONS)))
    assert len(set(speech.level)) == 2  # two rounds of the ten emotions
    assert len(set(speech.voice)) > 2
    again = synthesise(dataclasses.replace(VOICES, clips=2))
    np.testing.assert_array_equal(again.mel, speech.mel[:2])


def test_windows_are_those_of_an_edit():
    wave = torch.from_numpy(
        make_clip(identity_seed=0, voice_seed=1, emotion="sad", level=1, seconds=1.0, seed=2).wave
    )
    mine = windows_at(mel_spectrogram(wave), torch.arange(25))
    torch.testing.assert_close(mine, mel_windows(wave))


def test_lip_network_learns_a_fixed_batch(speech):
    torch.manual_seed(0)
    model = Audio2Lip(LIPS.network)
    first, last = fit(model, LipsLoss(model, speech, LIPS), 40)
    assert last["loss"] < 0.5 * first["loss"]


class Oracle(torch.nn.Module):
    """Knows every clip's lips by heart, in the order they are asked for."""

    def __init__(self, lips: np.ndarray) -> None:
        super().__init__()
        self.lips = iter(lips)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        assert windows.shape[1:] == (1, 80, 16)
        return torch.from_numpy(code_space().encode_lips(next(self.lips)))


def test_lip_correlation_tells_right_lips_from_those_of_another_clip(speech):
    right = lip_correlations(Oracle(speech.lips), speech)
    wrong = lip_correlations(Oracle(speech.lips[::-1]), speech)
    assert (right > 0.95).all()  # smoothing takes a little
    assert (np.abs(wrong) < 0.5).all()


def test_speech_encoder_learns_a_fixed_batch(wild):
    torch.manual_seed(0)
    heads = SpeechHeads(SPEECH.network, wild.style.shape[-1])
    first, last = fit(heads, SpeechLoss(heads, wild, SPEECH), 60)
    assert last["loss"] < 0.6 * first["loss"]
    assert last["style"] < first["style"]


@pytest.mark.parametrize("tracks", [0, TRACKS])
def test_it_learns_from_what_an_edit_hears(wild, tracks):
    """Features of training clips are those that ``speech/mini.py`` gives for the same sound."""
    torch.manual_seed(0)
    network = SpeechNet(dataclasses.replace(SPEECH.network, tracks=tracks)).eval()
    known = speech_features(network, wild)[2, 4].numpy()
    _, waves, *_ = spoken(WILD, 2)
    heard = MiniSpeechEncoder(network).feature(3 * waves[4])  # a gain changes nothing
    np.testing.assert_allclose(heard, known, atol=0.02 * np.abs(known).max())


def test_differences_are_told_apart_across_voices():
    rng = np.random.default_rng(0)
    emotion = np.arange(60) % 3
    centres = torch.tensor([[0.0, 0, 0], [3, 0, 0], [0, 3, 0]])
    known, heard = (
        centres[emotion] + 0.1 * torch.from_numpy(rng.standard_normal((60, 3))).float()
        for _ in range(2)
    )
    assert difference_accuracy(Heard(known, emotion), Heard(heard, emotion), rng) == 1.0
    wrong = np.array([0, 2, 1])[emotion]
    assert difference_accuracy(Heard(known, emotion), Heard(heard, wrong), rng) == 0.0


@pytest.mark.parametrize("stage", ["lips", "speech"])
def test_stages_resume_bit_for_bit(stage, speech, wild, tmp_path):
    stages = {"lips": (train_lips, speech, LIPS), "speech": (train_speech, wild, SPEECH)}
    run, heard, config = stages[stage]

    def crash(stage: str, done: int, total: int | None) -> None:
        if done == 2:
            raise KeyboardInterrupt

    straight = run(heard, config, tmp_path / "a")
    with pytest.raises(KeyboardInterrupt):
        run(heard, config, tmp_path / "b", crash)
    resumed = run(heard, config, tmp_path / "b")
    for name, value in straight.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    assert not straight.training


def test_features_are_centred_and_of_unit_size(wild, tmp_path):
    network = train_speech(wild, SPEECH, tmp_path)
    features = speech_features(network, wild).flatten(0, 1)
    assert features.mean(0).abs().max() < 1e-3
    assert features.var(0).mean() == pytest.approx(1.0, abs=0.01)
