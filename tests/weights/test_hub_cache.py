"""What the Hub's client keeps from earlier downloads."""

from __future__ import annotations

import pytest
from huggingface_hub import constants
from huggingface_hub.file_download import repo_folder_name

from cmet_cli.weights.folder import cached_file
from cmet_cli.weights.registry import FILES


@pytest.mark.parametrize("entry", FILES, ids=lambda entry: entry.name)
def test_a_published_file_in_the_clients_own_cache_is_found(entry, monkeypatch, tmp_path):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    assert cached_file(entry) is None
    repository = tmp_path / repo_folder_name(repo_id=entry.repo, repo_type=entry.repo_type)
    revision = entry.revision or "0" * 40
    kept = repository / "snapshots" / revision / entry.published
    kept.parent.mkdir(parents=True)
    assert cached_file(entry, revision) is None
    kept.write_bytes(b"weights")
    assert cached_file(entry, revision) == kept
