"""``cmet evaluate``: did the take come out well?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from ..errors import UsageError, WeightsError
from ..options import EditOptions, FaceDetectorKind, ProtocolName
from .console import error_console, one_line, print_json, progress_bars
from .params import OUTPUT, Json, Overwrite, Quiet, Verbose, WeightsDir

if TYPE_CHECKING:
    from ..evaluation.networks.load import Networks
    from ..evaluation.protocol import Protocol, ProtocolReport
    from ..evaluation.table import Compared

FAILURES_SHOWN = 20
NETWORKS = "Published networks (cmet download-weights --only evaluation)"


def evaluate(
    before: Annotated[Path | None, typer.Argument(help="The input of the edit.")] = None,
    after: Annotated[Path | None, typer.Argument(help="The edit.")] = None,
    pairs: Annotated[
        Path | None,
        typer.Option("--pairs", help="A table of them (.csv: before,after,emotion,truth)."),
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
    protocol: Annotated[
        ProtocolName | None,
        typer.Option(
            "--protocol",
            help="Sum up by the rules of a protocol: authors (as in the paper) or pooled.",
            rich_help_panel=NETWORKS,
        ),
    ] = None,
    classifier: Annotated[
        Path | None,
        typer.Option(
            "--classifier",
            help="Another classifier of expressions (.onnx, described in FILE.onnx.json).",
            rich_help_panel=NETWORKS,
        ),
    ] = None,
    timings: Annotated[
        Path | None,
        typer.Option(
            "--timings",
            help="report.csv of the batch that made the edits: how long an edit took.",
            rich_help_panel=NETWORKS,
        ),
    ] = None,
    weights_dir: WeightsDir = None,
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
        wanted = [Pair(before, after, "", 0)]
    else:
        raise UsageError("give an input and its edit, or a table with --pairs")
    if output is not None:
        if output.suffix.lower() not in (".html", ".htm"):
            raise UsageError(f"the page is written as .html: {output}")
        files = tuple(path for pair in wanted for path in (pair.before, pair.after))
        check_output(output, overwrite=overwrite, inputs=files)
    if weights_dir is not None and not weights_dir.is_dir():
        raise WeightsError(f"weights folder not found: {weights_dir}")
    if timings is not None and not protocol:
        raise UsageError("--timings goes with --protocol")
    from ..evaluation.evaluate import Evaluator
    from ..evaluation.page import write_page
    from ..evaluation.protocol import read_times
    from ..evaluation.table import compare_all
    from ..model import load_model

    times = read_times(timings) if timings is not None else None
    model = load_model(choice="mini")
    networks, sums = _judges(model.backend.compute.torch_device, protocol, classifier, weights_dir)
    evaluator = Evaluator(model, networks, sums, weights_dir)
    options = EditOptions(face_detector=face_detector)
    wanted = [replace(pair, emotion=pair.emotion or emotion) for pair in wanted]
    with progress_bars(quiet or json) as progress:
        compared = compare_all(evaluator, wanted, options, progress)
    report = sums.report(times) if sums is not None else None
    if output is not None:
        write_page(compared, output, overwrite=overwrite, protocol=report)
    _tell(compared, output, json, report)
    if not json and not protocol and weights_dir is not None and networks.missing:
        error_console().print(f"not here: {', '.join(networks.missing)}", markup=False)
    if compared.failed or any(one.flagged for one in compared.found):
        raise typer.Exit(1)


def _judges(
    device: Any, protocol: ProtocolName | None, classifier: Path | None, weights_dir: Path | None
) -> tuple[Networks, Protocol | None]:
    """The networks that are here, and the protocol that is asked for. Raises
    :class:`WeightsError` where that has nothing to measure with."""
    from ..backends.devices import describe_machine
    from ..evaluation.networks.load import DOWNLOAD, OF_A_TAKE, load_networks
    from ..evaluation.protocol import Protocol

    if classifier is not None and not classifier.is_file():
        raise UsageError(f"classifier not found: {classifier}")
    networks = load_networks(weights_dir, device, classifier, () if protocol else OF_A_TAKE)
    if protocol is None:
        return networks, None
    if not networks.any:
        raise WeightsError(
            f"the protocol {protocol} needs published networks, and none is here",
            f"run `{DOWNLOAD}`",
        )
    return networks, Protocol(protocol, networks, describe_machine(device))


def _tell(
    compared: Compared, output: Path | None, as_json: bool, report: ProtocolReport | None
) -> None:
    from ..evaluation.marks import MARKS, shown, summed

    found = compared.found
    if as_json:
        told: dict[str, Any] = {"pairs": [o.as_dict() for o in found], "means": summed(found)}
        told["failed"] = [failure.as_dict() for failure in compared.failed]
        print_json(told | ({"protocol": report.as_dict()} if report is not None else {}))
        return
    console = error_console()
    for one in found:
        table = Table("figure", "value", "", "unremarkable", "what it is")
        table.title = Text(one.after.name)
        for mark in MARKS:
            text = shown(mark.name, one.values.get(mark.name, float("nan")))
            if text:
                look = "[red]look[/]" if mark.name in one.flagged else ""
                table.add_row(mark.name, text, look, f"{mark.low:g} to {mark.high:g}", mark.about)
        console.print(table)
        for note in one.notes:
            console.print(note, markup=False)
    if report is not None:
        _tell_protocol(report)
    for failure in compared.failed[:FAILURES_SHOWN]:
        console.print(one_line(f"not compared: {failure}"), markup=False)
    flagged = [one for one in found if one.flagged]
    words = "; ".join(f"{one.after.name}: {', '.join(one.flagged)}" for one in flagged)
    page = f"{output}  " if output is not None else ""
    words = f" ({words})" if words else ""
    failed = f", {len(compared.failed)} could not be" if compared.failed else ""
    typer.echo(f"{page}{len(found)} compared, {len(flagged)} worth a look{words}{failed}")


def _tell_protocol(report: ProtocolReport) -> None:
    from ..evaluation.protocol import PAPER, about

    console, papers = error_console(), [f"paper, {name}" for name in PAPER]
    title = f"protocol: {report.protocol} ({report.clips} clips)"
    table = Table("figure", "value", *papers, "what it is", title=title)
    for name, value in report.figures.items():
        theirs = [f"{row[name]:g}" if name in row else "" for row in PAPER.values()]
        table.add_row(name, f"{value:.4g}", *theirs, about(report.protocol, name))
    console.print(table)
    classes = [f"{name} {right} of {of}" for name, (right, of) in report.per_class.items()]
    if classes:
        console.print(f"named as asked by {report.classifier}: {', '.join(classes)}", markup=False)
    for line in (f"on {report.machine}", *report.notes):
        console.print(line, markup=False)
