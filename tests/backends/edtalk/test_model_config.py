"""What a model folder's ``config.json`` may say, and how it is refused otherwise."""

from __future__ import annotations

import json

import pytest

from cmet_cli.backends.edtalk.model_config import read_config
from cmet_cli.errors import CheckpointError


@pytest.fixture
def config(tmp_path):
    def write(**values):
        path = tmp_path / "config.json"
        path.write_text(json.dumps(values))
        return path

    return write


def test_what_is_said_is_taken(config):
    found = read_config(config(name="ours", gain=1.3, source="frame"))
    assert (found.name, found.gain, found.source) == ("ours", 1.3, "frame")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gain", "1.3"),
        ("gain", True),
        ("gain", 0),
        ("gain", -1.0),
        ("gain", 1e9),
        ("gain", float("nan")),
        ("gain", [1.0]),
        ("source", "auto"),
        ("source", "nobody"),
        ("source", ["frame"]),
        ("name", 7),
        ("name", "two\nlines"),
        ("name", "x" * 1000),
    ],
)
def test_anything_else_is_one_clear_line(config, name, value):
    path = config(**{name: value})
    with pytest.raises(
        CheckpointError, match=f"not a readable model configuration .{name}"
    ) as told:
        read_config(path)
    assert "\n" not in told.value.message
