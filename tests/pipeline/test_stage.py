"""Whose lips follow new speech."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from cmet_cli.backends.base import CodeLayout
from cmet_cli.errors import MediaError
from cmet_cli.media.clock import Timeline
from cmet_cli.pipeline import stage
from cmet_cli.pipeline.stage import Stager, _between

N, LIP = 100, 2
TIMES = Timeline(np.arange(N) / 25)


def walk(seed):
    steps = np.random.default_rng(seed).normal(size=(N, LIP))
    return np.cumsum(steps, axis=0).astype(np.float32)


def speaking(faces, sound=1):
    """faces: the lips of each person as filmed."""
    layout = CodeLayout(LIP, 0, 0)
    backend = SimpleNamespace(layout=layout)
    reading = SimpleNamespace(
        people=[SimpleNamespace(codes=lips) for lips in faces],
        faces=SimpleNamespace(ticks=list(range(N)), timeline=TIMES),
        info=SimpleNamespace(audio_streams=sound),
    )
    return Stager(SimpleNamespace(backend=backend))._speaking(reading)


def test_of_several_people_whoever_spoke_speaks(monkeypatch):
    mine, other = walk(0), walk(1)
    monkeypatch.setattr(stage, "lips_from_sound", lambda *_: mine)
    first, second = speaking([other, mine])
    assert first.max() < 0.5
    assert second.min() > 0.9


@pytest.mark.parametrize("sound", [0, 1])
def test_where_nobody_is_heard_the_first_speaks(monkeypatch, sound):
    monkeypatch.setattr(stage, "lips_from_sound", lambda *_: np.zeros((N, LIP), np.float32))
    first, second = speaking([walk(0), walk(1)], sound)
    assert (first == 1).all()
    assert (second == 0).all()


def test_sound_that_cannot_be_read_is_no_reason_to_stop(monkeypatch):
    def broken(*_):
        raise MediaError("no sound could be decoded")

    monkeypatch.setattr(stage, "lips_from_sound", broken)
    assert (speaking([walk(0), walk(1)])[0] == 1).all()


def test_one_person_alone_speaks():
    (only,) = speaking([walk(0)])
    assert (only == 1).all()


def test_lips_between_the_filmed_and_the_new():
    own, new = walk(0), walk(1)
    share = np.linspace(0, 1, N).astype(np.float32)
    mixed = _between(own, new, share)
    assert np.array_equal(mixed[0], own[0])
    assert np.allclose(mixed[-1], new[-1])
    assert _between(own, new, np.zeros(N, np.float32)) is None
