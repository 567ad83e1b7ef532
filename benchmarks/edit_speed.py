"""Where an edit's time goes, and what batching, folding and caching the source are worth.

``python benchmarks/edit_speed.py``: the mini model on the example clip (whole edit, by stage), then
the published-size renderer with random weights, as ratios in one run.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from cmet_cli import EmotionEditor
from cmet_cli.backends.edtalk.layers import fold_weights
from cmet_cli.backends.edtalk.networks import EDTalk

EXAMPLES = Path(__file__).parents[1] / "examples"
REPEATS = 3


def median_s(action: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return sorted(times)[REPEATS // 2]


def whole_edit() -> None:
    start = time.perf_counter()
    editor = EmotionEditor.from_weights(model="mini")
    print(f"mini model loaded in {time.perf_counter() - start:.2f} s")
    with tempfile.TemporaryDirectory() as folder:
        result = editor.edit(
            EXAMPLES / "neutral.mp4", EXAMPLES / "voices/happy.wav", Path(folder) / "out.mp4"
        )
    print(f"edit: {result.frames} frames in {result.elapsed_s:.2f} s; stages {result.stages_s}")


@torch.inference_mode()
def published_renderer() -> None:
    """As published: unfolded weights, the source encoded again for each frame, one at a time."""
    torch.manual_seed(0)
    model, picture, codes = EDTalk().eval(), torch.zeros(1, 3, 256, 256), torch.zeros(4, 36)

    def one_by_one() -> None:
        for row in codes:
            model.render(model.prepare_source(picture), row[None])

    before = median_s(one_by_one)
    fold_weights(model)
    source = model.prepare_source(picture)
    after = median_s(lambda: model.render(source, codes))
    print(f"published-size renderer, 4 frames: {before:.2f} s as published, {after:.2f} s here")
    print(f"ratio: {before / after:.2f}")


if __name__ == "__main__":
    whole_edit()
    published_renderer()
