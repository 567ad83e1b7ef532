"""MEAD's layout: what is found, what is left out and named, features cached beside the clips."""

import contextlib
import dataclasses
import re

import bank_data
import numpy as np
import pytest
import torch
import typer
from click.testing import Result
from typer.testing import CliRunner

from cmet_cli.backends.edtalk.connector import ConnectorConfig
from cmet_cli.cli.extract import extract
from cmet_cli.cli.train import train_app
from cmet_cli.errors import FaceError, MediaError, OtherModelError, UsageError
from cmet_cli.lab.avatar.dataset import DatasetSpec, write_dataset
from cmet_cli.lab.layout import ClipKey, clip_path, published_sentences, sentence_numbers
from cmet_cli.lab.prepare.prepare import crop_of
from cmet_cli.lab.training.clip_features import load_all
from cmet_cli.lab.training.extract_features import (
    Extractor,
    _is_made,
    extract_folder,
    load_extractor,
    load_listener,
)
from cmet_cli.lab.training.mead import (
    CODES_FOLDER,
    MeadFeatures,
    find_clips,
    read_features,
    read_split,
    write_features,
)
from cmet_cli.lab.training.pairs import FeatureBank
from cmet_cli.lab.training.train_connector import published_training, train_connector
from cmet_cli.weights.folder import mini_folder
from cmet_cli.weights.registry import FEATURE_FOLDER

KEY = ClipKey("M005", "happy", 2, 21)


def save(root, key, frames=7, dim=4, model="m", value=0.0):
    path = clip_path(root, key, ".npz")
    path.parent.mkdir(parents=True, exist_ok=True)
    codes, speech = np.full((frames, 10), value, np.float32), np.full(dim, value, np.float32)
    write_features(path, codes, speech, model)
    return path


def touch(root, name):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def test_published_selection():
    assert published_sentences("sad") == (1, 2, 3, *range(21, 31))
    assert published_sentences("neutral") == (1, 2, 3, *range(31, 41))
    assert sentence_numbers("sad", 15)[12:] == (30, 4, 5)
    assert str(KEY) == "M005/front/happy/level_2/021"


def test_clips_are_found_and_odd_names_are_told(tmp_path):
    names = ("M005/front/happy/level_2/021", "W011/front/neutral/level_1/031")
    for name in names:
        touch(tmp_path, f"{name}.mp4")
    touch(tmp_path, "M005/front/happy/level_2/004.mp4")  # beyond the published selection
    odd = (
        "M005/front/happy/level_2/21.mp4",
        "M005/front/bored/level_1/001.mp4",
        "M005/front/happy/level_4/001.mp4",
    )
    for name in odd:
        touch(tmp_path, name)
    touch(tmp_path, "M005/front/happy/level_2/.022.abc.part.mp4")  # a write that did not end
    touch(tmp_path, "M005/left_30/happy/level_2/021.mp4")  # another view
    touch(tmp_path, "notes.txt")
    listing = find_clips(tmp_path, published_only=True)
    assert tuple(map(str, listing.keys)) == names
    assert sorted(listing.odd) == sorted(odd)
    assert len(find_clips(tmp_path).keys) == 3
    with pytest.raises(UsageError, match="not found"):
        find_clips(tmp_path / "nowhere")


def test_features_come_back_as_they_were(tmp_path):
    rng = np.random.default_rng(0)
    codes, speech = rng.normal(size=(9, 10)).astype("f4"), rng.normal(size=5).astype("f4")
    path = save(tmp_path, KEY)
    write_features(path, codes, speech, "cmet")
    again = read_features(tmp_path, KEY)
    assert np.array_equal(again.codes, codes)
    assert np.array_equal(again.speech, speech)
    assert again.model == "cmet"


def test_published_arrays_are_read_too(tmp_path):
    for folder, array in ((CODES_FOLDER, np.ones((3, 10))), (FEATURE_FOLDER, np.ones(4))):
        path = touch(tmp_path, f"M005/front/happy/level_2/{folder}/021.npy")
        np.save(path, array.astype(np.float32))
    source = MeadFeatures(tmp_path)
    assert source.keys() == (KEY,)
    assert source.load(KEY).speech.shape == (4,)


@pytest.mark.parametrize(
    ("codes", "speech"),
    [
        (np.zeros((5, 9)), np.zeros(4)),
        (np.zeros((0, 10)), np.zeros(4)),
        (np.zeros((5, 10)), np.zeros((1, 4))),
        (np.zeros((5, 10), int), np.zeros(4)),
        (np.full((5, 10), np.nan), np.zeros(4)),
    ],
)
def test_wrong_features_are_refused_with_their_name(tmp_path, codes, speech):
    path = save(tmp_path, KEY)
    np.savez(path, codes=codes, speech=speech)
    with pytest.raises(MediaError, match="021"):
        read_features(tmp_path, KEY)


