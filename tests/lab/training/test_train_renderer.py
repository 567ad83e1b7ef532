"""The renderer's training: the world's cells, the mixtures of a batch, both stages, resume."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from cmet_cli.backends.edtalk.networks import EDTalk, EDTalkConfig
from cmet_cli.lab.avatar.emotions import EMOTIONS, mean_expression
from cmet_cli.lab.avatar.face import draw
from cmet_cli.lab.avatar.face_state import EXPRESSION_SPREAD, FaceState
from cmet_cli.lab.avatar.identity import Identity
from cmet_cli.lab.training.batches import Shelf, draw_batch, to_tensor
from cmet_cli.lab.training.code_space import (
    EXPRESSION,
    LIPS,
    POSE,
    code_space,
    fit_code_space,
    fold_blink,
    sample_faces,
)
from cmet_cli.lab.training.loop import CHECKPOINT_FILE, TrainConfig, read_log
from cmet_cli.lab.training.photographic import PhotographicConfig
from cmet_cli.lab.training.renderer_config import RendererConfig
from cmet_cli.lab.training.train_renderer import (
    RendererLosses,
    _picture_errors,
    start_weights,
    train_encoder,
    train_joint,
)
from cmet_cli.lab.training.world import World, WorldConfig, draw_world, load_world

WORLD = WorldConfig(
    size_px=16, cells=3, identities=2, lips=2, poses=2, expressions=3, people=9, workers=1
)
NETWORK = EDTalkConfig(channels=(8, 12, 16), latent_dim=48, expression_hidden=8, equalised=False)
SHORT = TrainConfig(steps=4, batch=4, log_every=1, checkpoint_every=2, ema_decay=0.9)
REFINE = dataclasses.replace(SHORT, seed=9)
CONFIG = RendererConfig(
    network=NETWORK, encoder=SHORT, joint=SHORT, refine=REFINE, members=2, true_codes=(0.5, 0.5)
)


@pytest.fixture(scope="module")
def world() -> World:
    return draw_world(WORLD)


def fixed(loss_fn):
    """The same draw at every step."""
    return lambda: loss_fn(0, np.random.default_rng(0))


def fit(model: EDTalk, loss, steps: int = 40) -> tuple[dict, dict]:
    """First and last losses on one batch."""
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    first = last = None
    for _ in range(steps):
        last = loss()
        first = first or {k: float(v.detach()) for k, v in last.items()}
        optimizer.zero_grad()
        last["loss"].backward()
        optimizer.step()
    return first, {k: float(v.detach()) for k, v in last.items()}


def model() -> EDTalk:
    torch.manual_seed(0)
    return start_weights(EDTalk(NETWORK))


# ---------------------------------------------------------------------------- codes


def test_neutral_is_nought_and_every_emotion_survives_its_ten_numbers():
    space = code_space()
    assert not space.encode_state(FaceState()).any()
    for emotion in EMOTIONS[1:]:
        face = mean_expression(emotion)
        back = space.decode_expression(space.encode_expression(face))
        lost = np.linalg.norm((back - face) / EXPRESSION_SPREAD)
        assert lost < 0.14 * np.linalg.norm(face / EXPRESSION_SPREAD), emotion


def test_kept_code_space_holds_faces_about_as_well_as_a_fitted_one():
    """Kept, because the shipped weights speak it, while the world's emotions have changed since."""
    kept, fitted, rng = code_space(), fit_code_space(), np.random.default_rng(1)
    np.testing.assert_allclose(kept.lips, fitted.lips, atol=1e-5)
    faces = np.stack([fold_blink(*sample_faces(rng)) for _ in range(1000)])

    def lost(space):
        apart = (
            space.decode_expression(space.encode_expression(faces)) - faces
        ) / EXPRESSION_SPREAD
        return np.square(apart).sum() / np.square(faces / EXPRESSION_SPREAD).sum()

    assert lost(fitted) < 0.04
    assert lost(kept) < lost(fitted) + 0.005


def test_codes_map_back_and_keep_distances():
    space, rng = code_space(), np.random.default_rng(0)
    for matrix in (space.lips, space.expression.T):
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(len(matrix)), atol=1e-5)
    lips = rng.uniform(0, 1, (5, 3)).astype(np.float32)
    np.testing.assert_allclose(space.decode_lips(space.encode_lips(lips)), lips, atol=1e-5)


