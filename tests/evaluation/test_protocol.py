"""Protocols over stand-in networks whose figures can be computed by hand."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from cmet_cli.errors import UsageError
from cmet_cli.evaluation.frechet import Cloud, frechet_distance
from cmet_cli.evaluation.judged import Judged, judge
from cmet_cli.evaluation.networks.load import Networks
from cmet_cli.evaluation.pictures import FacePictures
from cmet_cli.evaluation.protocol import ONLY_AUTHORS_COMPARE, PAPER, Protocol, read_times

ROWS_THAT_ARE_NONE = ("done,x", "failed,", "done,nan", "done,inf", "done,-5")
LABELS = ("angry", "happy", "neutral")


def means(pictures):
    """Three numbers a picture."""
    return pictures.reshape(len(pictures), -1, 3).mean(1).astype(np.float32)


class Classifier:
    name = "stand-in"

    def knows(self, emotion):
        return emotion in LABELS

    def named(self, logits):
        return LABELS[int(np.argmax(logits))]


def takes(n, frames=20, seed=0):
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(n):
        base = rng.integers(20, 200, (1, 1, 1, 3))
        faces = np.clip(base + rng.integers(-20, 20, (frames, 8, 8, 3)), 0, 255).astype(np.uint8)
        made.append(FacePictures(faces, np.zeros((0, 8, 8, 3), np.uint8), 0.0))
    return made


def networks(**changes):
    video = lambda clip: None if len(clip) < 9 else means(clip).ravel()[:9]  # noqa: E731
    parts = {"expression": Classifier(), "pictures": means, "videos": video} | changes
    return Networks(**parts)


def run(name, edited, reference, truth=True, **changes):
    protocol = Protocol(name, networks(**changes), "a machine")
    for i, (one, other) in enumerate(zip(edited, reference, strict=True)):
        logits = np.eye(3)[[1, 0, 1, 2][i % 4]]
        judged = Judged({"sync_c": 5.0 + i, "sync_d": math.nan, "identity": 0.5}, logits)
        protocol.add(one, other, "happy", judged, truth=truth)
    return protocol


def distance(a, b):
    clouds = Cloud(), Cloud()
    for cloud, rows in zip(clouds, (a, b), strict=True):
        cloud.add(rows)
    return frechet_distance(*clouds)


def test_authors_take_fid_of_each_pair_and_then_the_mean():
    edited, real = takes(4), takes(4, seed=1)
    figures = run("authors", edited, real).report().figures
    each = [distance(means(a.faces), means(b.faces)) for a, b in zip(edited, real, strict=True)]
    assert figures["fid"] == pytest.approx(np.mean(each))


def test_pooled_takes_all_frames_together():
    edited, real = takes(4), takes(4, seed=1)
    figures = run("pooled", edited, real).report().figures
    together = [np.concatenate([means(t.faces) for t in side]) for side in (edited, real)]
    assert figures["fid"] == pytest.approx(distance(*together))
    assert figures["fid"] != pytest.approx(run("authors", edited, real).report().figures["fid"])


def test_fvd_is_over_clips_of_15_frames_or_windows_of_16():
    edited, real = takes(5, frames=40), takes(5, frames=40, seed=1)
    seen = []

    def videos(clip):
        seen.append(len(clip))
        return means(clip).ravel()[:9]

    figures = run("authors", edited, real, videos=videos).report().figures
    assert set(seen) == {15}
    assert len(seen) == 10
    at = np.rint(np.linspace(0, 39, 15)).astype(int)
    rows = [np.stack([means(t.faces[at]).ravel()[:9] for t in side]) for side in (edited, real)]
    assert figures["fvd"] == pytest.approx(distance(*rows))
    seen.clear()
    run("pooled", edited, real, videos=videos)
    assert set(seen) == {16}
    assert len(seen) == 20  # two windows a clip, what is left over is left out


def test_accuracy_by_class_and_the_means_of_what_was_told():
    report = run("authors", takes(4), takes(4, seed=1)).report()
    assert report.per_class == {"happy": (2, 4)}
    assert report.figures["accuracy"] == 50
    assert report.figures["sync_c"] == 6.5
    assert report.figures["identity"] == 0.5
    assert "sync_d" not in report.figures
    assert "aitv_s" not in report.figures


def test_emotions_without_a_class_are_left_out_and_counted():
    protocol = Protocol("authors", networks(), "a machine")
    for emotion in ("contempt", "happy"):
        protocol.add(*takes(2), emotion, Judged({}, np.eye(3)[1]), truth=False)
    report = protocol.report()
    assert report.per_class == {"happy": (1, 1)}
    assert any(note.startswith("1 clip asked for") for note in report.notes)
    assert report.reference == {"truth": 0, "input": 2}
    assert any("2 clips without a true take" in note for note in report.notes)


def test_times_leave_the_first_out():
    protocol = run("authors", takes(2), takes(2, seed=1))
    assert protocol.report([9.0, 1.0, 2.0]).figures["aitv_s"] == 1.5
    assert not any("AITV" in note for note in protocol.report([9.0, 1.0]).notes)
    assert any("AITV" in note for note in protocol.report().notes)
    assert any("two edits" in note for note in protocol.report([9.0]).notes)


def test_what_is_not_here_is_said_and_the_rest_measured():
    protocol = Protocol("authors", Networks(pictures=means, missing=("i3d",)), "a machine")
    protocol.add(*takes(2), "happy", Judged({}), truth=True)
    report = protocol.report()
    assert set(report.figures) == {"fid"}
    assert any("i3d" in note for note in report.notes)
    assert report.notes[0] == ONLY_AUTHORS_COMPARE
    told = report.as_dict()
    assert told["paper"]["MEAD"]["accuracy"] == PAPER["MEAD"]["accuracy"] == 55.91
    assert told["about"].keys() == told["figures"].keys()
    assert told["machine"] == "a machine"


def test_one_short_clip_has_no_fvd_and_says_so():
    report = run("authors", takes(1, frames=5), takes(1, frames=5)).report()
    assert "fvd" not in report.figures
    assert any(note.startswith("FVD needs") for note in report.notes)


# ---------------------------------------------------------------- one take


def sync(lips, wave):
    return SimpleNamespace(c=float(len(wave)), d=float(len(lips)))


def test_a_take_is_judged_by_what_is_here():
    taken = FacePictures(takes(1)[0].faces, np.zeros((7, 8, 8, 3), np.uint8), 0.5)
    found = judge(Networks(sync=sync), taken, taken, "happy", lambda: np.zeros(16000))
    assert found.values == {"sync_c": 8000.0, "sync_d": 7.0}  # sound from where the lips begin
    assert found.logits is None
    assert judge(Networks(), taken, taken, "", lambda: np.zeros(1)).values == {}


# ---------------------------------------------------------------- times


def test_times_are_those_of_the_rows_done(tmp_path):
    path = tmp_path / "report.csv"
    path.write_text("line,status,elapsed_s\n2,done,1.5\n3,failed,\n4,done,0.5\n")
    assert read_times(path) == [1.5, 0.5]
    path.write_text("status,elapsed_s,edit_s\ndone,1.5,0.25\n")
    assert read_times(path) == [0.25]  # without the pictures of the report


@pytest.mark.parametrize(
    "text",
    ["", "a,b\n1,2\n", *(f"status,elapsed_s\n{row}\n" for row in ROWS_THAT_ARE_NONE)],
)
def test_a_table_that_is_no_report_is_one_line(tmp_path, text):
    path = tmp_path / "report.csv"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"report\.csv"):
        read_times(path)
    with pytest.raises(UsageError, match="not found"):
        read_times(tmp_path / "none.csv")
