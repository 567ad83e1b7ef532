"""What is kept between runs."""

from __future__ import annotations

import os

import numpy as np
import pytest

from cmet_cli import cache
from cmet_cli.cache import FeatureStore, cache_folder

FEATURE = np.array([1.5, -2, 3], np.float32)


def test_a_feature_comes_back_for_its_sound_and_its_encoder(tmp_path):
    store = FeatureStore("ear 1", 3, tmp_path)
    assert store.get(b"sound") is None
    store.put(b"sound", FEATURE)
    assert np.array_equal(FeatureStore("ear 1", 3, tmp_path).get(b"sound"), FEATURE)
    assert store.get(b"other") is None
    assert FeatureStore("ear 2", 3, tmp_path).get(b"sound") is None


@pytest.mark.parametrize("damage", [b"", b"abc", b"\0" * 8, np.full(3, np.nan, "<f4").tobytes()])
def test_what_is_damaged_is_not_there(tmp_path, damage):
    store = FeatureStore("ear", 3, tmp_path)
    store.put(b"sound", FEATURE)
    (file,) = (tmp_path / "speech").iterdir()
    file.write_bytes(damage)
    assert store.get(b"sound") is None


def test_the_longest_unused_go_first(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "MOST_FEATURES", 8)
    monkeypatch.setattr(cache, "_TRIMMED_TO", 4)
    store = FeatureStore("ear", 3, tmp_path)
    for k in range(8):
        store.put(bytes([k]), FEATURE)
        os.utime(store._path(bytes([k])), ns=(k, k))
    store.get(bytes([0]))  # used just now
    store.put(b"last", FEATURE)
    assert len(list((tmp_path / "speech").iterdir())) == 4
    assert store.get(bytes([0])) is not None
    assert store.get(b"last") is not None
    assert store.get(bytes([1])) is None


def test_a_folder_that_cannot_be_is_no_error(tmp_path):
    (tmp_path / "file").write_text("")
    store = FeatureStore("ear", 3, tmp_path / "file")
    store.put(b"sound", FEATURE)
    assert store.get(b"sound") is None


def test_where_it_is(monkeypatch, tmp_path):
    monkeypatch.delenv("CMET_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "cmet"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "cmet"
