"""``cmet evaluate``: did the take come out well?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from ..errors import UsageError
from ..options import EditOptions, FaceDetectorKind
from .console import error_console, print_json, progress_bars
from .params import OUTPUT, Json, Overwrite, Quiet, Verbose

if TYPE_CHECKING:
    from ..evaluation.marks import Evaluation


def evaluate(
    before: Annotated[Path | None, typer.Argument(help="The input of the edit.")] = None,
    after: Annotated[Path | None, typer.Argument(help="The edit.")] = None,
    pairs: Annotated[
        Path | None, typer.Option("--pairs", help="A table of them (.csv: before,after,emotion).")
    ] = None,
    emotion: Annotated[
        str, typer.Option("--emotion", help="What was asked for, by name: did the face go there?")
    ] = "",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Also a page (.html).", rich_help_panel=OUTPUT),
    ] = None,
    face_detector: Annotated[
        FaceDetectorKind, typer.Option("--face-detector", help="How faces are found.")
    ] = "auto",
    overwrite: Overwrite = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Measure an edit beside its input; exit code 1 where a figure is worth a look.

    [bold]cmet evaluate in.mp4 in_happy.mp4 --emotion happy[/]
    """
    from ..evaluation.pairs import Pair, read_pairs
    from ..media.ffmpeg import check_input
    from ..media.files import check_output

    if pairs is not None and before is None:
        wanted = read_pairs(pairs)
    elif before is not None and after is not None and pairs is None:
        check_input(before, "input")
        check_input(after, "edit")
        wanted = [Pair(before, after, emotion, 0)]
    else:
        raise UsageError("give an input and its edit, or a table with --pairs")
    if output is not None:
        if output.suffix.lower() not in (".html", ".htm"):
            raise UsageError(f"the page is written as .html: {output}")
        files = tuple(path for pair in wanted for path in (pair.before, pair.after))
        check_output(output, overwrite=overwrite, inputs=files)
    from ..evaluation.evaluate import Evaluator
    from ..evaluation.page import write_page
    from ..model import load_model

    evaluator, found = Evaluator(load_model(choice="mini")), list["Evaluation"]()
    options = EditOptions(face_detector=face_detector)
    with progress_bars(quiet or json) as progress:
        for pair in wanted:
            asked = pair.emotion or emotion
            found.append(evaluator(pair.before, pair.after, asked, options, progress))
    if output is not None:
        write_page(found, output, overwrite=overwrite)
    _tell(found, output, json)
    if any(one.flagged for one in found):
        raise typer.Exit(1)


def _tell(found: list[Evaluation], output: Path | None, as_json: bool) -> None:
    from ..evaluation.marks import MARKS, shown, summed

    if as_json:
        print_json({"pairs": [one.as_dict() for one in found], "means": summed(found)})
        return
    console = error_console()
    for one in found:
        table = Table("figure", "value", "", "unremarkable", "what it is", title=one.after.name)
        for mark in MARKS:
            text = shown(mark.name, one.values.get(mark.name, float("nan")))
            if text:
                look = "[red]look[/]" if mark.name in one.flagged else ""
                table.add_row(mark.name, text, look, f"{mark.low:g} to {mark.high:g}", mark.about)
        console.print(table)
        for note in one.notes:
            console.print(note)
    flagged = [one for one in found if one.flagged]
    words = "; ".join(f"{one.after.name}: {', '.join(one.flagged)}" for one in flagged)
    page = f"{output}  " if output is not None else ""
    words = f" ({words})" if words else ""
    typer.echo(f"{page}{len(found)} compared, {len(flagged)} worth a look{words}")
