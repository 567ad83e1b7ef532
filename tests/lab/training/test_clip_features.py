"""The avatar world as training data, and how pairs are drawn from any data."""

from dataclasses import replace

import bank_data
import numpy as np
import pytest

from cmet_cli.errors import UsageError
from cmet_cli.lab.avatar.dataset import world_clip
from cmet_cli.lab.avatar.emotions import BASIC_EMOTIONS
from cmet_cli.lab.avatar.face_state import EXPRESSION_SPREAD
from cmet_cli.lab.layout import ClipKey
from cmet_cli.lab.seeds import CALIBRATION_SEEDS, EVALUATION_SEEDS, TRAINING_SEEDS
from cmet_cli.lab.training.clip_features import (
    WorldFeatures,
    WorldSpec,
    known_codes,
    load_all,
)
from cmet_cli.lab.training.code_space import code_space
from cmet_cli.lab.training.pairs import FeatureBank, SamplingConfig

WINDOW = 5
PAIRS = SamplingConfig((1, 1), (1, 1))


class Ear:
    """Hears loudness and length only."""

    dim = 2

    def feature(self, wave):
        return np.array([np.sqrt((wave**2).mean()), wave.size], np.float32)


def test_seeds_are_kept_apart_and_the_extended_emotions_out():
    assert TRAINING_SEEDS.stop == CALIBRATION_SEEDS.start
    assert CALIBRATION_SEEDS.stop == EVALUATION_SEEDS.start == 100_000
    assert WorldSpec().emotions == BASIC_EMOTIONS
    with pytest.raises(UsageError, match="bored"):
        WorldSpec(emotions=("neutral", "bored"))


def test_the_world_is_a_source_of_whole_clips():
    source = WorldFeatures(WorldSpec(2, 5, 1, 0.6, ("neutral", "happy")), Ear())
    assert len(source.keys()) == 2 * (1 + 3)
    clip = source.load(source.keys()[1])
    assert clip.codes.shape == (15, 10)
    assert clip.codes.dtype == np.float32
    assert clip.speech[1] == 0.6 * 16000
    again = source.load(source.keys()[1])
    assert np.array_equal(clip.codes, again.codes)
    keys = []

    def progress(stage, done, total):
        keys.append((stage, done, total))

    assert len(load_all(source, progress).clips) == 8
    assert keys[-1] == ("features", 8, 8)


def test_codes_may_come_from_any_function():
    spec = WorldSpec(1, 0, 1, 0.4, ("neutral",))
    source = WorldFeatures(spec, Ear(), lambda clip: np.full((len(clip), 10), 7, np.float32))
    assert (source.load(source.keys()[0]).codes == 7).all()


def test_known_codes_hold_expression_and_blink():
    clip = world_clip(ClipKey("3", "happy", 3, 1), 2.0)
    codes = known_codes(clip)
    back = code_space().decode_expression(codes)
    still = clip.blink < 0.05
    error = np.abs(back - clip.expression)[still] / EXPRESSION_SPREAD
    assert error.mean() < 0.35
    assert np.abs(np.roll(back, 1, 1) - clip.expression)[still].mean() > 3 * error.mean() * 0.45
    sad = known_codes(world_clip(ClipKey("3", "sad", 3, 1), 2.0))
    assert np.linalg.norm(codes.mean(0) - sad.mean(0)) > 2


def test_every_key_says_and_shows_something_else():
    a, b, c = (
        world_clip(ClipKey("3", e, 3, n), 1.0) for e, n in (("sad", 1), ("sad", 2), ("fear", 1))
    )
    assert a.identity == b.identity == c.identity
    assert not np.array_equal(a.pose, b.pose)
    assert not np.array_equal(a.pose, c.pose)
    assert not np.array_equal(a.wave, world_clip(ClipKey("3", "sad", 3, 1), 1.0, seed=1).wave)


