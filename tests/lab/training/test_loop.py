"""The training loop: schedules, exact resume, refusal of other runs, log and curves."""

from __future__ import annotations

import dataclasses
import math

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from cmet_cli.errors import CheckpointError, CmetError
from cmet_cli.lab.training.loop import (
    CHECKPOINT_FILE,
    CURVES_FILE,
    LOG_FILE,
    TrainConfig,
    fingerprint,
    learning_rate,
    read_log,
    train,
)

CONFIG = TrainConfig(steps=6, batch=4, ema_decay=0.9, log_every=1, checkpoint_every=2, seed=5)


class Toy:
    """A net with dropout and batch norm on random data: everything that could spoil a resume."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.module = nn.ModuleDict(
            {
                "a": nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout(0.3)),
                "b": nn.Linear(8, 1),
            }
        )

    def loss(self, step: int, rng: np.random.Generator) -> dict[str, torch.Tensor]:
        x = torch.from_numpy(rng.standard_normal((CONFIG.batch, 3)).astype(np.float32))
        out = self.module["b"](self.module["a"](x))
        error = (out - x.sum(1, keepdim=True)).square().mean()
        return {"loss": error, "size": out.abs().mean()}


def state_of(run_dir):
    return torch.load(run_dir / CHECKPOINT_FILE, weights_only=True)


def assert_same(a, b):
    if isinstance(a, torch.Tensor):
        assert torch.equal(a, b)
    elif isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            assert_same(a[key], b[key])
    elif isinstance(a, list):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            assert_same(x, y)
    else:
        assert a == b


def test_resumed_run_is_bitwise_the_straight_one(tmp_path):
    straight, resumed = Toy(), Toy()
    train(straight.module, straight.loss, CONFIG, tmp_path / "a")
    train(resumed.module, resumed.loss, CONFIG, tmp_path / "b", stop_at=3)
    again = Toy()
    with torch.no_grad():
        again.module["b"].weight.fill_(7.0)  # must come from the checkpoint
    torch.rand(11)  # the caller's random state must not matter
    train(again.module, again.loss, CONFIG, tmp_path / "b")
    assert_same(state_of(tmp_path / "a"), state_of(tmp_path / "b"))
    assert_same(straight.module.state_dict(), again.module.state_dict())
    assert (tmp_path / "a" / LOG_FILE).read_text() == (tmp_path / "b" / LOG_FILE).read_text()


def test_a_crash_between_checkpoints_loses_no_step_and_doubles_no_line(tmp_path):
    straight = Toy()
    train(straight.module, straight.loss, CONFIG, tmp_path / "a")

    def crash(stage: str, done: int, total: int | None) -> None:
        if done == 3:
            raise KeyboardInterrupt

    toy = Toy()
    with pytest.raises(KeyboardInterrupt):
        train(toy.module, toy.loss, CONFIG, tmp_path / "b", crash)
    assert state_of(tmp_path / "b")["step"] == 2
    toy = Toy()
    train(toy.module, toy.loss, CONFIG, tmp_path / "b")
    assert [e["step"] for e in read_log(tmp_path / "b")] == [1, 2, 3, 4, 5, 6]
    assert_same(state_of(tmp_path / "a"), state_of(tmp_path / "b"))


def test_a_finished_run_is_taken_over_without_another_step(tmp_path):
    toy = Toy()
    train(toy.module, toy.loss, CONFIG, tmp_path)

    def never(step: int, rng: np.random.Generator) -> dict[str, torch.Tensor]:
        raise AssertionError("no step is left to do")

    again = Toy()
    train(again.module, never, CONFIG, tmp_path)
    assert_same(toy.module.state_dict(), again.module.state_dict())


def test_returned_weights_are_the_average_and_the_caller_keeps_its_random_state(tmp_path):
    toy = Toy()
    torch.manual_seed(3)
    before = torch.get_rng_state()
    train(toy.module, toy.loss, CONFIG, tmp_path)
    assert torch.equal(before, torch.get_rng_state())
    state = state_of(tmp_path)
    assert_same(toy.module.state_dict(), state["average"])
    assert not torch.equal(state["average"]["b.weight"], state["module"]["b.weight"])
    assert not toy.module.training


def test_another_configuration_is_refused_by_name(tmp_path):
    toy = Toy()
    train(toy.module, toy.loss, CONFIG, tmp_path)
    free = dataclasses.replace(CONFIG, log_every=2, checkpoint_every=3)
    train(toy.module, toy.loss, free, tmp_path)
    with pytest.raises(CmetError, match=r"learning_rate 0\.001 there, 0\.5 here"):
        train(toy.module, toy.loss, dataclasses.replace(CONFIG, learning_rate=0.5), tmp_path)


@pytest.mark.parametrize("what", ["garbage", "empty", "torn", "another"])
def test_a_damaged_checkpoint_is_one_line(tmp_path, what):
    toy, path = Toy(), tmp_path / CHECKPOINT_FILE
    train(toy.module, toy.loss, CONFIG, tmp_path)
    if what == "another":
        torch.save({"weights": torch.zeros(2)}, path)
    else:
        whole = path.read_bytes()
        path.write_bytes({"garbage": b"garbage", "empty": b"", "torn": whole[:-500]}[what])
    with pytest.raises(CheckpointError, match="damaged, or no checkpoint") as error:
        train(toy.module, toy.loss, CONFIG, tmp_path)
    assert "delete it" in error.value.hint
    assert str(path) in error.value.message


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_checkpoint(tmp_path):
    toy = Toy()

    def breaks(step: int, rng: np.random.Generator) -> dict[str, torch.Tensor]:
        losses = toy.loss(step, rng)
        return losses if step < 4 else {"loss": losses["loss"] * math.nan}

    with pytest.raises(CmetError, match="loss of step 4 is nan"):
        train(toy.module, breaks, CONFIG, tmp_path)
    assert state_of(tmp_path)["step"] == 4


def test_a_gradient_that_is_no_number_is_not_kept_either(tmp_path):
    """The loss may be one while its slope is not: the weights would be spoilt, and saved."""
    toy = Toy()

    def breaks(step: int, rng: np.random.Generator) -> dict[str, torch.Tensor]:
        losses = toy.loss(step, rng)
        weight = next(toy.module.parameters())
        steep = (weight - weight.detach()).abs().sum().sqrt()  # 0, and infinitely steep
        return losses if step < 4 else {"loss": losses["loss"] + steep}

    with pytest.raises(CmetError, match="gradient of step 4 is"):
        train(toy.module, breaks, CONFIG, tmp_path)
    assert state_of(tmp_path)["step"] == 4
    assert all(t.isfinite().all() for t in state_of(tmp_path)["module"].values())


def test_what_has_learned_from_other_data_is_not_gone_on_with(tmp_path):
    """A finished run would be taken over as if it had seen them."""
    toy, table = Toy(), np.arange(6.0)
    mine, other = fingerprint(CONFIG, table), fingerprint(CONFIG, table + 1)
    train(toy.module, toy.loss, CONFIG, tmp_path, stop_at=4, learned_from=mine)
    with pytest.raises(CmetError, match="other data, or with other settings"):
        train(toy.module, toy.loss, CONFIG, tmp_path, learned_from=other)
    train(toy.module, toy.loss, CONFIG, tmp_path, learned_from=mine)


def test_a_fingerprint_is_of_content_and_settings():
    @dataclasses.dataclass(frozen=True)
    class Settings:
        weight: float = 1.0
        train: TrainConfig = TrainConfig()  # noqa: RUF009  frozen

    table = np.zeros((2, 3), np.float32)
    one = fingerprint(Settings(), table)
    assert one == fingerprint(Settings(train=TrainConfig(log_every=7)), table.copy())
    others = [
        fingerprint(Settings(2.0), table),
        fingerprint(Settings(), table + 1),
        fingerprint(Settings(), table.T),
        fingerprint(Settings(), table.astype(np.float64)),
    ]
    assert len({one, *others}) == 5


def test_rates_by_name_hold_a_part_back(tmp_path):
    toy = Toy()
    before = toy.module["a"][0].weight.detach().clone()
    config = dataclasses.replace(CONFIG, ema_decay=0.0)
    train(toy.module, toy.loss, config, tmp_path, rates={"a.": 0.0})
    assert torch.equal(before, toy.module["a"][0].weight)
    assert not torch.equal(toy.module["b"].weight, Toy().module["b"].weight)


@pytest.mark.parametrize(
    ("schedule", "step", "expected"),
    [
        ("constant", 99, 1.0),
        ("cosine", 0, 1 / 11),
        ("cosine", 10, 1.0),
        ("cosine", 49, 1.0),
        ("cosine", 75, 0.02 + 0.98 * 0.5),
        ("cosine", 100, 0.02),
    ],
)
def test_learning_rate(schedule, step, expected):
    config = TrainConfig(steps=100, learning_rate=1.0, schedule=schedule, warmup_steps=10)
    assert learning_rate(config, step) == pytest.approx(expected, abs=1e-3)


def test_curves_are_a_picture_of_every_logged_number(tmp_path):
    toy = Toy()
    train(toy.module, toy.loss, CONFIG, tmp_path)
    picture = cv2.imread(str(tmp_path / CURVES_FILE))
    assert picture.shape[1] == 3 * 320
    assert picture.shape[0] == 2 * 180  # loss, size, rate, norm
    assert (picture.min(axis=2) < 128).any()
