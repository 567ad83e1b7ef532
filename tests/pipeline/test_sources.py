"""Which frame lends its face to which, and how often it is prepared."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cmet_cli.errors import MediaError
from cmet_cli.faces.placement import Placement
from cmet_cli.media.reader import Frame
from cmet_cli.pipeline import sources
from cmet_cli.pipeline.encode import FaceCodes, KeptSources
from cmet_cli.pipeline.sources import Sources

N, SIDE = 8, 4
#: Two shots of four frames; the face is away in the last frame of the second.
SHOTS = np.repeat([0, 1], 4)


class Networks:
    """Prepares a picture by its mean."""

    def __init__(self) -> None:
        self.prepared: list[list[float]] = []
        self.layout, self.compute = None, SimpleNamespace(device=None)

    def prepare(self, images: np.ndarray) -> list[float]:
        self.prepared.append([round(float(image.mean()), 3) for image in images])
        return self.prepared[-1]


@pytest.fixture
def networks(monkeypatch) -> Networks:
    monkeypatch.setattr(sources, "crop_images", lambda crops, _: np.stack(crops))
    return Networks()


def frames() -> list[Frame]:
    return [Frame(k, ()) for k in range(N)]


def made(networks: Networks, choice: str, kept: KeptSources | None = None) -> Sources:
    place = Placement.everywhere(N, SIDE)
    squares = place.squares.copy()
    squares[-1] = np.nan
    face = FaceCodes(
        replace(place, shots=SHOTS, squares=squares),
        np.zeros((N, 2), np.float32),
        np.ones(N, np.float32),
        kept,
    )
    return Sources(face, choice, networks, lambda run: [crop(f) for f in run])  # type: ignore[arg-type]


def crop(frame: Frame, *_: Any) -> np.ndarray:
    return np.full((SIDE, SIDE, 3), float(frame.index), np.float32)


def fetched(networks: Networks, monkeypatch, best: dict[int, float], films: int = N) -> Sources:
    """With the frames that are fittest to lend their faces."""
    fitness = np.array([best.get(k, 0.0) for k in range(N)])
    monkeypatch.setattr(FaceCodes, "fitness", lambda *_: fitness)
    passed: list[int] = []

    @contextlib.contextmanager
    def opened(*_: object) -> Iterator[Iterator[Frame]]:
        yield (passed.append(f.index) or f for f in frames()[:films])  # type: ignore[func-returns-value]

    monkeypatch.setattr(sources, "open_frames", opened)
    found = made(networks, "best")
    found.fetch(SimpleNamespace(path=Path("x.mp4")), crop, None, None)  # type: ignore[arg-type]
    assert passed == list(range(max(best) + 1)), "no further than the last of them"
    return found


def test_the_first_frame_of_a_shot_lends_its_face_to_the_others(networks):
    lent = made(networks, "first")
    runs = lent.runs(frames()[:6])
    assert [[f.index for f in run] for run in runs] == [[0, 1, 2, 3], [4, 5]]
    assert [lent.of(run, here=True)[1] for run in runs] == [[0.0], [4.0]]
    assert lent.of(frames()[6:7], here=True)[1] == [4.0]
    assert networks.prepared == [[0.0], [4.0]], "once a shot"
    assert [lent.are_for(k) for k in range(N)] == [True] * 7 + [False]


def test_each_frame_lends_its_own(networks):
    own = made(networks, "frame")
    (run,) = own.runs(frames()[2:6])
    crops, source = own.of(run, here=True)
    assert source == [2.0, 3.0, 4.0, 5.0]
    assert [float(c.mean()) for c in crops] == source


def test_the_best_of_a_shot_may_come_late(networks, monkeypatch):
    lent = fetched(networks, monkeypatch, {2: 1.0, 5: 1.0})
    for run in lent.runs(frames()[:6]):
        lent.of(run, here=True)
    assert networks.prepared == [[2.0], [5.0]]


def test_frames_that_end_before_are_an_error(networks, monkeypatch):
    with pytest.raises(MediaError, match=r"x\.mp4: decoding it twice"):
        fetched(networks, monkeypatch, {2: 1.0, 5: 1.0}, films=4)


def test_what_was_kept_from_reading_is_taken_where_it_is_wanted(networks):
    kept = KeptSources(100)
    kept.keep([2, 3], [crop(Frame(9, ()))] * 2, "as it was read", 10)
    own = made(networks, "frame", kept)
    assert own.of(frames()[2:4], here=True)[1] == "as it was read"
    assert own.of(frames()[2:4], here=False)[1] == [2.0, 3.0], "crops of a host are of no use there"
    assert own.of(frames()[1:3], here=True)[1] == [1.0, 2.0], "other frames"
    assert made(networks, "first", kept).of(frames()[2:4], here=True)[1] == [2.0]