def test_a_pair_is_one_person_and_two_emotions():
    made = bank_data.clips(noise=0.0)
    bank = FeatureBank(made)
    assert bank.emotions[0] == "neutral"
    pairs = bank.draw(np.random.default_rng(0), 64, WINDOW, PAIRS)
    assert pairs.codes.shape == (64, 2, 10, 10)
    assert pairs.speech.shape == (64, 2, bank_data.SPEECH_DIM)
    assert (pairs.emotions[:, 0] != pairs.emotions[:, 1]).all()
    shown = [
        (c.key.identity, bank.emotions.index(c.key.emotion), c.codes[0].tobytes()) for c in made
    ]
    for b in range(64):
        owners = []
        for side in (0, 1):
            wanted = int(pairs.emotions[b, side]), pairs.codes[b, side, 0].numpy().tobytes()
            owners.append({person for person, *rest in shown if tuple(rest) == wanted})
        assert owners[0] & owners[1], "both sides belong to one person"


def test_the_same_seed_draws_the_same_pairs():
    bank = FeatureBank(bank_data.clips())
    a, b, c = (bank.draw(np.random.default_rng(s), 8, WINDOW, PAIRS) for s in (1, 1, 2))
    assert a.codes.equal(b.codes)
    assert a.speech.equal(b.speech)
    assert not a.codes.equal(c.codes)


def test_ten_of_three_are_drawn_with_repetition_and_averaged():
    bank = FeatureBank(bank_data.clips(noise=1.0, per_group=3))
    one = bank.draw(np.random.default_rng(0), 200, WINDOW, SamplingConfig((1, 1), (1, 1)))
    ten = bank.draw(np.random.default_rng(0), 200, WINDOW, SamplingConfig((10, 10), (10, 10)))
    assert np.isfinite(ten.codes.numpy()).all()
    wander = [np.diff(p.codes.numpy(), axis=2).std() for p in (one, ten)]
    assert wander[1] < 0.6 * wander[0]


def test_short_clips_are_held_at_their_last_frame():
    bank = FeatureBank(bank_data.clips(frames=3))
    codes = bank.draw(np.random.default_rng(0), 4, WINDOW, PAIRS).codes.numpy()
    assert (codes[:, :, 3:] == codes[:, :, 2:3]).all()
    assert (codes[:, :, 0] != codes[:, :, 2]).any()


def test_levels_are_mixed_or_kept_apart():
    made = bank_data.clips(people=1, noise=0.0)
    bank = FeatureBank(made)
    sizes = {}
    for by_level in (False, True):
        config = SamplingConfig((9, 9), (9, 9), by_level=by_level)
        pairs = bank.draw(np.random.default_rng(0), 60, WINDOW, config)
        angry = pairs.emotions == bank.emotions.index("angry")
        sizes[by_level] = {round(float(n), 2) for n in pairs.speech[angry].norm(dim=-1)}
    assert len(sizes[True]) == 3  # a third, two thirds, all of it
    assert len(sizes[False]) == 1  # nine clips: three of each level, all of them


def test_neutral_sides_and_other_voices_come_as_asked():
    bank = FeatureBank(bank_data.clips(people=4, noise=0.0))
    config = SamplingConfig((1, 1), (1, 1), neutral_share=1.0)
    emotions = bank.draw(np.random.default_rng(0), 50, WINDOW, config).emotions
    assert (emotions == 0).any(dim=1).all()
    assert 5 < int((emotions[:, 0] == 0).sum()) < 45  # both ways
    voices = [
        replace(c, speech=np.array([float(c.key.identity[1:])], np.float32))
        for c in bank_data.clips(people=4)
    ]
    bank = FeatureBank(voices)  # a voice says whose it is, and nothing else
    own = bank.draw(np.random.default_rng(0), 50, WINDOW, PAIRS).speech[..., 0]
    assert own[:, 0].equal(own[:, 1])
    config = replace(PAIRS, other_voice=1.0)
    others = bank.draw(np.random.default_rng(0), 50, WINDOW, config).speech[..., 0]
    assert 0.5 < float((others[:, 0] != others[:, 1]).float().mean()) < 1


def test_the_own_window_is_one_clip_s_and_the_change_is_between_means():
    bank = FeatureBank(bank_data.clips(people=1, noise=1.0, per_group=6))
    config = SamplingConfig((6, 6), (1, 1), own_window=True, by_level=True)
    pairs = bank.draw(np.random.default_rng(0), 100, WINDOW, config)
    wander = [np.diff(x.numpy(), axis=2).std() for x in (pairs.shown, pairs.codes)]
    assert wander[1] < 0.6 * wander[0]
    plain = bank.draw(np.random.default_rng(0), 4, WINDOW, SamplingConfig((6, 6), (1, 1)))
    assert plain.shown.equal(plain.codes)
