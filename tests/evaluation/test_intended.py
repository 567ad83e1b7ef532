"""What is not compared, by what was asked for."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from cmet_cli import EditOptions
from cmet_cli.evaluation.intended import compared, not_measured
from cmet_cli.evaluation.marks import BY_NAME

SPEECH = Path("new.wav")
OF_SOUND = {"sound", "sync_s", "sync_like", "sync_c", "sync_d"}


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (EditOptions(emotion="happy"), set()),
        (EditOptions(emotion="happy", fit="loop", lips="audio"), set()),  # nothing to fit to
        (EditOptions(speech=SPEECH), {*OF_SOUND, "mouth"}),
        (EditOptions(speech=SPEECH, lips="video"), OF_SOUND),
        (EditOptions(speech=SPEECH, fit="cut"), {*OF_SOUND, "mouth", "frames"}),
    ],
)
def test_only_what_was_asked_for_is_left_out(options, names):
    assert not_measured(options) == names
    assert names <= set(BY_NAME)


@pytest.mark.parametrize(
    ("fit", "edited", "frames"),
    [("loop", 80, 42), ("loop", 50, 50), ("bounce", 80, 50), ("cut", 30, 50)],
)
def test_frames_of_a_loop_that_melt_are_not_compared(fit, edited, frames):
    maps = [
        SimpleNamespace(ticks=list(range(n)), timeline=SimpleNamespace(step_s=1 / 25))
        for n in (50, edited)
    ]
    options = EditOptions(speech=SPEECH, fit=fit)
    assert compared(options, maps) == frames
    assert compared(options, maps[:1]) == 50
