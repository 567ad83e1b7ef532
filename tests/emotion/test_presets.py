"""Named emotions as files, and which of them count."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import save_file

from cmet_cli.emotion import presets as library
from cmet_cli.emotion.hearing import hear, is_unlike
from cmet_cli.emotion.presets import Known, Presets, preset_of, read_preset, write_preset
from cmet_cli.errors import CheckpointError, UsageError
from cmet_cli.weights.folder import inspect_folder, mini_folder

DIM = 6


def preset(name, *values, encoder="ear", count=1, neutral=None):
    rows = np.zeros((count, DIM), np.float32)
    rows[:, : len(values)] = values
    return preset_of(name, rows, encoder, "made here", neutral)


def known(*presets, origin="yours"):
    return [Known(p, origin) for p in presets]


def test_a_preset_comes_back_as_it_was_written(tmp_path):
    rows = np.random.default_rng(0).normal(size=(5, DIM)).astype(np.float32)
    before = preset_of("weary", rows, "ear 7", "five clips", rows[0])
    write_preset(before, tmp_path / "a.safetensors")
    after = read_preset(tmp_path / "a.safetensors")
    assert (after.name, after.encoder, after.count, after.about) == (
        "weary",
        "ear 7",
        5,
        "five clips",
    )
    assert np.array_equal(after.mean, rows.mean(0))
    assert np.array_equal(after.spread, rows.std(0))
    assert np.array_equal(after.neutral, rows[0])
    with pytest.raises(UsageError, match="exists"):
        write_preset(before, tmp_path / "a.safetensors")


def _other(tmp_path, said, **arrays):
    path = tmp_path / "x.safetensors"
    save_file({k: np.asarray(v, np.float32) for k, v in arrays.items()}, path, said)
    return path


GOOD = {"format": "cmet emotion 1", "name": "x", "encoder": "e", "count": "1", "about": ""}


@pytest.mark.parametrize(
    ("said", "arrays", "words"),
    [
        ({}, {"mean": [1], "spread": [1]}, "not an emotion"),
        (GOOD, {"mean": [1, 2]}, "no finite mean"),
        (GOOD, {"mean": [1, 2], "spread": [1]}, "one length"),
        (GOOD, {"mean": [np.nan], "spread": [1]}, "finite"),
        (GOOD, {"mean": [[1]], "spread": [[1]]}, "one length"),
        (GOOD | {"name": "../x"}, {"mean": [1], "spread": [1]}, "cannot be the name"),
    ],
)
def test_other_files_are_refused_by_name(tmp_path, said, arrays, words):
    path = _other(tmp_path, said, **arrays)
    with pytest.raises(CheckpointError, match=words) as caught:
        read_preset(path)
    assert str(path) in str(caught.value)


def test_damaged_and_huge_files_are_refused(tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"\xff" * 100)
    with pytest.raises(CheckpointError, match="damaged"):
        read_preset(path)
    path.write_bytes(bytes(2 << 20))
    with pytest.raises(CheckpointError, match="too large"):
        read_preset(path)


def test_a_direction_is_the_difference_from_neutral():
    presets = Presets(known(preset("happy", 3, 1), preset("neutral", 1, 1)), "ear")
    assert presets.direction("happy")[:2].tolist() == [2, 0]
    assert presets.names == ("happy",)


def test_a_presets_own_neutral_goes_before():
    own = np.full(DIM, 2, np.float32)
    presets = Presets(known(preset("weary", 3, 1, neutral=own), preset("neutral", 1)), "ear")
    assert presets.direction("weary")[0] == 1


def test_the_first_of_two_with_one_name_counts():
    both = [*known(preset("happy", 5), preset("neutral")), *known(preset("happy", 9))]
    assert Presets(both, "ear").direction("happy")[0] == 5


def test_one_of_another_encoder_is_refused_by_name():
    presets = Presets(known(preset("weary", 1, encoder="other 3"), preset("neutral")), "ear")
    with pytest.raises(UsageError, match=r"another speech encoder \(other 3\)"):
        presets.direction("weary")
    assert "weary" not in presets.names


def test_one_of_another_length_is_nobodys():
    """It says that it is this encoder's; what is asked by the others goes on."""
    odd = preset_of("odd", np.ones((2, DIM - 1), np.float32), "ear", "")
    model = [
        Known(preset("happy", 5), "with the model"),
        Known(preset("neutral"), "with the model"),
    ]
    presets = Presets([Known(odd, "yours"), *model], "ear")
    assert presets.names == ("happy",)
    assert presets.direction("happy")[0] == 5
    with pytest.raises(UsageError, match=f"not {DIM} numbers"):
        presets.direction("odd")


