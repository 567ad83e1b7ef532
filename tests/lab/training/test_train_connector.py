"""Training the connector: both directions, references, resume, and that it learns."""

import dataclasses
import json

import bank_data
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from cmet_cli.backends.edtalk.connector import Connector, ConnectorConfig
from cmet_cli.errors import CheckpointError, UsageError
from cmet_cli.lab.training.gain import (
    calibrate_gain,
    code_error_score,
    cosines,
    draw_trials,
    predict,
)
from cmet_cli.lab.training.loop import TrainConfig, read_log
from cmet_cli.lab.training.losses import LossConfig
from cmet_cli.lab.training.pairs import FeatureBank, PairBatch, SamplingConfig
from cmet_cli.lab.training.train_connector import (
    ConnectorObjective,
    ConnectorTraining,
    mini_training,
    published_training,
    save_connector,
    train_connector,
)
from cmet_cli.weights.checkpoint import load_strict, read_tensors

TINY = ConnectorConfig(
    width=32,
    layers=1,
    heads=2,
    feedforward=32,
    speech_dim=bank_data.SPEECH_DIM,
    dropout=0.0,
    positions=16,
)


def tiny(steps=6, dropout=0.0, **changes):
    schedule = TrainConfig(
        steps=steps,
        batch=8,
        learning_rate=3e-3,
        seed=5,
        log_every=1,
        checkpoint_every=2,
        ema_decay=0.9,
    )
    config = ConnectorTraining(
        model=dataclasses.replace(TINY, dropout=dropout),
        sampling=SamplingConfig((2, 3), (1, 3), own_window=True, by_level=True),
        losses=LossConfig("l2", "pairs", "plain"),
        schedule=schedule,
    )
    return dataclasses.replace(config, **changes)


@pytest.fixture(scope="module")
def bank():
    return FeatureBank(bank_data.clips())


def objective(bank, config=None, seed=0):
    torch.manual_seed(seed)
    config = config or tiny()
    return ConnectorObjective(Connector(config.model).eval(), bank, config)


def swapped(pairs: PairBatch) -> PairBatch:
    return PairBatch(*(p.flip(1) for p in (pairs.codes, pairs.shown, pairs.speech, pairs.emotions)))


def test_published_settings():
    config = published_training()
    s, m = config.schedule, config.model
    assert (s.steps, s.batch, s.learning_rate, s.weight_decay) == (200_000, 128, 1e-4, 1e-5)
    assert (s.seed, s.schedule, s.betas) == (42, "constant", (0.9, 0.999))
    assert (m.window, m.dropout, m.width, m.speech_dim) == (5, 0.1, 1024, 1024)
    assert config.sampling.visual_samples == config.sampling.speech_samples == (10, 10)


@pytest.mark.parametrize("references", [(1.0, 0.0), (0.0, 0.0)])
def test_both_directions_are_treated_alike(bank, references):
    """A pair and the same pair turned round have the same losses: signs and sides all agree."""
    zero, predicted = references
    one = objective(bank, tiny(zero_reference=zero, predicted_reference=predicted))
    pairs = bank.draw(np.random.default_rng(0), 8, 5, SamplingConfig((2, 2), (2, 2)))
    choice = torch.full((8,), 0.5)
    a, b = one.losses(pairs, choice), one.losses(swapped(pairs), choice)
    for name in ("loss", "recon", "contrast", "direction"):
        assert torch.allclose(a[name], b[name], atol=1e-5), name


def test_a_wrong_sign_in_one_direction_would_show(bank):
    one = objective(bank)
    pairs = bank.draw(np.random.default_rng(0), 8, 5, SamplingConfig((2, 2), (2, 2)))
    choice, half = torch.full((8,), 0.9), pairs.speech.mean(1, keepdim=True)
    moved = PairBatch(pairs.codes, pairs.shown, pairs.speech - half, pairs.emotions)
    turned = PairBatch(pairs.codes, pairs.shown, pairs.speech.flip(1), pairs.emotions)
    right = one.losses(pairs, choice)["recon"]
    assert torch.allclose(one.losses(moved, choice)["recon"], right, atol=1e-5)  # differences only
    assert (one.losses(turned, choice)["recon"] - right).abs() > 1e-4


