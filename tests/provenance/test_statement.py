"""What was asked for, in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from cmet_cli import EditOptions
from cmet_cli.asking import Wanted, in_words


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (EditOptions(emotion="happy"), "happy"),
        (EditOptions(speech=Path("new.wav")), "speech new.wav"),
        (EditOptions(identity_image=Path("face.png")), "nothing"),
    ],
)
def test_what_was_asked_for(options, words):
    assert in_words(Wanted.of(None, (), options)) == words


def test_a_source_of_the_caller_is_named():
    class Mine:
        def delta(self, codes, timeline):
            return 0 * codes

    said = in_words(Wanted.of(Mine(), (), EditOptions()))
    assert "Mine" in said