def test_bad_clips_are_skipped_and_named_and_models_never_mixed(tmp_path):
    for number in (21, 22, 23):
        save(tmp_path, dataclasses.replace(KEY, sentence=number))
    path = clip_path(tmp_path, dataclasses.replace(KEY, sentence=22), ".npz")
    path.write_bytes(path.read_bytes()[:40])
    loaded = load_all(MeadFeatures(tmp_path))
    assert len(loaded.clips) == 2
    assert len(loaded.skipped) == 1
    assert "022" in loaded.skipped[0]
    save(tmp_path, dataclasses.replace(KEY, sentence=24), model="other")
    with pytest.raises(UsageError, match="mixed"):
        load_all(MeadFeatures(tmp_path))


def test_test_identities_stay_out_and_splits_choose(tmp_path):
    for name in ("M003", "M005", "W011"):
        for emotion in ("happy", "sad"):
            save(tmp_path, ClipKey(name, emotion, 2, 21))
    assert {clip.key.identity for clip in load_all(MeadFeatures(tmp_path)).clips} == {
        "M005",
        "W011",
    }
    assert len(MeadFeatures(tmp_path, exclude=()).keys()) == 6
    split = tmp_path / "train.txt"
    split.write_text("# people\nW011  # a whole person\nM005/front/sad/level_2/021.mp4\n")
    assert read_split(split) == ("W011", "M005/front/sad/level_2/021")
    assert len(MeadFeatures(tmp_path, split=split).keys()) == 3
    split.write_text("\n")
    with pytest.raises(UsageError, match="empty"):
        read_split(split)
    with pytest.raises(UsageError, match="extract"):
        MeadFeatures(tmp_path, exclude=("M003", "M005", "W011"))


class Ear:
    dim = 4

    def feature(self, wave):
        return np.full(4, float(np.abs(wave).mean()), np.float32)


def extractor(bad=(), model="m"):
    def coder(video):
        if video.stem in bad:
            raise FaceError(f"{video}: no face")
        return np.full((5, 10), float(video.stem), np.float32)

    return Extractor(coder, Ear(), model)


@pytest.fixture
def dataset(tmp_path):
    write_dataset(tmp_path, DatasetSpec(1, 3, 0.4, 7, ("neutral",), 32))
    return tmp_path


def test_extract_goes_on_after_a_bad_clip_and_resumes(dataset):
    report = extract_folder(dataset, extractor(bad=("002",)))
    assert (report.made, report.present, len(report.failed)) == (2, 0, 1)
    assert report.failed[0][0].endswith("002")
    assert "no face" in report.failed[0][1]
    made = sorted(dataset.rglob("*.npz"))
    assert [p.stem for p in made] == ["001", "003"]
    times = [p.stat().st_mtime_ns for p in made]
    report = extract_folder(dataset, extractor())
    assert (report.made, report.present, report.failed) == (1, 2, ())
    assert [p.stat().st_mtime_ns for p in made] == times
    assert np.all(read_features(dataset, ClipKey("7", "neutral", 1, 2)).codes == 2)


def test_extract_is_atomic_and_remakes_damaged_files(dataset, monkeypatch):
    monkeypatch.setattr(np, "savez_compressed", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        extract_folder(dataset, extractor())
    monkeypatch.undo()
    assert not list(dataset.rglob("*.npz"))
    extract_folder(dataset, extractor())
    next(dataset.rglob("002.npz")).write_bytes(b"PK torn")
    assert extract_folder(dataset, extractor()).made == 1


def test_a_flipped_byte_anywhere_is_told_or_nothing(tmp_path):
    """Archives have sums, lengths and flags, and zlib words of its own for what is wrong."""
    codes, speech = np.zeros((9, 10), "f4"), np.arange(5, dtype="f4")
    path = save(tmp_path, KEY)
    write_features(path, codes, speech, "cmet")
    whole, refused = path.read_bytes(), 0
    for at in range(0, len(whole), 3):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :])
        try:
            read_features(tmp_path, KEY)
        except MediaError:
            refused += 1
        with contextlib.suppress(UsageError):  # of a model whose name was changed
            assert _is_made(path, "cmet") in (True, False)
    assert refused > 50


@pytest.mark.parametrize("load", [load_extractor, load_listener, crop_of])
def test_a_folder_of_the_other_kind_is_refused(load):
    with pytest.raises(OtherModelError, match="not what --model cmet asks for"):
        load(mini_folder(), model="cmet")


def test_features_of_another_model_are_not_taken_for_ours(dataset):
    extract_folder(dataset, extractor())
    report = extract_folder(dataset, extractor(model="other"))
    assert len(report.failed) == 3
    assert "--overwrite" in report.failed[0][1]
    assert extract_folder(dataset, extractor(model="other"), overwrite=True).made == 3


def test_a_silent_clip_fails_alone(dataset):
    from cmet_cli.lab.rgb_video import write_wave

    write_wave(np.zeros(8000, np.float32), 16000, next(dataset.rglob("002.wav")))
    report = extract_folder(dataset, extractor())
    assert report.made == 2
    assert "silent" in report.failed[0][1]