def test_references_are_zeros_predicted_or_true(bank):
    one = objective(bank, tiny(zero_reference=0.25, predicted_reference=0.25))
    pairs = bank.draw(np.random.default_rng(1), 3, 5, SamplingConfig((2, 2), (2, 2)))
    speech = (pairs.speech[:, 1] - pairs.speech[:, 0])[:, None]
    reference = one._reference(pairs, speech, torch.tensor([0.1, 0.3, 0.9]))
    zeros = torch.zeros(1, 5, 10)
    with torch.no_grad():
        own = one.connector(zeros, speech[1:2], pairs.shown[1:2, 0, :5])
    assert torch.equal(reference[0], zeros[0])
    assert torch.allclose(reference[1], own[0], atol=1e-6)
    assert torch.equal(reference[2], pairs.codes[2, 1, :5] - pairs.codes[2, 0, :5])


def test_predicting_a_reference_leaves_the_network_as_it_was(bank):
    one = objective(bank, tiny(zero_reference=0.0, predicted_reference=1.0))
    one.connector.train()
    mean = one.connector.exp_encoder[0].conv_block[1].running_mean.clone()
    pairs = bank.draw(np.random.default_rng(1), 3, 5, SamplingConfig((2, 2), (2, 2)))
    reference = one._reference(pairs, pairs.speech[:, :1], torch.full((3,), 0.5))
    assert one.connector.training
    assert not reference.requires_grad
    assert torch.equal(mean, one.connector.exp_encoder[0].conv_block[1].running_mean)


def test_a_zero_weight_takes_a_loss_out(bank):
    losses = LossConfig("l2", "pairs", "plain", lambda_contrast=0.0, lambda_direction=0.0)
    values = objective(bank, tiny(losses=losses))(0, np.random.default_rng(0))
    assert torch.equal(values["loss"], values["recon"])
    assert values["contrast"] > 0


@pytest.mark.parametrize("form", ["pairs", "labels"])
@pytest.mark.parametrize("recon", ["l2", "focal"])
def test_the_loss_falls_on_a_fixed_batch(bank, form, recon):
    one = objective(bank, tiny(losses=LossConfig(recon, form)))
    one.connector.train()
    optimizer = torch.optim.AdamW(one.connector.parameters(), lr=3e-3)
    first = last = None
    for _ in range(25):
        values = one(0, np.random.default_rng(7))
        optimizer.zero_grad()
        values["loss"].backward()
        optimizer.step()
        first, last = first or values["loss"].item(), values["loss"].item()
    assert last < 0.8 * first


def test_a_resumed_run_is_the_run_that_was_never_stopped(bank, tmp_path):
    config = tiny(dropout=0.2)
    whole = train_connector(bank, config, tmp_path / "a").state_dict()
    train_connector(bank, config, tmp_path / "b", stop_at=3)
    assert not (tmp_path / "b/connector.safetensors").exists()
    resumed = train_connector(bank, config, tmp_path / "b").state_dict()
    for name, value in whole.items():
        assert torch.equal(value, resumed[name]), name
    assert read_log(tmp_path / "a") == read_log(tmp_path / "b")
    assert (tmp_path / "a/curves.png").stat().st_size > 1000
    other = train_connector(
        bank, tiny(schedule=dataclasses.replace(config.schedule, seed=6)), tmp_path / "c"
    )
    assert not torch.equal(
        other.state_dict()["projector.projector.0.weight"], whole["projector.projector.0.weight"]
    )


def test_a_run_folder_keeps_to_its_configuration(bank, tmp_path):
    train_connector(bank, tiny(), tmp_path, stop_at=1)
    noted = json.loads((tmp_path / "connector.json").read_text())
    assert noted["losses"]["temperature"] == 0.1
    with pytest.raises(CheckpointError, match="another configuration"):
        train_connector(bank, tiny(zero_reference=0.5), tmp_path)


