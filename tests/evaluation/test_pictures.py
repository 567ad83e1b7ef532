"""What the judging networks are shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cmet_cli.evaluation.pictures import _grid, gather, lip_square, uniformly
from cmet_cli.faces.geometry import Square
from cmet_cli.media.probe import probe_video
from cmet_cli.media.reader import FrameReader
from cmet_cli.model import load_model
from cmet_cli.options import EditOptions, no_progress
from cmet_cli.pipeline.cropper import Cropper
from cmet_cli.pipeline.read import VideoReader

EXAMPLE = Path(__file__).parents[2] / "examples" / "neutral.mp4"


@pytest.fixture(scope="module")
def example():
    info, model = probe_video(EXAMPLE), load_model(choice="mini")
    return info, VideoReader(model.backend, None).find(info, EditOptions(), no_progress)


def test_every_frame_that_shows_the_face_and_lips_at_25_hz(example):
    info, faces = example
    found = gather(info, faces.placements[0], faces.timeline)
    assert found.faces.shape == (125, 256, 256, 3)
    assert found.lips.shape == (125, 224, 224, 3)
    assert found.faces.dtype == found.lips.dtype == np.uint8
    assert found.lips_s == pytest.approx(float(faces.timeline.times_s[0]))
    assert 40 < found.faces.mean() < 220


def test_faces_and_lips_are_cut_where_they_are(example):
    info, faces = example
    place = faces.placements[0]
    found = gather(info, place, faces.timeline)
    with FrameReader(info) as reader:
        frame = next(iter(reader))
        face = Cropper(info, 256)(frame, place.square(0))
        lips = Cropper(info, 224)(frame, lip_square(place.square(0)))
    assert np.abs(found.faces[0] - face).max() <= 0.51
    assert np.abs(found.lips[0] - lips).max() <= 0.51


def test_frames_without_the_face_are_left_out_and_break_the_stretch(example):
    info, faces = example
    weights = faces.placements[0].weights.copy()
    weights[30:40] = 0
    found = gather(info, replace(faces.placements[0], weights=weights), faces.timeline)
    assert len(found.faces) == 115
    assert len(found.lips) == 85
    assert found.lips_s == pytest.approx(float(faces.timeline.times_s[40]))


@pytest.mark.parametrize(("rate", "frames"), [(50, 100), (30, 60), (12.5, 25)])
def test_other_rates_are_picked_by_time(rate, frames):
    times_s = 1.0 + np.arange(frames) / rate
    at, start_s = _grid(times_s, np.ones(frames, bool), np.zeros(frames, int))
    assert start_s == 1.0
    # The frame that is shown at each moment of 25 a second.
    wanted = 1.0 + np.arange(len(at)) / 25
    assert np.all(times_s[at] <= wanted + 1e-6)
    assert np.all(times_s[at] > wanted - 1 / rate)
    assert len(at) == int((times_s[-1] - 1.0) * 25 + 1e-6) + 1


def test_a_cut_ends_a_stretch():
    shots = np.repeat([0, 1], [10, 30])
    at, start_s = _grid(np.arange(40) / 25, np.ones(40, bool), shots)
    assert (at[0], at[-1]) == (10, 39)
    assert start_s == pytest.approx(0.4)
    none, _ = _grid(np.arange(4) / 25, np.zeros(4, bool), np.zeros(4, int))
    assert len(none) == 0


def test_lips_lie_lower_in_a_square_of_about_the_same_size():
    found = lip_square(Square(100, 100, 200))
    assert found.side == pytest.approx(208.6)
    assert found.cy == pytest.approx(129.8)
    assert found.cx == 100


def test_uniformly_takes_both_ends():
    assert uniformly(np.arange(100), 15).tolist()[:2] == [0, 7]
    assert uniformly(np.arange(100), 15)[-1] == 99
    assert len(uniformly(np.arange(100), 15)) == 15
    assert uniformly(np.arange(4), 15).tolist() == [0, 1, 2, 3]
