"""Small drawn trees as distributed: rates, crops, split, edits, resumption, faults."""

import csv
import json
import shutil
from types import SimpleNamespace

import drawn_sets
import numpy as np
import pytest
from drawn_sets import CREMA_FPS, MEAD_FPS, drawn, drawn_frames, write_crema, write_mead
from typer.testing import CliRunner

from cmet_cli.cli.commands import command_line
from cmet_cli.editor import EmotionEditor
from cmet_cli.errors import UsageError
from cmet_cli.evaluation.evaluate import Evaluator
from cmet_cli.evaluation.pairs import read_pairs
from cmet_cli.lab.layout import ClipKey
from cmet_cli.lab.prepare import prepare as preparing
from cmet_cli.lab.prepare.crema_d_tree import clip_key as crema_key
from cmet_cli.lab.prepare.mead_tree import clip_key as mead_key
from cmet_cli.lab.rgb_video import write_wave
from cmet_cli.lab.training.mead import MeadFeatures, find_clips, read_features, read_split
from cmet_cli.media.audio import decode_audio
from cmet_cli.media.probe import probe_video
from cmet_cli.media.reader import FrameReader
from cmet_cli.model import load_model
from cmet_cli.options import EditOptions

#: Where M003's clips lie, and what is said there: angry 001 and 002 are the wrong way round, and
#: happy 021 says something else.
M003 = {
    "neutral/level_1/001": 1,
    "neutral/level_1/002": 2,
    "neutral/level_1/031": 31,
    "angry/level_3/001": 2,
    "angry/level_3/002": 1,
    "angry/level_3/021": 31,
    "happy/level_1/001": 1,
    "happy/level_1/021": 77,
}
CREMA = {
    "1001_DFA_NEU_XX": 1,
    "1001_DFA_ANG_XX": 1,
    "1001_IEO_NEU_XX": 2,
    "1001_IEO_HAP_HI": 2,
    "1001_TIE_ANG_XX": 3,
    "1001_IEO_HAP_LO": 2,
}


def prepare(*arguments):
    words = ["prepare", *map(str, arguments), "--model", "mini", "--face-detector", "haar", "-q"]
    return CliRunner().invoke(command_line(), words)


