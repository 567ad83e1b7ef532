"""Arguments that make no sense: one line, what to do, exit code 2, as JSON too where asked for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cmet_cli.cli.app import _as_cmet_error

ROOT = Path(__file__).parents[2]
EXAMPLE, VOICE = ROOT / "examples/neutral.mp4", ROOT / "examples/voices/angry.wav"
EDIT = ("edit", "--video", EXAMPLE, "--emotion", "happy")


@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        ((*EDIT, "--crf", "abc"), "'--crf': Input should be a valid integer", "cmet edit --help"),
        ((*EDIT, "--lips", "sound"), "'sound' is not one of 'audio', 'video', 'auto'", "--help"),
        (("edit", "--nonsense"), "No such option: --nonsense", "cmet edit --help"),
        (("edit", "--json", "--video"), "requires an argument", "--help"),
        (("nonsense",), "No such command 'nonsense'", "cmet --help"),
        (("edit", EXAMPLE, "--emotion", "happy"), "unexpected", f"--video {EXAMPLE}"),
        (("evaluate", EXAMPLE, "--video", EXAMPLE), "--video", "cmet evaluate BEFORE AFTER"),
        (("edit", "--video", "https://x.org/a.mp4", "--emotion", "sad"), "not found", "cmet batch"),
        ((*EDIT, "-o", "out.webm"), "must end in one of .mp4", ""),
        ((*EDIT, "--preview", "2", "-o", "out.mp4"), "written as .png", ""),
        ((*EDIT, "--preview", "2", "--speech", VOICE), "not --speech", "leave it out"),
        ((*EDIT, "--preview", "2", "--lips", "audio"), "not --lips audio", "leave it out"),
        ((*EDIT, "--preview", "2", "--paste", "none"), "not --paste none", "leave it out"),
    ],
)
def test_in_one_line(cmet, tmp_path, words, said, hint):
    run = cmet(*words, *[] if "--json" in words else ["--json"])
    first, *rest = run.stderr.splitlines()
    assert run.returncode == 2
    assert first.startswith("error: ")
    assert said in first
    assert all(line.startswith("hint: ") for line in rest)
    told = json.loads(run.stdout)
    assert told["exit_code"] == 2
    assert said in told["error"]
    assert hint in told["hint"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "flag"),
    [("inspect", "--speech"), ("inspect", "--crf"), ("sweep", "--intensity"), ("sweep", "--fit")],
)
def test_what_a_look_makes_no_use_of_is_no_flag_of_it(cmet, command, flag):
    run = cmet(command, flag, "1")
    assert run.returncode == 2
    assert f"No such option: {flag}" in run.stderr
    assert f"{flag} " not in cmet(command, "--help").stdout


@pytest.mark.parametrize(
    "words",
    [
        ("edit", "--video", ".", "--emotion", "happy"),
        ("edit", "--identity-image", ".", "--speech", VOICE),
        ("inspect", "/", "--emotion", "happy"),
        ("sweep", "--video", ".", "--all"),
        ("timeline", "."),
    ],
)
def test_a_place_without_a_name_is_a_folder(cmet, words):
    run = cmet(*words)
    assert run.returncode == 2
    assert "video is a folder" in run.stderr
    assert "bug" not in run.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("avatar", "a.mp4", "--fps", "1e99999999"), "not a frame rate"),
        (("avatar", "a.mp4", "--scene", "\u00b2x\u00b2"), "not a picture size"),
        (("avatar", "a.mp4", "--identities", "9"), "--identities is of a data set"),
        (("avatar", "a", "--dataset", "--emotion", "sad"), "no --emotion"),
        ((*EDIT, "--crf", "9" * 400), "crf must be between 0 and 51"),
        (("sweep", "--video", EXAMPLE, "--video-out", "a.avi"), "must end in one of"),
        (("bench", "--compare", "deep.json"), "no result of cmet bench"),
    ],
)
def test_numbers_and_names_of_any_kind(cmet, tmp_path, words, said):
    (tmp_path / "deep.json").write_text("[" * 200_000)
    run = cmet(*words)
    assert run.returncode == 2
    assert said in run.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["deep.json"]


def test_a_plan_is_told_as_it_may_be_typed(cmet, tmp_path):
    run = cmet("timeline", EXAMPLE, "-o", "a plan.csv")
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip().endswith(f"cmet edit --video {EXAMPLE} --timeline 'a plan.csv'")


def test_with_its_output_closed_it_ends_quietly(tmp_path):
    ended = subprocess.run(
        f"{sys.executable} -m cmet_cli faces {EXAMPLE} --json >&-",
        shell=True, capture_output=True, text=True, cwd=tmp_path, check=False, timeout=120,
    )  # fmt: skip
    assert ended.returncode == 0
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("words", [(), ("train",)])
def test_a_command_that_asks_for_another_shows_them(cmet, words):
    for rich in ("1", "0"):
        run = cmet(*words, TYPER_USE_RICH=rich)
        assert run.returncode == 2
        assert "Usage" in run.stdout + run.stderr
        assert "error" not in run.stderr


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TimeoutError(), "system: TimeoutError"),
        (OSError("it is gone"), "system: it is gone"),
        (FileNotFoundError(2, "No such file", "a.mp4"), "a.mp4: No such file"),
        (MemoryError(), "out of memory"),
    ],
)
def test_what_the_system_says(error, said):
    assert _as_cmet_error(error).message == said
