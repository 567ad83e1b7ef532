"""The proof's arithmetic, and a tiny proof of the real thing through its command."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cmet_cli.cli import proof as proof_command
from cmet_cli.editor import EmotionEditor
from cmet_cli.errors import UsageError
from cmet_cli.lab.evaluation.bench import Bench
from cmet_cli.lab.evaluation.judge import JudgeConfig, train_judge
from cmet_cli.lab.evaluation.measures import Tally, cosine, jerk, judged, psnr_db
from cmet_cli.lab.evaluation.proof import SOURCES, ProofPlan, prove

PLAN = ProofPlan(
    people=1,
    source_people=1,
    seconds=0.4,
    emotions=("angry", "happy"),
    extended=("sarcastic",),
    methods=("difference", "target only"),
)


def test_every_emotion_counts_alike():
    tally = Tally()
    for right in (True, True, True, False):
        tally.add("happy", right)
    tally.add("sad", False)
    assert tally.figures() == {"mean": 0.375, "happy": 0.75, "sad": 0.0}


def test_psnr_and_jerk_by_hand():
    black = np.zeros((3, 2, 2, 3), np.uint8)
    grey = black.copy()
    grey[1] = 30
    assert psnr_db(black, black) == 99.0
    assert psnr_db(black, grey) == pytest.approx(10 * np.log10(255**2 / (900 / 3)))
    only_first = np.zeros((3, 2, 2), bool)
    only_first[0] = True
    assert psnr_db(black, grey, only_first) == 99.0
    assert jerk(grey) == pytest.approx(60)
    assert cosine(np.array([1.0, 0]), np.array([1.0, 1])) == pytest.approx(0.5**0.5)


class FixedJudge:
    """Says the same of every picture."""

    def __init__(self, verdict: int) -> None:
        self.verdict = verdict

    def read(self, pictures):
        scores = np.full((len(pictures), 8), -3.0)
        scores[:, self.verdict] = 0
        return scores, np.ones((len(pictures), 23), np.float32)


@pytest.fixture(scope="module")
def editor() -> EmotionEditor:
    return EmotionEditor.from_weights(model="mini")


def test_figures_come_from_the_edited_files(editor, tmp_path):
    """A judge that always says `angry` is right in half of two emotions; the rest is measured."""
    figures = prove(Bench(editor, tmp_path), FixedJudge(1), PLAN)
    assert judged(FixedJudge(1), np.zeros((1, 8, 8, 3))) == "angry"
    for method in PLAN.methods:
        assert figures["edited"][method] == {"mean": 0.5, "angry": 1.0, "happy": 0.0}
    assert figures["judge_on_neutral_videos"] == 0.0
    assert set(figures["sources"]) == set(SOURCES)
    kept = figures["kept"]
    assert kept["outside_face_psnr_db"] == 99.0
    assert kept["intensity_0_psnr_db"] == 99  # the same pictures
    assert kept["mouth_opening_correlation"] > 0.5
    assert not list(tmp_path.glob("edited-*"))
    json.dumps(figures)


def test_a_face_that_is_not_found_counts_as_wrong(editor, tmp_path, monkeypatch):
    """Subjects too small to be found: nothing asked of them is right, and it is said."""
    from cmet_cli.lab.evaluation import subjects
    from cmet_cli.lab.evaluation.subjects import Scene

    scene = Scene(256, 256, 16, 0)
    monkeypatch.setattr(subjects.Scene, "square", staticmethod(lambda size: scene))
    figures = prove(Bench(editor, tmp_path), FixedJudge(1), PLAN)
    assert figures["faces_not_found"] == 1
    assert figures["edited"]["difference"]["angry"] == 0.0


def test_the_judge_learns_from_drawings(tmp_path):
    small = JudgeConfig(size_px=32, people=12, pictures=4, steps=20, batch=16)
    judge = train_judge(small)
    scores, parameters = judge.read(np.zeros((2, 32, 32, 3), np.uint8))
    assert scores.shape == (2, 8)
    assert parameters.shape == (2, 23)
    np.testing.assert_allclose(np.exp(scores).sum(1), 1, rtol=1e-5)


def test_the_command_refuses_before_it_works(tmp_path):
    with pytest.raises(UsageError, match=r"\.json"):
        proof_command.proof(tmp_path / "figures.txt")
    (tmp_path / "there.json").write_text("{}")
    with pytest.raises(UsageError, match="exists"):
        proof_command.proof(tmp_path / "there.json")
