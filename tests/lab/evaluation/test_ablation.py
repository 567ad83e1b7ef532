"""The ablation at a tiny size: three settings, one seed, figures in range and on file."""

from __future__ import annotations

import json

import numpy as np

from cmet_cli.lab.avatar.emotions import EMOTIONS
from cmet_cli.lab.evaluation.ablation import (
    SETTINGS,
    AblationPlan,
    ablate,
    nearest_centroid_accuracy,
)
from cmet_cli.lab.seeds import EVALUATION_SEEDS
from cmet_cli.lab.training.clip_features import WorldSpec
from cmet_cli.lab.training.gain import Trial


def test_every_setting_is_trained_and_measured(tmp_path):
    plan = AblationPlan(
        steps=1,
        seeds=(1,),
        trials=1,
        training=WorldSpec(people=2, clips=1, seconds=0.4),
        judging=WorldSpec(2, EVALUATION_SEEDS[0], 1, 0.4, EMOTIONS),
    )
    table = ablate(tmp_path, plan)
    assert json.loads((tmp_path / "ablation.json").read_text("utf-8")) == table
    assert list(table) == ["steps", "seeds", *SETTINGS]
    for name in SETTINGS:
        accuracy, spread = (float(part) for part in table[name]["accuracy"].split(" ± "))
        assert 0 <= accuracy <= 1
        assert spread >= 0
    assert len(list(tmp_path.glob("*/connector.safetensors"))) == 3


def test_the_nearest_emotion_is_the_one_the_codes_move_to():
    centres = {"happy": np.ones(10), "sad": -np.ones(10)}
    still = np.zeros((4, 10), np.float32)
    trials = [Trial(e, still, np.zeros(3), np.zeros(10)) for e in ("happy", "sad", "sarcastic")]
    towards = [np.full((4, 10), v) for v in (0.5, 0.5, 0.5)]
    assert nearest_centroid_accuracy(trials, towards, centres) == 0.5
