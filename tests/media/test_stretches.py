"""Parts of recordings by name."""

from __future__ import annotations

import numpy as np
import pytest

from cmet_cli.errors import UsageError
from cmet_cli.media.audio import Stretch, audio_chunks, decode_audio, split_stretch


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("a.wav@1.5-3", (1.5, 3)),
        ("a.wav@0:01-1:02.5", (1, 62.5)),
        ("a.wav", None),
        ("a@b.wav", None),
        ("a.wav@x-3", None),
    ],
)
def test_a_name_may_ask_for_a_stretch(tmp_path, name, part):
    path, found = split_stretch(tmp_path / name)
    assert found == (None if part is None else Stretch(*part))
    assert path.name == (name if part is None else "a.wav")


def test_a_file_that_is_called_so_is_a_file(tmp_path):
    odd = tmp_path / "a.wav@1-2"
    odd.touch()
    assert split_stretch(odd) == (odd, None)


def test_a_stretch_ends_after_it_begins(tmp_path):
    with pytest.raises(UsageError, match="ends before it begins"):
        split_stretch(tmp_path / "a.wav@3-2")


def test_a_stretch_is_that_part_of_the_sound(voice):
    whole = decode_audio(voice)
    part = np.concatenate(list(audio_chunks(voice, only=Stretch(0.1, 0.3))))
    assert len(part) == 3200
    # Resampled from another start, so not sample for sample.
    assert np.corrcoef(part[100:-100], whole[1700:4700])[0, 1] > 0.99