def touch(path, data=b"no video"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def tree_of(root):
    return {p.relative_to(root).as_posix(): p.stat().st_mtime_ns for p in root.rglob("*")}


@pytest.fixture(scope="module")
def mead(tmp_path_factory):
    """M003 and M005 one folder down, with everything that goes wrong; prepared once."""
    folder = tmp_path_factory.mktemp("mead")
    root, part = folder / "MEAD", folder / "MEAD" / "part0"
    part.mkdir(parents=True)
    write_mead(part, "M003", 3, M003)
    write_mead(part, "M005", 5, {"neutral/level_1/001": 1})
    front = part / "M003/video/front"
    touch(front / "angry/level_3/022.mp4")
    touch(front / "bored/level_1/001.mp4")
    touch(front / "angry/level_3/._001.mp4")
    touch(part / "M003/video/left_30/angry/level_3/001.mp4")
    touch(part / "W009/video.tar")
    mute = part / "M005/video/front/happy/level_2/021.mp4"
    mute.parent.mkdir(parents=True)
    shutil.copy(front / "angry/level_3/001.mp4", mute)
    orphan = touch(part / "M003/audio/sad/level_1/001.m4a")
    before, out = tree_of(root), folder / "out"
    result = prepare("mead", root, "-o", out)
    report = json.loads((out / "report.json").read_text())
    assert tree_of(root) == before  # nothing is ever written into the set
    return SimpleNamespace(root=root, out=out, result=result, report=report, orphan=orphan)


@pytest.fixture(scope="module")
def crema(tmp_path_factory):
    folder = tmp_path_factory.mktemp("crema")
    root, out = folder / "CREMA-D", folder / "out"
    write_crema(root, CREMA)
    flash = root / "VideoFlash"
    for name in ("1076_MTI_SAD_XX", "1001_FOO_SAD_XX", "1002_DFA_SAD_XX", "1003_DFA_SAD_XX"):
        shutil.copy(flash / "1001_DFA_ANG_XX.flv", flash / f"{name}.flv")
    touch(flash / "1002_DFA_SAD_XX.flv", b"version https://git-lfs.github.com/spec/v1\noid")
    write_wave(np.zeros(16000, np.float32), 16000, root / "AudioWAV/1003_DFA_SAD_XX.wav")
    whole = (flash / "1001_DFA_ANG_XX.flv").read_bytes()
    touch(flash / "1004_DFA_SAD_XX.flv", whole[: len(whole) // 2])  # a download that broke off
    shutil.copy(*(root / "AudioWAV" / f"{n}.wav" for n in ("1001_DFA_ANG_XX", "1004_DFA_SAD_XX")))
    result = prepare("crema-d", root, "-o", out)
    report = json.loads((out / "report.json").read_text())
    return SimpleNamespace(root=root, out=out, result=result, report=report)


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def luma(path):
    with FrameReader(probe_video(path)) as reader:
        return np.stack([frame.planes[0].astype(float) for frame in reader])


def test_mead_becomes_the_layout_that_training_reads(mead):
    keys = {str(key) for key in find_clips(mead.out).keys}
    assert keys == {f"M003/front/{place}" for place in M003} | {"M005/front/neutral/level_1/001"}
    assert (mead.report["made"], mead.report["present"]) == (9, 0)
    features = read_features(mead.out, ClipKey("M003", "angry", 3, 1))
    assert features.codes.shape == (30, 10)
    assert features.model == "mini"
    to_learn_from = MeadFeatures(mead.out, split=mead.out / "train.txt").keys()
    assert [key.identity for key in to_learn_from] == ["M005"]


@pytest.mark.parametrize(
    ("name", "clip"),
    [
        ("mead", ("M003/front/angry/level_3/001", 3, "angry", 3, 2, MEAD_FPS)),
        ("crema", ("1001/front/happy/level_3/001", 1001, "happy", 3, 2, CREMA_FPS)),
    ],
)
def test_crops_are_25_frames_a_second_picked_by_time(request, name, clip):
    place, person, emotion, level, text, fps = clip
    out = request.getfixturevalue(name).out
    info = probe_video(out / f"{place}.mp4")
    assert (info.width, info.height, info.frame_rate, info.audio_streams) == (64, 64, 25, 1)
    source = drawn(person, emotion, level, text, fps)
    made, drawing = luma(info.path), drawn_frames(source)
    assert len(made) == 30
    # The crop is still, so its motion is the drawing's, at the time of each frame.
    right, late = (
        np.rint((np.arange(29) / 25 + shift) * float(fps)).astype(int) for shift in (0, 0.12)
    )
    motion = np.abs(np.diff(made, axis=0)).mean((1, 2))
    moved = np.abs(np.diff(drawing.astype(float), axis=0)).mean((1, 2, 3))
    both = [
        np.corrcoef(motion, moved[np.minimum(at, len(moved) - 1)])[0, 1] for at in (right, late)
    ]
    assert both[0] > 0.5
    assert both[0] > both[1] + 0.2
    # A face, larger than in the picture and in its middle.
    assert drawing.shape[2] == drawn_sets.SCENE.width_px
    assert made[:, 28:36, 28:36].mean() < made[:, :8, :8].mean()


def test_sound_is_16_khz_and_begins_with_the_picture(mead):
    speech = mead.out / "M003/front/happy/level_1/001.wav"
    source = drawn(3, "happy", 1, 1, MEAD_FPS)
    for path in (speech, speech.with_suffix(".mp4")):
        sound = decode_audio(path)
        assert abs(len(sound) - 1.2 * 16000) < 1100
        n = min(len(sound), len(source.wave))
        assert np.corrcoef(sound[:n], source.wave[:n])[0, 1] > 0.9


def test_what_cannot_be_used_is_named_and_the_rest_goes_on(mead):
    failed = {one["name"]: one["why"] for one in mead.report["failed"]}
    assert set(failed) == {
        "part0/M003/video/front/angry/level_3/022.mp4",
        "part0/M005/video/front/happy/level_2/021.mp4",
    }
    assert "no audio" in failed["part0/M005/video/front/happy/level_2/021.mp4"]
    assert mead.result.exit_code == 1
    assert "9 clips made, 0 already there" in mead.result.output
    skipped = {one["name"]: one["why"] for one in mead.report["skipped"]}
    assert set(skipped) == {
        "part0/M003/video/left_30",
        "part0/M003/video/front/bored/level_1/001.mp4",
        "part0/M003/audio/sad/level_1/001.m4a",
        "part0/W009/video.tar",
    }
    assert "tar -xf" in skipped["part0/W009/video.tar"]
    assert not list(mead.out.rglob("*.part*"))


def test_the_published_split(mead, crema):
    assert read_split(mead.out / "test.txt") == ("M003",)
    assert read_split(mead.out / "train.txt") == ("M005",)
    split = {row["video"]: row["split"] for row in table(mead.out / "split.csv")}
    assert split["M003/front/angry/level_3/001.mp4"] == "test"
    assert split["M005/front/neutral/level_1/001.mp4"] == "train"
    assert read_split(crema.out / "test.txt") == ("1001",)
    assert not (crema.out / "train.txt").exists()


def test_mead_s_edits_are_paired_by_what_is_said(mead):
    pairs = {row["after"]: row["truth"] for row in table(mead.out / "pairs.csv")}
    assert pairs == {
        "edits_out/M003_001_angry_3.mp4": "M003/front/angry/level_3/002.mp4",
        "edits_out/M003_002_angry_3.mp4": "M003/front/angry/level_3/001.mp4",
        "edits_out/M003_031_angry_3.mp4": "M003/front/angry/level_3/021.mp4",
        "edits_out/M003_001_happy_1.mp4": "M003/front/happy/level_1/001.mp4",
        "edits_out/M003_002_happy_1.mp4": "",
        "edits_out/M003_031_happy_1.mp4": "",
    }
    content = mead.report["content"]
    assert content["agree"] == 2
    assert len(content["renumbered"]) == 2
    assert "angry/level_3/002 says what" in content["renumbered"][0]
    assert len(content["unmatched"]) == 2
    figures = [mead.report[name] for name in ("edits", "with_truth", "published_edits")]
    assert figures == [6, 4, 1143]
    heard = {row["output"]: row["emotion_audio"] for row in table(mead.out / "edits.csv")}
    assert "angry/level_3/002.wav" not in heard["M003_001_angry_3.mp4"]  # the truth
    assert "angry/level_3/021.wav" in heard["M003_001_angry_3.mp4"]


def test_crema_d_s_names_tell_everything(crema):
    assert crema_key("VideoFlash/1001_ITH_FEA_XX.flv") == ClipKey("1001", "fear", 2, 8)
    assert crema_key("1091_TSI_NEU_XX.wav") == ClipKey("1091", "neutral", 1, 12)
    assert crema_key("1040_ITH_SAD_X.wav") == ClipKey("1040", "sad", 2, 8)  # as it once was named
    assert crema_key("1001_ITH_FEA_LOW.flv") is None
    pairs = [
        (row["before"], row["emotion"], row["truth"]) for row in table(crema.out / "pairs.csv")
    ]
    ieo, dfa = (f"1001/front/neutral/level_1/{n:03d}.mp4" for n in (1, 9))
    assert pairs == [
        (ieo, "happy", "1001/front/happy/level_1/001.mp4"),
        (ieo, "happy", "1001/front/happy/level_3/001.mp4"),
        (dfa, "angry", "1001/front/angry/level_2/009.mp4"),
    ]
    skipped = {one["name"].split("/")[1]: one["why"] for one in crema.report["skipped"]}
    assert set(skipped) == {"1076_MTI_SAD_XX.flv", "1001_FOO_SAD_XX.flv", "1002_DFA_SAD_XX.flv"}
    assert "silent" in skipped["1076_MTI_SAD_XX.flv"]
    assert "git lfs pull" in skipped["1002_DFA_SAD_XX.flv"]
    failed = {one["name"].split("/")[1]: one["why"] for one in crema.report["failed"]}
    assert set(failed) == {"1003_DFA_SAD_XX.flv", "1004_DFA_SAD_XX.flv"}
    assert "silent" in failed["1003_DFA_SAD_XX.flv"]
    assert "damaged" in failed["1004_DFA_SAD_XX.flv"]


def test_a_second_run_does_nothing_more_and_a_missing_clip_is_made_again(mead):
    before = {
        name: t for name, t in tree_of(mead.out).items() if name[-3:] in ("mp4", "wav", "npz")
    }
    (mead.out / "M003/front/angry/level_3/021.mp4").unlink()
    again = prepare("mead", mead.root, "-o", mead.out)
    assert "1 clips made, 8 already there; features: 0 made" in again.output
    after = tree_of(mead.out)
    changed = {name for name, t in before.items() if after[name] != t}
    assert changed == {f"M003/front/angry/level_3/021.{suffix}" for suffix in ("mp4", "wav")}
    kept = (mead.out / "content.json").stat().st_mtime_ns
    again = prepare("mead", mead.root, "-o", mead.out, "--no-features")
    assert "0 clips made, 9 already there" in again.output
    assert (mead.out / "content.json").stat().st_mtime_ns == kept  # nothing is compared twice


def test_what_is_made_anew_is_not_mixed_with_what_was(mead, tmp_path, monkeypatch):
    """A run over all of it that is interrupted leaves nothing of before that counts as done."""
    out = tmp_path / "out"
    shutil.copytree(mead.out, out)
    made, real = [], preparing.prepare_clip

    def interrupted(clip, root, cropping):
        if len(made) == 3:
            raise KeyboardInterrupt
        made.append(clip.key)
        return real(clip, root, cropping)

    monkeypatch.setattr(preparing, "prepare_clip", interrupted)
    assert prepare("mead", mead.root, "-o", out, "--overwrite").exit_code != 0
    assert len(list(out.rglob("*.mp4"))) == 3
    assert not list(out.rglob("*.npz"))
    monkeypatch.setattr(preparing, "prepare_clip", real)
    again = prepare("mead", mead.root, "-o", out)
    assert "6 clips made, 3 already there; features: 9 made" in again.output


def test_the_authors_own_table_of_edits(mead, tmp_path):
    at = "./dataset/MEAD/FPS25/M003/front"
    rows = [
        f"{at}/neutral/level_1/001.mp4,{at}/angry/level_3/001.mp4,angry,level_3",
        f"{at}/neutral/level_1/001.mp4,{at}/sad/level_3/001.mp4,sad,level_3",
        f"{at}/neutral/level_1/033.mp4,{at}/angry/level_3/023.mp4,angry,level_3",
    ]
    head = "source_video_path,gt_video_path,gt_emotion,intensity"
    listed = tmp_path / "test.csv"
    listed.write_text("\n".join([head, *rows]) + "\n")
    out = tmp_path / "out"
    shutil.copytree(mead.out, out)
    done = prepare("mead", mead.root, "-o", out, "--no-features", "--edits", listed)
    assert "1 edits (1 with their truth; published: 1,143)" in done.output
    assert [row["truth"] for row in table(out / "pairs.csv")] == [
        "M003/front/angry/level_3/002.mp4"
    ]
    report = json.loads((out / "report.json").read_text())
    assert ["nothing of that emotion" in line for line in report["left_out"]] == [True, False]
    assert mead_key(f"{at}/angry/level_3/001.mp4") == ClipKey("M003", "angry", 3, 1)
    listed.write_text("a,b\n1,2\n")
    refused = prepare("mead", mead.root, "-o", out, "--edits", listed)
    assert isinstance(refused.exception, UsageError)


def test_edits_run_and_are_compared(crema):
    """What is written is what ``cmet batch`` and ``cmet evaluate --pairs`` take."""
    checked = CliRunner().invoke(
        command_line(),
        ["batch", str(crema.out / "edits.csv"), "--model", "mini", "--dry-run", "--json"],
    )
    assert checked.exit_code == 0, checked.output
    model = load_model(choice="mini")
    editor, options = EmotionEditor(model), EditOptions(face_detector="none")
    (crema.out / "edits_out").mkdir()
    for row in table(crema.out / "edits.csv"):
        heard, neutral = (
            [crema.out / name for name in row[side].split(";")]
            for side in ("emotion_audio", "neutral_audio")
        )
        assert row["face_detector"] == options.face_detector
        output = crema.out / "edits_out" / row["output"]
        editor.edit(crema.out / row["video"], heard, output, neutral=neutral, options=options)
    pairs = read_pairs(crema.out / "pairs.csv")
    assert [pair.emotion for pair in pairs] == ["happy", "happy", "angry"]
    found = Evaluator(model)(pairs[0].before, pairs[0].after, pairs[0].emotion, options)
    assert found.values["frames"] == 1
    assert found.values["sound"] == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("mead nowhere -o out", "not found"),
        ("mead empty -o out", "no clips"),
        ("crema-d empty -o out", "no clips"),
        ("mead packed -o out", "no clips"),
        ("mead empty -o empty", "lies in the data set"),
        ("mead empty -o empty/out", "lies in the data set"),
        ("crema-d crema -o other", "not empty"),
        ("crema-d crema -o other/file", "not a folder"),
    ],
)
def test_refused_in_one_line(tmp_path, monkeypatch, words, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    touch(tmp_path / "packed/M003/video.tar")
    touch(tmp_path / "other/file")
    touch(tmp_path / "crema/VideoFlash/1001_DFA_ANG_XX.flv")
    error = prepare(*words.split()).exception
    assert isinstance(error, UsageError)
    assert says in error.message
    assert "tar -xf" in error.hint if "packed" in words else True
    assert not (tmp_path / "out").exists()


def test_crops_of_another_size_or_set_are_not_mixed(mead, crema):
    other = CliRunner().invoke(
        command_line(),
        ["prepare", "mead", str(mead.root), "-o", str(mead.out), "--no-features", "-q"],
    )
    assert "crops of 64 pixels, not 256" in str(other.exception)
    other = prepare("crema-d", crema.root, "-o", mead.out, "--overwrite")
    assert "another data set" in str(other.exception)