def test_the_sound_of_the_video_serves_where_no_wav_lies(dataset):
    next(dataset.rglob("001.wav")).unlink()
    assert extract_folder(dataset, extractor()).made == 3


def test_the_command_with_real_networks(dataset, tiny_weights, capsys):
    options = {"weights_dir": tiny_weights, "device": "cpu", "quiet": True}
    extract(dataset, face_detector="none", **options)
    assert "3 clips made, 0 already there, 0 failed" in capsys.readouterr().out
    features = read_features(dataset, ClipKey("7", "neutral", 1, 1))
    assert features.codes.shape == (10, 10)  # 0.4 s at 25 Hz
    assert features.speech.shape == (12,)
    assert features.model == "tiny"
    extract(dataset, face_detector="none", **options)
    assert "0 clips made, 3 already there" in capsys.readouterr().out


def test_a_connector_is_not_needed_to_extract(tiny_weights, tmp_path):
    for path in tiny_weights.iterdir():
        if path.stem != "connector":
            (tmp_path / path.name).symlink_to(path)
    assert load_extractor(tmp_path).model == "tiny"


def test_a_failed_clip_gives_exit_code_one(dataset, tiny_weights, capsys):
    next(dataset.rglob("002.mp4")).write_bytes(b"no video")
    with pytest.raises(typer.Exit) as caught:
        extract(dataset, weights_dir=tiny_weights, face_detector="none", quiet=True)
    assert caught.value.exit_code == 1
    out = capsys.readouterr()
    assert "2 clips made, 0 already there, 1 failed" in out.out
    assert "002" in out.err


def train(*arguments) -> Result:
    words = ["connector", *map(str, arguments), "--quiet"]
    return CliRunner().invoke(train_app, words)


def test_the_train_command_on_a_folder(tmp_path):
    for clip in bank_data.clips(people=2, per_group=2, frames=12):
        number = published_sentences(clip.key.emotion)[clip.key.sentence]
        key = dataclasses.replace(clip.key, sentence=number)
        path = clip_path(tmp_path / "data", key, ".npz")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_features(path, clip.codes, clip.speech, "m")
    run = tmp_path / "run"
    schedule = ["--size", "mini", "--steps", "2", "--batch", "4"]
    done = train(run, "--data", tmp_path / "data", *schedule, "--device", "cpu", "--recon", "focal")
    assert done.exit_code == 0, done.exception
    assert "2 steps" in done.output
    assert '"reconstruction": "focal"' in (run / "connector.json").read_text()
    assert (run / "connector.safetensors").is_file()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("", "either"),
        ("--world --data x", "either"),
        ("--data /nowhere", "not found"),
        ("--world --steps 0", "steps must be at least 1"),
        ("--world --lambda-contrast -1", "lambda contrast"),
        ("--world --learning-rate 0", "learning rate"),
        ("--data . --install x", "--install"),
    ],
)
def test_the_train_command_refuses_in_one_line(tmp_path, options, says):
    error = train(tmp_path / "run", *options.split()).exception
    assert isinstance(error, UsageError)
    assert re.search(says, error.message)
    assert error.exit_code == 2
    assert "\n" not in error.message
    assert not (tmp_path / "run").exists()


def test_two_steps_at_the_published_size_on_real_features(shared_media, tmp_path):
    """The published connector, every width and weight, on features in MEAD's layout.

    Real emotion2vec+ utterance features [1024]; expression codes made up at their real scale.
    """
    rng = np.random.default_rng(0)
    for path in sorted((shared_media / "features").glob("*_M003_*.npy")):
        emotion = path.stem.split("_")[0]
        level = 1 if emotion == "neutral" else 3
        number = published_sentences(emotion)[int(path.stem[-3:]) % 13]
        place = clip_path(tmp_path / "data", ClipKey("M005", emotion, level, number), ".npz")
        place.parent.mkdir(parents=True, exist_ok=True)
        codes = 2.2 * rng.standard_normal(10) + 0.2 * rng.standard_normal((60, 10))
        write_features(place, codes, np.load(path), "cmet")
    bank = FeatureBank(load_all(MeadFeatures(tmp_path / "data")).clips)
    assert len(bank.emotions) == 8
    config = published_training(bank.speech_dim)
    assert config.model == ConnectorConfig()
    schedule = dataclasses.replace(config.schedule, steps=2, batch=4, log_every=1)
    config = dataclasses.replace(config, schedule=schedule)
    trained = train_connector(bank, config, tmp_path / "run", device=torch.device("cpu"))
    assert sum(p.numel() for p in trained.parameters()) > 25e6
    delta = trained.predict_clip(torch.zeros(8, 10), torch.from_numpy(bank.speech[0]))
    assert delta.shape == (8, 10)
    assert torch.isfinite(delta).all()