def test_a_blink_is_an_eye_closing_whatever_it_was_before():
    wide, half = np.zeros((2, 14), np.float32)
    wide[3], half[3] = 1.0, -0.5
    assert fold_blink(wide, 0.0)[3] == 1.0
    assert fold_blink(wide, 1.0)[3] == pytest.approx(fold_blink(half, 1.0)[3])
    assert fold_blink(half, 1.0)[3] < -1
    assert fold_blink(half, 0.5)[3] < fold_blink(half, 0.0)[3]


# ---------------------------------------------------------------------------- world


def test_every_mixture_of_a_cell_is_its_picture(world):
    # Cells stand alone, whichever process draws them.
    other = draw_world(dataclasses.replace(WORLD, cells=2, workers=2))
    np.testing.assert_array_equal(other.pictures, world.pictures[:2])
    assert world.pictures.shape == (3, 2, 2, 2, 3, 16, 16, 3)
    assert world.lips.shape == (3, 2, 20)
    assert world.focus.shape == (3, 2, 2, 16, 16)
    # Pictures differ by identity, lips, pose and expression.
    cell = world.pictures[0].astype(int)
    for axis in range(4):
        assert np.abs(cell.take(0, axis) - cell.take(1, axis)).max() > 8, axis
    assert np.linalg.norm(world.expression[:, 0], axis=1).max() < 1.0  # the first is neutral


def test_pictures_are_those_that_the_codes_say(world):
    """Lips, pose and expression mapped back draw nearly the same picture."""
    space = code_space()
    rng = np.random.default_rng([WORLD.seed, 1])
    person = int(rng.choice(WORLD.people, WORLD.identities, replace=False)[0])
    lips = space.decode_lips(world.lips[1, 1])
    face = space.decode_expression(world.expression[1, 2])
    pose = world.pose[1, 0] * np.array([0.03, 0.03, 0.06, 0.04, 0.35, 0.3], np.float32)
    again = draw(Identity.from_seed(person), FaceState(lips, pose, face), 16)
    truth = world.pictures[1, 0, 1, 0, 2].astype(int)
    assert np.abs(again.astype(int) - truth).mean() < 2.5
    assert np.abs(again.astype(int) - world.pictures[1, 1, 1, 0, 2]).mean() > 8


def test_a_world_is_drawn_once(world, tmp_path):
    first = load_world(WORLD, tmp_path)
    np.testing.assert_array_equal(first.pictures, world.pictures)
    (kept,) = tmp_path.iterdir()
    stamp = kept.stat().st_mtime_ns
    load_world(dataclasses.replace(WORLD, workers=2), tmp_path)
    assert kept.stat().st_mtime_ns == stamp


# ---------------------------------------------------------------------------- batches


