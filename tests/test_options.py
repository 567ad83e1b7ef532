"""One declaration: what it accepts, what it says, and that everybody reads the same."""

from __future__ import annotations

import math
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from cmet_cli.declared import declared
from cmet_cli.errors import UsageError
from cmet_cli.options import EditOptions, ModelOptions, RuntimeOptions


@pytest.mark.parametrize("kind", [EditOptions, RuntimeOptions, ModelOptions])
def test_every_field_is_declared_with_help(kind):
    found = declared(kind)
    assert list(found) == [f.name for f in fields(kind)]
    assert all(len(d.option.help) > 10 and d.option.panel for d in found.values())
    assert all(d.default == getattr(kind(), name) for name, d in found.items())


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("intensity", math.nan, "between -2 and 2"),
        ("intensity", 2.5, "between -2 and 2"),
        ("crf", 52, "between 0 and 51"),
        ("crf", -1, "between 0 and 51"),
        ("lips", "telepathy", "audio, video"),
        ("source", "last", "auto, first, best, frame"),
        ("face", 0, "at least 1"),
        ("face", "some", "a whole number from 1 or all"),
        ("face", True, "a whole number from 1 or all"),
        ("save_codes", Path("codes.txt"), ".npz"),
        # Of another type than the option's.
        ("lips", 3, "audio, video"),
        ("detail", 0, "source, render"),
        ("crf", 18.5, "a whole number"),
        ("intensity", "much", "a number from -2 to 2"),
        ("overwrite", 1, "true or false"),
        ("emotion", 3, "text"),
        ("speech", 5, "a path"),
    ],
)
def test_wrong_values_are_refused_by_name(name, value, words):
    with pytest.raises(UsageError, match=words) as error:
        EditOptions(**{name: value})
    assert name.split("_")[-1] in error.value.message


@pytest.mark.parametrize("value", [1, np.float32(1.5), np.int64(-1)])
def test_a_whole_number_and_numpys_are_numbers(value):
    found = EditOptions(intensity=value).intensity
    assert found == value
    assert type(found) in (int, float)  # as JSON has them


@pytest.mark.parametrize(
    ("wrong", "words"),
    [({"device": 0}, "device must be text"), ({"batch_size": 2.5}, "whole number")],
)
def test_where_it_runs_is_checked_too(wrong, words):
    with pytest.raises(UsageError, match=words):
        RuntimeOptions(**wrong)


def test_two_options_that_do_not_fit_together():
    with pytest.raises(UsageError, match="asks for several"):
        EditOptions(paste="none", face="all")
    with pytest.raises(UsageError, match="whole rendering"):
        EditOptions(paste="crop")
    assert EditOptions(paste="crop", detail="render").paste == "crop"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("intensity", "1.5", 1.5),
        ("face", "2", 2),
        ("face", "all", "all"),
        ("compare", "yes", True),
        ("compare", "off", False),
        ("save_codes", "a b.npz", Path("a b.npz")),
        ("paste", "crop", "crop"),
    ],
)
def test_texts_are_read_by_the_declared_type(name, text, value):
    read = declared(EditOptions)[name].parse(text)
    assert read == value
    assert type(read) is type(value) or isinstance(read, type(value))


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("intensity", "much", "a number from -2 to 2"),
        ("face", "left", "a whole number from 1 or all"),
        ("compare", "perhaps", "true or false"),
        ("paste", "hat", "one of face, crop, none"),
    ],
)
def test_texts_that_mean_nothing_say_what_would_be_accepted(name, text, words):
    with pytest.raises(UsageError, match=words):
        declared(EditOptions)[name].parse(text)


def test_a_path_may_be_given_as_text():
    """It raised AttributeError once."""
    assert EditOptions(save_codes="codes.npz").save_codes == Path("codes.npz")  # type: ignore
