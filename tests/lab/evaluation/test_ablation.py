"""The ablation at a tiny size: every setting on the same seeds, compared, on file, resumed."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from cmet_cli.cli.commands import command_line
from cmet_cli.errors import CheckpointError, UsageError
from cmet_cli.lab.evaluation import ablation
from cmet_cli.lab.evaluation.ablation import (
    CONTRAST,
    DIRECTION,
    RECON,
    SETTINGS,
    AblationPlan,
    ablate,
    differences,
    table,
)
from cmet_cli.lab.evaluation.connector_judge import MEASURES
from cmet_cli.lab.evaluation.hard_world import Hardness

TINY = Hardness(people=3, judged=2, clips=1, frames=10)
PLAN = AblationPlan(steps=1, seeds=(1, 2), trials=2, pair_batches=1, world=TINY)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("ablation") / "new"
    return run_dir, ablate(run_dir, PLAN)


def test_every_setting_is_trained_and_compared(done):
    run_dir, results = done
    assert json.loads((run_dir / "ablation.json").read_text("utf-8")) == json.loads(
        json.dumps(results)
    )
    assert list(results["settings"]) == [RECON, CONTRAST, DIRECTION]
    for name in SETTINGS:
        assert list(results["settings"][name]) == list(MEASURES)
        assert all(len(values) == 2 for values in results["settings"][name].values())
        assert all(0 <= value <= 1 for value in results["settings"][name]["accuracy"])
    assert len(list(run_dir.glob("*/connector.safetensors"))) == 6
    step = results["differences"]["both"]["cosine_basic"]
    old, new = (np.array(results["settings"][s]["cosine_basic"]) for s in (RECON, DIRECTION))
    assert step["mean"] == pytest.approx((new - old).mean(), abs=1e-4)
    lines = table(results).splitlines()
    assert len(lines) == 2 + 3 + 1 + 3
    assert len({line.count("|") for line in lines}) == 1


@pytest.mark.parametrize(
    ("forms", "names"),
    [("paper", ("l2", "pairs", "plain")), ("code", ("focal", "labels", "squared"))],
)
def test_settings_differ_in_their_losses_alone(forms, names):
    plan = replace(PLAN, forms=forms)
    first, *others = (plan.training(name, 128, 3) for name in SETTINGS)
    weights = [(c.losses.lambda_contrast, c.losses.lambda_direction) for c in (first, *others)]
    assert weights == [(0, 0), (0.1, 0), (0.1, 0.05)]  # the paper's
    for config in others:
        assert (config.model, config.sampling, config.schedule) == (
            first.model,
            first.sampling,
            first.schedule,
        )
    for config in (first, *others):
        losses = config.losses
        assert (losses.reconstruction, losses.contrast, losses.direction) == names
    assert first.sampling.speech_samples == TINY.averaged
    assert not first.sampling.by_level


def test_a_second_run_goes_on_and_says_the_same(done):
    run_dir, results = done
    assert ablate(run_dir, PLAN) == results


def test_the_later_setting_less_the_earlier():
    rows = {
        name: [dict.fromkeys(MEASURES, value + seed) for seed in (0.0, 0.1)]
        for name, value in ((RECON, 0.1), (CONTRAST, 0.4), (DIRECTION, 0.3))
    }
    found = {name: by["accuracy"].mean for name, by in differences(rows).items()}
    assert found == pytest.approx({"contrastive": 0.3, "direction": -0.1, "both": 0.2})


@pytest.mark.parametrize("other", [{"world": replace(TINY, people=4)}, {"forms": "code"}])
def test_other_people_or_losses_are_refused(done, other):
    run_dir, _ = done
    before = (run_dir / "plan.json").read_text("utf-8")
    with pytest.raises(CheckpointError, match="other people or losses"):
        ablate(run_dir, replace(PLAN, **other))
    assert (run_dir / "plan.json").read_text("utf-8") == before


@pytest.mark.parametrize("wrong", [{"seeds": (1,)}, {"seeds": (1, 1)}, {"steps": 0}])
def test_plans_without_a_comparison_are_refused(wrong):
    with pytest.raises(UsageError, match="two seeds"):
        AblationPlan(**wrong)


@pytest.mark.parametrize("as_json", [False, True])
def test_the_command_prints_what_was_found(done, monkeypatch, tmp_path, as_json):
    _, results = done
    asked = []
    monkeypatch.setattr(ablation, "ablate", lambda *args: asked.append(args) or results)
    arguments = ["train", "ablation", str(tmp_path / "run"), "--steps", "7", "--seeds", "3", "-q"]
    arguments += ["--forms", "code"]
    answer = CliRunner().invoke(command_line(), arguments + ["--json"] * as_json)
    assert answer.exit_code == 0, answer.output
    assert asked[0][0] == tmp_path / "run"
    assert (asked[0][1].steps, asked[0][1].seeds, asked[0][1].forms) == (7, (1, 2, 3), "code")
    if as_json:
        assert json.loads(answer.output) == json.loads(json.dumps(results))
    else:
        assert answer.output.strip() == table(results)