def test_targets_are_mixtures_of_the_batch(world):
    plain = dataclasses.replace(CONFIG, photographic=None)
    batch = draw_batch(Shelf.of(world), plain, 6, np.random.default_rng(1))
    lips, pose, expression = batch.drivers
    mixed = torch.cat(
        [
            batch.source_codes[lips, LIPS],
            batch.source_codes[pose, POSE],
            batch.source_codes[expression, EXPRESSION],
        ],
        dim=1,
    )
    torch.testing.assert_close(mixed, batch.target_codes)
    members = CONFIG.members
    cell = torch.arange(6) // members
    assert all((driver // members == cell).all() for driver in batch.drivers)
    # A target that mixes nothing is its source.
    same = (batch.drivers == torch.arange(6)).all(0)
    difference = (batch.pair.target - batch.pair.source).abs().amax(dim=(1, 2, 3))
    assert (difference[same] == 0).all()
    for i in range(6):  # the target's picture is in the world, with the target's codes
        where = (world.pictures == from_tensor(batch.pair.target[i])).all(axis=(-3, -2, -1))
        cell_at, _, lip_at, pose_at, face_at = (int(x[0]) for x in where.nonzero())
        np.testing.assert_array_equal(batch.target_codes[i, LIPS], world.lips[cell_at, lip_at])
        np.testing.assert_array_equal(batch.target_codes[i, POSE], world.pose[cell_at, pose_at])
        np.testing.assert_array_equal(
            batch.target_codes[i, EXPRESSION], world.expression[cell_at, face_at]
        )


def from_tensor(image: torch.Tensor) -> np.ndarray:
    return ((image.permute(1, 2, 0) + 1) * 127.5).round().numpy().astype(np.uint8)


def test_where_much_is_made_of_a_difference_goes_where_the_picture_goes(world):
    """Shown as a picture, it stays on itself, however that is put, stretched and bent."""
    seen = world.focus[:, :, None, :, None, :, :, None]
    drawn = dataclasses.replace(
        world, pictures=np.ascontiguousarray(np.broadcast_to(seen, world.pictures.shape))
    )
    still = dict.fromkeys(
        ("texture", "patches", "light", "cast", "contrast", "faint", "blur", "grain", "blocks"), 0.0
    )
    moving = PhotographicConfig(**still, colour=0.0, size=0.1, across=0.15, bend=0.05)
    config = dataclasses.replace(CONFIG, photographic=moving)
    batch = draw_batch(Shelf.of(drawn), config, 6, np.random.default_rng(1))
    shown = (batch.pair.target.mean(1, keepdim=True) + 1) / 2
    assert batch.focus.std() > 0.05
    assert (batch.focus - shown).abs().mean() < 0.1 * batch.focus.std()
    assert batch.pair.head.shape == batch.focus.shape == (6, 1, 16, 16)
    unmoved = draw_batch(
        Shelf.of(drawn), dataclasses.replace(CONFIG, photographic=None), 6, np.random.default_rng(1)
    )
    assert (batch.focus - unmoved.focus).abs().mean() > 0.3 * batch.focus.std()


def test_expression_only_targets_keep_lips_and_pose(world):
    config = dataclasses.replace(CONFIG, expression_only_share=1.0, neutral_share=1.0)
    batch = draw_batch(Shelf.of(world), config, 6, np.random.default_rng(1))
    assert (batch.drivers[:2] == torch.arange(6)).all()
    assert (batch.drivers[2] != torch.arange(6)).all()


# ---------------------------------------------------------------------------- training


def test_start_passes_the_source_through_unwarped():
    network = model()
    image = torch.rand(1, 3, 16, 16) * 2 - 1
    source = network.prepare_source(image)
    plain, moved = (
        network.render(source, torch.full((1, 36), value)).detach() for value in (0.0, 1.0)
    )
    assert (plain - moved).abs().mean() < 0.2 * plain.abs().mean()


def test_encoder_stage_learns_a_fixed_batch(world):
    network = model()
    first, last = fit(network, fixed(RendererLosses(network, world, CONFIG).encoder))
    assert last["loss"] < 0.5 * first["loss"]


def test_joint_stage_learns_a_fixed_batch(world):
    network, critic = model(), model().requires_grad_(False)
    loss = fixed(RendererLosses(network, world, CONFIG, critic).joint)
    first, last = fit(network, loss)
    assert last["loss"] < 0.6 * first["loss"]
    for name in ("l1", "gradient", "codes", "perception"):
        assert last[name] < first[name], name
    assert last["psnr_db"] > first["psnr_db"] + 3


def test_picture_losses_know_a_right_picture_from_a_wrong_one(world):
    batch = draw_batch(Shelf.of(world), CONFIG, 4, np.random.default_rng(1))
    right = _picture_errors(batch.pair.target, batch, 6.0)
    wrong = _picture_errors(batch.pair.target.flip(0), batch, 6.0)
    assert all(float(value) == 0 for value in right.values())
    assert all(float(value) > 0.01 for value in wrong.values())


def test_both_stages_resume_bit_for_bit(world, tmp_path):
    straight = train_joint(
        train_encoder(world, CONFIG, tmp_path / "e"), world, CONFIG, tmp_path / "a"
    )

    def crash(stage: str, done: int, total: int | None) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_encoder(world, CONFIG, tmp_path / "f", crash)
    encoder = train_encoder(world, CONFIG, tmp_path / "f")
    with pytest.raises(KeyboardInterrupt):
        train_joint(encoder, world, CONFIG, tmp_path / "b", crash)
    resumed = train_joint(encoder, world, CONFIG, tmp_path / "b")
    for name, value in straight.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    assert [e["step"] for e in read_log(tmp_path / "b")] == [1, 2, 3, 4]
    assert (tmp_path / "b" / CHECKPOINT_FILE).is_file()


def test_the_encoder_learns_slower_than_the_decoder(world, tmp_path):
    config = dataclasses.replace(CONFIG, encoder_rate=0.0, joint=dataclasses.replace(SHORT, seed=3))
    encoder = train_encoder(world, config, tmp_path / "e")
    after = train_joint(encoder, world, config, tmp_path / "a")
    image = to_tensor(world.pictures[0, 0, 0, 0, :1])
    assert torch.equal(encoder.encode(image)[0], after.encode(image)[0])
    assert F.l1_loss(encoder.dec.input.input, after.dec.input.input) > 0
