"""Outputs that appear only when they are complete."""

from __future__ import annotations

import os

import pytest

from cmet_cli.errors import UsageError
from cmet_cli.media.files import atomic_path, atomic_paths, check_output

#: What most file systems take, in bytes.
LONGEST = 255


@pytest.mark.parametrize("letter", ["a", "é", "語", "🙂"])
def test_a_name_as_long_as_can_be_is_written(tmp_path, letter):
    room = LONGEST - len(".mp4")
    name = letter * (room // len(letter.encode())) + ".mp4"
    with atomic_path(tmp_path / name) as part:
        part.write_bytes(b"whole")
        assert part.suffix == ".mp4"
        assert part.parent == tmp_path
    assert os.listdir(tmp_path) == [name]  # noqa: PTH208  as it is written there


def test_what_was_there_stays_unless_it_may_go(tmp_path):
    place = tmp_path / "語.mp4"
    place.write_bytes(b"before")
    with pytest.raises(UsageError, match="output exists"), atomic_path(place) as part:
        part.write_bytes(b"after")
    assert place.read_bytes() == b"before"
    with pytest.raises(ZeroDivisionError), atomic_path(place, overwrite=True) as part:
        part.write_bytes(b"half" + bytes(1 // 0))
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"before"]
    with atomic_path(place, overwrite=True) as part:
        part.write_bytes(b"after")
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"after"]


def test_files_that_belong_together_get_their_names_together(tmp_path):
    first, last = tmp_path / "a.npz", tmp_path / "b.mp4"

    def write():
        with atomic_paths((first, last)) as parts:
            for place, part in parts.items():
                part.write_text(place.name)

    write()
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {
        "a.npz": "a.npz",
        "b.mp4": "b.mp4",
    }
    first.unlink()
    with pytest.raises(UsageError, match=r"output exists: .*b\.mp4"):
        write()
    assert [p.name for p in tmp_path.iterdir()] == ["b.mp4"]
    with pytest.raises(ZeroDivisionError), atomic_paths((first, last), overwrite=True) as parts:
        parts[first].write_bytes(bytes(1 // 0))
    assert last.read_text() == "b.mp4"


def test_a_link_that_leads_nowhere_takes_the_name(tmp_path):
    link = tmp_path / "out.mp4"
    link.symlink_to("nowhere.mp4")
    with pytest.raises(UsageError, match="output exists"):
        check_output(link, overwrite=False)
    check_output(link, overwrite=True)
