"""Training on a GPU, without one: torch's fake tensors refuse to mix devices, or to be read."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from cmet_cli.backends.edtalk.networks import EDTalk, EDTalkConfig
from cmet_cli.lab.training import noise, photographic
from cmet_cli.lab.training.loop import TrainConfig, _Run
from cmet_cli.lab.training.renderer_config import RendererConfig
from cmet_cli.lab.training.train_mini import mini_config
from cmet_cli.lab.training.train_renderer import RendererLosses, _reader, start_weights
from cmet_cli.lab.training.world import World, WorldConfig, draw_world

CUDA = torch.device("cuda:0")
SCHEDULE = TrainConfig(steps=9, batch=4, log_every=3, checkpoint_every=9, ema_decay=0.9, bf16=True)
CONFIG = RendererConfig(
    network=EDTalkConfig(channels=(8, 12, 16), latent_dim=48, expression_hidden=8, equalised=False),
    encoder=SCHEDULE,
    joint=SCHEDULE,
    members=2,
    read_back=2,
)


@pytest.fixture(scope="module")
def world() -> World:
    return draw_world(
        WorldConfig(
            size_px=16, cells=2, identities=2, lips=1, poses=1, expressions=2, people=4, workers=1
        )
    )


@pytest.fixture
def fake(monkeypatch):
    """A mode in which tensors have a device and a shape, and no numbers."""
    caches = noise._bicubic, noise.pixel_centres, photographic._linear_parts
    # Only a machine that has one makes a GPU's generator.
    monkeypatch.setattr(noise.Noise, "_seeded", lambda self, device: None)
    for cache in caches:
        cache.cache_clear()
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        yield mode
    for cache in caches:  # what they hold has no numbers either
        cache.cache_clear()


@pytest.fixture
def no_backward(monkeypatch):
    """Gradients are nought: torch's engine asks a real GPU for its streams."""

    def backward(loss):
        for group in backward.run.optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = torch.zeros_like(parameter)

    monkeypatch.setattr(torch.Tensor, "backward", backward)
    return backward


def run_of(stage: str, world: World, run_dir):
    with CUDA:
        model, critic = (start_weights(EDTalk(CONFIG.network)) for _ in range(2))
    critic.requires_grad_(False)
    losses = RendererLosses(model, world, CONFIG, critic, CUDA)
    module = _reader(model) if stage == "encoder" else model
    rates = {"enc.": 0.5}
    return _Run(module, SCHEDULE, run_dir, rates), getattr(losses, stage)


@pytest.mark.filterwarnings("ignore:.*CUDA is not available")
@pytest.mark.parametrize("stage", ["encoder", "joint"])
def test_a_step_stays_on_the_gpu_and_waits_for_no_number(stage, world, tmp_path, fake, no_backward):
    run, loss = run_of(stage, world, tmp_path)
    no_backward.run = run
    for _ in range(2):
        assert run.advance(loss, "cuda") == {"step": run.step}
    values = loss(0, np.random.default_rng(0))
    assert {value.device for value in values.values()} == {CUDA}
    with pytest.raises(DataDependentOutputException):  # the third is shown
        run.advance(loss, "cuda")


@pytest.mark.filterwarnings("ignore:.*CUDA is not available")
def test_the_test_sees_a_tensor_on_the_wrong_device(world, tmp_path, fake):
    run, loss = run_of("joint", world, tmp_path)

    def astray(step, rng):
        return {"loss": (loss(step, rng)["loss"] * torch.ones(2)).sum()}

    with pytest.raises(RuntimeError, match="two different devices"):
        run.advance(astray, "cuda")


def test_a_gpu_trains_in_larger_batches_and_a_cpu_as_ever():
    gpu, cpu = mini_config(CUDA), mini_config(torch.device("cpu"))
    assert cpu.renderer == RendererConfig()
    assert gpu.renderer.joint.batch == 4 * cpu.renderer.joint.batch
    assert gpu.renderer.joint.batch % gpu.renderer.members == 0
    assert dataclasses.replace(gpu, renderer=cpu.renderer) == cpu
