"""What a model folder's ``config.json`` may say, and how it is refused otherwise."""

from __future__ import annotations

import json

import pytest

from cmet_cli.backends.edtalk.connector import Connector
from cmet_cli.backends.edtalk.load import _built
from cmet_cli.backends.edtalk.model_config import read_config
from cmet_cli.backends.edtalk.sizes import ConnectorConfig
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


@pytest.mark.parametrize(
    ("section", "size", "value"),
    [
        ("connector", "layers", 1_000_000_000),
        ("connector", "layers", "two"),
        ("connector", "width", 0),
        ("connector", "heads", -4),
        ("connector", "window", True),
        ("connector", "dropout", "none"),
        ("edtalk", "channels", []),
        ("edtalk", "channels", [64, "x"]),
        ("edtalk", "channels", [64] * 40),
        ("edtalk", "equalised", 1),
        ("audio2lip", "lip_dim", None),
    ],
)
def test_sizes_that_no_network_has_are_refused_before_it_is_built(config, section, size, value):
    with pytest.raises(CheckpointError, match=f"{section}.{size} cannot be"):
        read_config(config(**{section: {size: value}}))


def test_sizes_that_do_not_go_together_are_one_line_too(config):
    path = config(connector={"width": 10, "heads": 3})
    made = ConnectorConfig(width=10, heads=3)
    assert read_config(path).connector == made
    with pytest.raises(CheckpointError, match="no network has these sizes") as told:
        _built(lambda: Connector(made), path)
    assert str(path) in told.value.message
    assert "\n" not in told.value.message


def test_a_file_nested_without_end_is_no_configuration(tmp_path):
    path = tmp_path / "config.json"
    path.write_text("[" * 200_000)
    with pytest.raises(CheckpointError, match="not a readable model configuration"):
        read_config(path)
