"""Mixtures of names, as people write them."""

from __future__ import annotations

import pytest

from cmet_cli.emotion.named import label, own_files, parse_mixture, plain_name
from cmet_cli.errors import UsageError


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("happy", [(1, "happy")]),
        (" Happy ", [(1, "happy")]),
        ("0.6 happy + 0.4 sarcastic", [(0.6, "happy"), (0.4, "sarcastic")]),
        ("surprised - 0.5fear", [(1, "surprised"), (-0.5, "fear")]),
        ("-happy", [(-1, "happy")]),
        (".5*sad+2 * my_own2", [(0.5, "sad"), (2, "my_own2")]),
        ("edtalk:happy", [(1, "edtalk:happy")]),
    ],
)
def test_a_mixture_is_read(text, terms):
    assert [(term.weight, term.name) for term in parse_mixture(text)] == terms


@pytest.mark.parametrize(
    "text", ["", "  ", "+", "happy sad", "0.5", "happy +", "happy + - sad", "../x", "a/b", "happy;"]
)
def test_what_is_no_mixture_is_refused_in_one_line(text):
    with pytest.raises(UsageError, match="cannot be read at") as caught:
        parse_mixture(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["11 happy", " + ".join(["happy"] * 17)])
def test_more_than_can_be_meant_is_refused(text):
    with pytest.raises(UsageError, match="more than can be meant"):
        parse_mixture(text)


def test_a_mixture_is_a_file_name():
    assert label("0.6 happy - 0.4 fear") == "0.6happy-0.4fear"
    assert label("edtalk:sad") == "edtalk-sad"


def test_the_users_own_files_that_a_mixture_names(tmp_path, monkeypatch):
    monkeypatch.setenv("CMET_EMOTIONS_DIR", str(tmp_path))
    (tmp_path / "weary.safetensors").touch()
    assert own_files("0.5 weary + happy") == [tmp_path / "weary.safetensors"]
    assert own_files("happy") == own_files("") == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Happy", "happy"),
        (" 1.0*HAPPY ", "happy"),
        ("0.5 Happy", "0.5 Happy"),
        ("-Happy", "-Happy"),
        ("Happy + Sad", "Happy + Sad"),
    ],
)
def test_one_whole_name_is_plain(text, name):
    assert plain_name(text) == name
