"""``cmet emotions``: listing, adding, passing on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cmet_cli.emotion.presets import preset_of, read_preset, write_preset

EXAMPLE = Path(__file__).parents[2] / "examples" / "voices" / "happy.wav"
PLAIN = ("--face-detector", "none", "-o")


@pytest.fixture
def own(tmp_path):
    """Where the `cmet` fixture has the user's emotions."""
    return tmp_path / "emotions"


def test_the_shipped_names_are_listed(cmet, own):
    run = cmet("emotions", "--json")
    assert run.returncode == 0, run.stderr
    rows = {row["name"]: row for row in json.loads(run.stdout)["emotions"]}
    assert rows["sarcastic"]["from"] == "with the model"
    assert rows["sarcastic"]["usable"]
    assert not rows["neutral"]["usable"]


def test_a_life_of_ones_own(cmet, own, voice, talking, tmp_path):
    added = cmet("emotions", "add", "weary", voice)
    assert added.returncode == 0, added.stderr
    assert "steadier with three" in added.stderr
    assert read_preset(own / "weary.safetensors").count == 1
    again = cmet("emotions", "add", "weary", voice)
    assert again.returncode == 2
    assert "exists" in again.stderr
    shown = json.loads(cmet("emotions", "show", "weary", "--json").stdout)
    assert shown["from"] == "yours"
    assert shown["usable"]
    assert shown["alike"]
    out = tmp_path / "weary.safetensors"
    assert cmet("emotions", "export", "weary", out).returncode == 0
    assert cmet("emotions", "remove", "weary").returncode == 0
    assert not list(own.iterdir())
    assert cmet("emotions", "import", out, "--name", "tired").returncode == 0
    edited = tmp_path / "out.mp4"
    run = cmet("edit", "--video", talking, "--emotion", "0.5 tired + 0.5 happy", *PLAIN, edited)
    assert run.returncode == 0, run.stderr
    assert edited.is_file()


def test_what_belongs_to_another_encoder_is_named(cmet, own, talking):
    other = preset_of("weary", np.ones((2, 4), np.float32), "somebody's ear", "")
    write_preset(other, own / "weary.safetensors")
    run = cmet("edit", "--video", talking, "--emotion", "weary", *PLAIN[2:], own / "o.mp4")
    assert run.returncode == 2
    assert "somebody's ear" in run.stderr
    rows = json.loads(cmet("emotions", "--json").stdout)["emotions"]
    assert not next(row for row in rows if row["name"] == "weary")["usable"]


def test_one_that_only_says_it_is_this_models_is_not_imported(cmet, own, talking, voice, tmp_path):
    happy = json.loads(cmet("emotions", "show", "happy", "--json").stdout)
    odd = tmp_path / "odd.safetensors"
    write_preset(preset_of("odd", np.ones((2, 5), np.float32), happy["encoder"], ""), odd)
    refused = cmet("emotions", "import", odd)
    assert refused.returncode == 2
    assert "are not 128 numbers" in refused.stderr
    own.mkdir(exist_ok=True)
    (own / "odd.safetensors").write_bytes(odd.read_bytes())  # by hand
    run = cmet("edit", "--video", talking, "-e", voice, *PLAIN, tmp_path / "o.mp4")
    assert run.returncode == 0, run.stderr


def test_a_broken_file_is_told_and_the_others_listed(cmet, own):
    own.mkdir()
    (own / "bad.safetensors").write_bytes(b"no")
    run = cmet("emotions", "--json")
    assert run.returncode == 0
    assert "bad.safetensors" in run.stderr
    assert len(json.loads(run.stdout)["emotions"]) == 10


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "Happy!", "x.wav"), "cannot be the name"),
        (("add", "weary", "nowhere.wav"), "not found"),
        (("add", "happy", EXAMPLE), "comes with the model"),
        (("remove", "happy"), "those of a model cannot be changed"),
        (("show", "nobody"), "no emotion is called"),
        (("export", "weary", "x.safetensors"), "no emotion of your own"),
        (("import", "nowhere.safetensors"), "not found"),
    ],
)
def test_requests_that_make_no_sense(cmet, own, words, said):
    run = cmet("emotions", *words)
    assert run.returncode == 2
    assert said in run.stderr
    assert "Traceback" not in run.stderr


def test_nobody_elses_neutral_is_taken_over_unasked(cmet, own, tmp_path):
    """Every emotion is compared with it."""
    theirs = tmp_path / "gift.safetensors"
    write_preset(preset_of("neutral", np.ones((3, 4), np.float32), "an ear", ""), theirs)
    run = cmet("emotions", "import", theirs)
    assert run.returncode == 2
    assert "every emotion would be compared with it" in run.stderr
    assert not own.exists() or not list(own.iterdir())
    assert cmet("emotions", "import", theirs, "--name", "calm").returncode == 0


def test_a_neutral_of_ones_own_is_warned_of(cmet, own, voice):
    run = cmet("emotions", "add", "neutral", voice)
    assert run.returncode == 0, run.stderr
    assert "every emotion is compared with this" in run.stderr
