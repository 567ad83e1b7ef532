"""Parts of a face that a change can be limited to."""

from __future__ import annotations

import numpy as np
import pytest

from cmet_cli.faces.areas import AREAS, area_mask
from cmet_cli.faces.calibration import FaceEllipse
from cmet_cli.options import AREAS as NAMES
from cmet_cli.options import EditOptions, UsageError

FACE = FaceEllipse((0.5, 0.53), (0.33, 0.385))


def test_names_are_the_same_everywhere():
    assert set(AREAS) - {"lips"} == set(NAMES)  # that one is not to be asked for


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("brows", (32, 24), (32, 44)),
        ("eyes", (24, 30), (32, 45)),
        ("mouth", (32, 45), (32, 24)),
        ("upper", (32, 24), (32, 45)),
        ("lower", (32, 45), (32, 24)),
    ],
)
def test_each_part_lies_where_it_should(name, inside, outside):
    mask = area_mask(64, FACE, (name,), 0.0, 0.0)
    assert mask[inside[1], inside[0]] > 0.95
    assert mask[outside[1], outside[0]] < 0.01
    assert np.abs(np.diff(mask, axis=0)).max() < 0.6  # soft


def test_parts_add_up_and_move_with_the_head():
    both = area_mask(64, FACE, ("upper", "lower"), 0.0, 0.0)
    assert both[10:60].min() > 0.45
    moved = area_mask(64, FACE, ("mouth",), 0.0, 0.25)
    assert moved[45 + 16, 32] > 0.95
    assert moved[45 - 16, 32] < 0.1


def test_options_take_several_and_refuse_others():
    assert EditOptions(region="Brows, mouth").areas == ("brows", "mouth")
    assert EditOptions().areas == EditOptions(region="all,brows").areas == ()
    with pytest.raises(UsageError, match="no region of the face is called 'nose'"):
        EditOptions(region="nose")
