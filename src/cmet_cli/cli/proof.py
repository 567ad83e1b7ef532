"""``cmet proof``: the mini model's quality figures, measured anew."""

from __future__ import annotations

import json as json_format
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from ..errors import UsageError
from ..media.files import atomic_path, check_output
from .console import print_json, progress_bars
from .params import Json, Overwrite, Quiet, Verbose, WeightsDir


def proof(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also write the figures here (.json).")
    ] = None,
    people: Annotated[int, typer.Option("--people", help="How many are edited.", min=1)] = 24,
    weights_dir: WeightsDir = None,
    overwrite: Overwrite = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Measure the mini model: draw people, edit their videos, judge the files that come out.

    A judge learns from true drawings first. About half an hour on two CPU cores.
    """
    if output is not None:
        if output.suffix != ".json":
            raise UsageError(f"figures are written as .json: {output}")
        check_output(output, overwrite=overwrite)
    from ..editor import EmotionEditor
    from ..lab.evaluation.bench import Bench
    from ..lab.evaluation.judge import JudgeConfig, train_judge
    from ..lab.evaluation.proof import ProofPlan, prove

    start = time.perf_counter()
    editor = EmotionEditor.from_weights(weights_dir, model="auto" if weights_dir else "mini")
    with (
        tempfile.TemporaryDirectory(prefix="cmet-proof-") as folder,
        progress_bars(quiet or json, unit="/s") as progress,
    ):
        bench = Bench(editor, Path(folder))
        judge = train_judge(JudgeConfig(size_px=bench.size_px), progress)
        figures = prove(bench, judge, ProofPlan(people=people), progress)
    figures["seconds"] = round(time.perf_counter() - start, 1)
    text = json_format.dumps(figures, indent=1)
    if output is not None:
        with atomic_path(output, overwrite=overwrite) as part:
            part.write_text(text + "\n", "utf-8")
    print_json(figures) if json else typer.echo(text)
