"""Whose motion the model that ships is painted with, on the example."""

from __future__ import annotations

from pathlib import Path

import pytest

from cmet_cli import EditOptions, EmotionEditor
from cmet_cli.faces.difference import Differ

EXAMPLE = Path(__file__).parents[2] / "examples" / "neutral.mp4"


@pytest.mark.parametrize("emotion", ["angry"])
def test_the_small_models_own_motion_is_used(emotion, tmp_path, monkeypatch):
    """OpenCV's loses thin brows that come down far."""
    used, real = [], Differ.flow

    def noting(self, seen):
        flow = real(self, seen)
        used.append(self.follows_renderer)
        return flow

    monkeypatch.setattr(Differ, "flow", noting)
    editor = EmotionEditor.from_weights(model="mini")
    editor.edit(EXAMPLE, None, tmp_path / "o.mp4", options=EditOptions(emotion=emotion))
    assert used
    assert all(used)
