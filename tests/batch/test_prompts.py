"""Rows that ask in other ways than by a recording."""

from __future__ import annotations

import csv
import subprocess
import sys

import numpy as np
import pytest

from cmet_cli.emotion.presets import preset_of, write_preset
from cmet_cli.emotion.speech.choose import encoder_name
from cmet_cli.weights.folder import inspect_folder

from .conftest import outputs_of


@pytest.fixture
def own(tmp_path, monkeypatch, tiny_weights):
    """Two emotions of the user's, in the tiny model's features."""
    folder = tmp_path / "emotions"
    monkeypatch.setenv("CMET_EMOTIONS_DIR", str(folder))
    name = encoder_name(inspect_folder(tiny_weights))

    def write(emotion, seed):
        features = np.random.default_rng(seed).normal(size=(3, 12)).astype(np.float32)
        preset = preset_of(emotion, features, name, "drawn at random", np.zeros(12, np.float32))
        write_preset(preset, folder / f"{emotion}.safetensors", overwrite=True)

    write("weary", 1)
    write("keen", 2)
    return write


def test_names_and_stretches_are_rows_like_others(batch, write_manifest, clips, own):
    rows = [
        {"video": "v0.mp4", "emotion": "weary"},
        {"video": "v0.mp4", "emotion": "0.5 weary + 0.5 keen"},
        {"video": "v0.mp4", "emotion_audio": "e0.wav@0.1-0.4", "output": "part.mp4"},
        {"video": "v1.mp4", "emotion_audio": "e0.wav", "emotion": "keen"},
    ]
    manifest = write_manifest(rows)
    run = batch(manifest)
    assert run.returncode == 0, run.stderr
    assert set(outputs_of(manifest)) == {
        "v0_weary.mp4",
        "v0_0.5weary+0.5keen.mp4",
        "part.mp4",
        "v1_e0_emotionkeen.mp4",
    }


def test_what_a_name_means_is_a_part_of_the_result(batch, write_manifest, clips, own):
    rows = [{"video": "v0.mp4", "emotion": "weary"}, {"video": "v0.mp4", "emotion": "keen"}]
    manifest = write_manifest(rows)
    assert batch(manifest).returncode == 0
    own("weary", 9)
    planned = batch(manifest, "--dry-run")
    assert "changed: named_emotions" in planned.stdout + planned.stderr


def test_what_a_timeline_plays_is_a_part_of_the_result(batch, write_manifest, clips, own):
    (clips / "plan.csv").write_text("start,end,emotion,audio\n0,0.2,weary,\n0.2,0.4,,e0.wav\n")
    row = {"video": "v0.mp4", "timeline": "plan.csv", "output": "a.mp4"}
    manifest = write_manifest([row])
    assert batch(manifest).returncode == 0
    assert "keep  a.mp4" in told_of(batch(manifest, "--dry-run"))
    (clips / "e0.wav").write_bytes((clips / "e1.wav").read_bytes())
    assert "changed: timeline_audio" in told_of(batch(manifest, "--dry-run"))
    own("weary", 9)
    assert "changed: named_emotions, timeline_audio" in told_of(batch(manifest, "--dry-run"))


def told_of(run):
    return run.stdout + run.stderr


def test_another_stretch_is_another_result(batch, write_manifest, clips, own):
    row = {"video": "v0.mp4", "emotion_audio": "e0.wav@0.1-0.4", "output": "a.mp4"}
    assert batch(write_manifest([row])).returncode == 0
    row["emotion_audio"] = "e0.wav@0.1-0.5"
    planned = batch(write_manifest([row]), "--dry-run")
    assert "changed: emotion_audio" in planned.stdout + planned.stderr


def test_names_are_checked_before_anything_runs(batch, write_manifest, clips, own):
    rows = [{"video": "v0.mp4", "emotion": "weary"}, {"video": "v0.mp4", "emotion": "wery"}]
    manifest = write_manifest(rows)
    run = batch(manifest)
    assert run.returncode == 2
    assert "no emotion is called 'wery' (did you mean 'weary'?" in run.stdout + run.stderr
    assert outputs_of(manifest) == {}


@pytest.mark.parametrize(
    ("cell", "plan", "words"),
    [
        ("neutral", "", "neutral is what emotions are compared with"),
        ("edtalk:happy", "", "has no label 'edtalk:happy'"),
        ("", "start,end,emotion\n0,1,weary\n1,2,wery\n", "line 3: no emotion is called 'wery'"),
        ("", "start,end,audio\n0,1,nowhere.wav\n", "line 2: not found: "),
    ],
)
def test_so_are_those_of_plans_and_their_recordings(
    batch, write_manifest, clips, own, cell, plan, words
):
    row = {"video": "v0.mp4", "emotion": cell, "output": "a.mp4"}
    if plan:
        (clips / "plan.csv").write_text(plan)
        row["timeline"] = "plan.csv"
    fine = {"video": "v0.mp4", "emotion": "weary", "output": "b.mp4"}
    run = batch(write_manifest([fine, row]), "--dry-run")
    assert run.returncode == 2
    assert words in run.stdout + run.stderr
    assert "line 2" not in (run.stdout + run.stderr).replace(words, "")


def test_a_row_must_ask_for_something(batch, write_manifest, clips):
    run = batch(write_manifest([{"video": "v0.mp4", "intensity": "1"}]))
    assert run.returncode == 2
    assert "missing (or ask in another way: emotion)" in run.stdout + run.stderr


def test_the_report_says_what_was_asked(batch, write_manifest, clips, own):
    rows = [{"video": "v0.mp4", "emotion": "weary"}, {"video": "v0.mp4", "emotion_audio": "e0.wav"}]
    manifest = write_manifest(rows)
    assert batch(manifest).returncode == 0
    with (clips / "m_out" / "report.csv").open(newline="") as file:
        asked = [row["asked"] for row in csv.DictReader(file)]
    assert asked == ["weary", str(clips / "e0.wav")]


def test_planning_loads_no_networks():
    """A hundred thousand rows are judged in seconds, and `--status` answers at once."""
    code = "import sys, cmet_cli.batch.plan; print('torch' in sys.modules, 'cv2' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "False"]