def test_a_run_does_not_begin_among_somebodys_files(bank, tmp_path):
    own = tmp_path / "connector.safetensors"
    own.write_bytes(b"my own")
    with pytest.raises(UsageError, match="files that are no run's"):
        train_connector(bank, tiny(), tmp_path, stop_at=1)
    assert [path.name for path in tmp_path.iterdir()] == [own.name]
    assert own.read_bytes() == b"my own"


def test_data_that_do_not_fit_are_refused(bank, tmp_path):
    with pytest.raises(UsageError, match="6 numbers"):
        train_connector(bank, tiny(model=dataclasses.replace(TINY, speech_dim=7)), tmp_path)
    emotions = ("neutral", "sarcastic", "happy")
    with pytest.raises(UsageError, match="sarcastic"):
        train_connector(FeatureBank(bank_data.clips(emotions=emotions)), tiny(), tmp_path)
    with pytest.raises(UsageError, match="two emotions"):
        FeatureBank(bank_data.clips(emotions=("happy",)))


def test_weights_load_strictly_in_half_precision_too(tmp_path):
    torch.manual_seed(0)
    connector = Connector(TINY)
    save_connector(connector, tmp_path / "c.safetensors", half=True)
    assert load_file(tmp_path / "c.safetensors")["Norm.weight"].dtype == torch.float16
    again = Connector(TINY)
    load_strict(again, read_tensors(tmp_path / "c.safetensors"), tmp_path)
    assert torch.allclose(again.Norm.weight, connector.Norm.weight, atol=1e-3)


def test_it_learns_the_directions_and_works_from_zeros(tmp_path):
    """A few seconds of training, then whole clips with references of its own making."""
    made = bank_data.clips(people=6, per_group=4)
    config = mini_training(bank_data.SPEECH_DIM)
    schedule = dataclasses.replace(
        config.schedule, steps=60, batch=16, learning_rate=8e-3, warmup_steps=5, ema_decay=0.9
    )
    config = dataclasses.replace(
        config, model=dataclasses.replace(TINY, positions=64), schedule=schedule
    )
    connector = train_connector(FeatureBank(made), config, tmp_path)
    trials = draw_trials(made, 4)
    deltas = predict(connector, trials)
    assert [d.shape for d in deltas] == [t.codes.shape for t in trials]
    assert min(cosines(trials, deltas).values()) > 0.85
    # Deaf, it would still find the mean emotion: with the speech turned round it must be wrong.
    wrong = [dataclasses.replace(t, speech=-t.speech) for t in trials]
    assert max(cosines(trials, predict(connector, wrong)).values()) < 0


def test_gain_is_the_one_of_the_best_score():
    choice = calibrate_gain(lambda g: -((g - 1.3) ** 2), [1.0, 1.25, 1.5])
    assert choice.gain == 1.25
    assert len(choice.table) == 3
    assert calibrate_gain(lambda g: 1.0, [1.1, 1.0, 1.2]).gain == 1.0


def test_gain_of_the_least_code_error_undoes_a_known_shrinkage():
    trials = draw_trials(bank_data.clips(noise=0.0), 3)
    deltas = [np.repeat(t.change[None] / 1.5, 4, axis=0) for t in trials]
    assert calibrate_gain(code_error_score(trials, deltas)).gain == pytest.approx(1.5)


def test_trials_use_other_people_s_voices_and_true_changes():
    made = bank_data.clips(noise=0.0)
    trials = draw_trials(made, 5)
    assert {t.emotion for t in trials} == {"angry", "happy", "sad"}
    faces = bank_data.centres(10)
    for trial in trials:
        index = bank_data.EMOTIONS.index(trial.emotion)
        assert np.allclose(trial.change, faces[index], atol=1e-5)
    again = draw_trials(made, 5)
    assert all(np.array_equal(a.speech, b.speech) for a, b in zip(trials, again, strict=True))