def test_a_misspelt_name_is_guessed():
    presets = Presets(known(preset("happy", 1), preset("neutral")), "ear")
    with pytest.raises(UsageError) as caught:
        presets.direction("hapy")
    assert "did you mean 'happy'" in caught.value.hint


def test_published_features_are_presets(tmp_path):
    rng = np.random.default_rng(1)
    for name in ("happy", "neutral"):
        place = tmp_path / "MEAD" / name / library.FEATURE_FOLDER
        place.mkdir(parents=True)
        for i in range(3):
            np.save(place / f"{i}.npy", rng.normal(size=1024).astype(np.float32))
        (place / "bad.npy").write_bytes(b"no array")
    found = library.published_presets(tmp_path)
    assert {k.preset.name: k.preset.count for k in found} == {"happy": 3, "neutral": 3}
    assert Presets(found, library.EMOTION2VEC).names == ("happy",)


def test_what_ships_with_the_mini_model_belongs_to_its_ear():
    from cmet_cli.emotion.speech.choose import encoder_name

    weights = inspect_folder(mini_folder())
    presets = library.presets_for(weights, encoder_name(weights))
    assert len(presets.names) == 9
    assert {k.preset.count for k in presets.by_name.values()} == {32}


def test_hearing_names_what_is_alike():
    presets = Presets(
        known(preset("happy", 1), preset("sad", 0, 1), preset("fear", 0.9, 0.3), preset("neutral")),
        "ear",
    )
    vector = np.array([0, 2, 0, 0, 0, 0], np.float32)
    heard = hear(vector, vector, presets)
    assert heard.shares[0][0] == "sad"
    assert sum(share for _, share in heard.shares) == pytest.approx(1, abs=1e-3)
    assert heard.sure
    assert hear(vector, vector, presets, {"happy", "fear"}).shares[0][0] == "fear"


def test_a_voice_far_from_all_that_is_known_is_not_sure():
    spread = np.eye(DIM, dtype=np.float32)[[0, 1, 2, 3, 4, 5, 0, 1]]
    near = [preset_of(n, spread + i, "ear", "") for i, n in enumerate(("happy", "sad", "neutral"))]
    presets = Presets(known(*near), "ear")
    vector = presets.direction("happy")
    assert not hear(vector, near[0].mean, presets).unlike
    assert hear(vector, near[0].mean + 50, presets).unlike


def test_a_few_recordings_of_ones_own_do_not_vouch_for_every_voice():
    """They are too few to know how much voices differ; those that ship still do."""
    rng = np.random.default_rng(0)
    shipped = [preset_of(n, rng.normal(k, 1, (32, 4)), "ear", "") for k, n in enumerate("ab")]
    own = preset_of("furious", rng.normal(0, 1, (4, 4)), "ear", "")
    far = np.full(4, 40.0, np.float32)
    for others in ([], [own]):
        told = [Known(preset, "with the model") for preset in (*shipped, *others)]
        presets = Presets(told, "ear")
        assert is_unlike(far, presets)
        assert not is_unlike(shipped[0].mean, presets)
    assert not is_unlike(far, Presets([Known(own, "yours")], "ear"))
