"""``cmet batch``: every row of a manifest, unattended and resumable."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..batch_options import BatchOptions
from ..errors import UsageError
from ..options import ModelOptions, Precision, RuntimeOptions
from .console import error_console, one_line, print_json
from .params import FlagsOf, Json, Quiet, Verbose, takes_options

if TYPE_CHECKING:
    from ..batch.checks import Checked
    from ..batch.manifest import Problem
    from ..batch.run import BatchResult

_NETWORK, _RUN = "How a worker runs", "How the batch runs"
PROBLEMS_SHOWN, FAILURES_SHOWN = 500, 50
EXIT_INTERRUPTED = 130
NOT_MEASURED = "are not measured: they were made without --evaluate (cmet evaluate --pairs does it)"
RUNTIME = RuntimeOptions()

Manifest = Annotated[
    Path | None,
    typer.Argument(help="One edit per row: .csv, .tsv or .jsonl (--status: or the outputs)."),
]
Template = Annotated[
    bool, typer.Option("--template", help="Print a commented example manifest, and end.")
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="COLUMN=VALUE", help="For rows that leave the column empty. Repeatable."
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Say what would be done with each row and why; do nothing.",
        rich_help_panel=_RUN,
    ),
]
Status = Annotated[
    bool,
    typer.Option(
        "--status",
        help="Say how many rows are done, failed and waiting, also of a run at work.",
        rich_help_panel=_RUN,
    ),
]
Device = Annotated[
    str,
    typer.Option(
        "--device",
        help="As for cmet edit; several, as cuda:0,cuda:1, are given to workers in turn.",
        rich_help_panel=_NETWORK,
    ),
]
BatchSize = Annotated[
    int, typer.Option("--batch-size", help="As for cmet edit.", rich_help_panel=_NETWORK)
]
Format = Annotated[
    Precision, typer.Option("--precision", help="As for cmet edit.", rich_help_panel=_NETWORK)
]
Cache = Annotated[
    bool, typer.Option("--cache/--no-cache", help="As for cmet edit.", rich_help_panel=_NETWORK)
]


@takes_options
def batch(
    given: Annotated[dict[str, Any], FlagsOf(BatchOptions)],
    model: ModelOptions,
    manifest: Manifest = None,
    template: Template = False,
    defaults: Set = None,
    dry_run: DryRun = False,
    status: Status = False,
    device: Device = RUNTIME.device,
    precision: Format = RUNTIME.precision,
    batch_size: BatchSize = RUNTIME.batch_size,
    cache: Cache = RUNTIME.cache,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Edit every row of a manifest; run it again to go on where it stopped.

    [bold]cmet batch --template > rows.csv; cmet batch rows.csv[/]
    """
    if template:
        from ..batch.manifest import template as example

        typer.echo(example(), nl=False)
        return
    if manifest is None:
        raise UsageError("no manifest given", "`cmet batch --template` writes an example")
    options = BatchOptions(
        manifest=manifest,
        defaults=tuple(defaults or ()),
        devices=tuple(name.strip() for name in device.split(",") if name.strip()),
        model=model.model,
        weights_dir=model.weights_dir,
        runtime=RuntimeOptions(precision=precision, batch_size=batch_size, cache=cache),
        **given,
    )
    if status:
        _show_status(options, json)
        return
    _check_and_run(options, dry_run, json, quiet)


def _check_and_run(options: BatchOptions, dry_run: bool, json: bool, quiet: bool) -> None:
    from ..batch.run import check_batch

    checked = check_batch(options)
    problems, sound = checked.problems, checked.sound
    if problems and not (options.skip_invalid and sound):
        raise _refused(options, checked, json)
    if problems and not json:
        _list_problems(problems)
        error_console().print(f"[yellow]{_count(problems)}: left out[/]")
    if dry_run:
        _show_plan(options, checked, json)
        raise typer.Exit(bool(problems))
    result = _run(options, checked, json, quiet)
    _report(result, problems, json)
    raise typer.Exit(result.exit_code or bool(problems))


def _refused(options: BatchOptions, checked: Checked, as_json: bool) -> UsageError:
    """Every problem in one table; the error that ends the command."""
    problems, sound = checked.problems, len(checked.sound)
    others = "the other row" if sound == 1 else f"the other {sound} rows"
    hint = f"--skip-invalid does {others}" if sound else ""
    told = f"{options.manifest}: {_count(problems)}; nothing was run"
    if not as_json:
        _list_problems(problems)
        return UsageError(told, hint)
    listed = "; ".join(f"line {p.line}: {p.column}: {p.message}" for p in problems)
    return UsageError(f"{told}: {listed}", hint)


def _count(problems: Sequence[Problem]) -> str:
    lines = len({p.line for p in problems})
    return f"{len(problems)} problem{'s' * (len(problems) > 1)} in {lines} line{'s' * (lines > 1)}"


def _list_problems(problems: Sequence[Problem]) -> None:
    console, width = error_console(), max(len(p.column) for p in problems[:PROBLEMS_SHOWN])
    console.print(f"{'line':>6}  {'column':<{width}}  problem", style="bold", markup=False)
    for problem in problems[:PROBLEMS_SHOWN]:
        text = f"{problem.line or '':>6}  {problem.column:<{width}}  {problem.message}"
        console.print(one_line(text), markup=False)
    if len(problems) > PROBLEMS_SHOWN:
        console.print(f"and {len(problems) - PROBLEMS_SHOWN} more")


def _show_plan(options: BatchOptions, checked: Checked, as_json: bool) -> None:
    from ..batch.plan import summary
    from ..batch.run import plan_batch

    decisions = plan_batch(options, checked.sound)
    pairs = list(zip(checked.sound, decisions, strict=True))
    if as_json:
        rows = [
            {"line": r.line, "output": r.output, "action": d.action, "why": d.why} for r, d in pairs
        ]
        left_out = [problem._asdict() for problem in checked.problems]
        print_json({"rows": rows, "summary": summary(decisions), "left_out": left_out})
        return
    for row, decision in pairs:
        text = f"{row.line:>6}  {decision.action:<4}  {row.name}  ({decision.why})"
        typer.echo(one_line(text))
    counts = ", ".join(f"{n} {kind}" for kind, n in summary(decisions).items())
    error_console().print(f"[dim]{counts}; nothing was run[/]")


def _show_status(options: BatchOptions, as_json: bool) -> None:
    from ..batch.run import batch_status

    status = batch_status(options)
    if as_json:
        rows = status.done + status.failed + status.waiting
        print_json({**vars(status), "folder": str(status.folder), "rows": rows})
        return
    for row in status.failures:
        typer.echo(one_line(f"failed: line {row['line']}: {row['output']}: {row['error']}"))
    lines = status.lines_left_out
    for row in lines[:PROBLEMS_SHOWN]:
        typer.echo(one_line(f"left out: line {row['line']}: {row['why']}"))
    if len(lines) > PROBLEMS_SHOWN:
        typer.echo(f"and {len(lines) - PROBLEMS_SHOWN} more, see the report")
    left_out = f", {len(lines)} left out" if lines else ""
    typer.echo(
        one_line(f"{status.folder}  {status.done} done, {status.failed} failed, ")
        + f"{status.waiting} waiting{left_out}; "
        + ("at work" if status.running else "no run is at work")
    )


def _run(options: BatchOptions, checked: Checked, plain: bool, quiet: bool) -> BatchResult:
    from ..batch.run import run_batch
    from .batch_progress import watching

    console = error_console()
    try:
        with watching(console, plain or not console.is_terminal, quiet) as listener:
            return run_batch(options, checked.sound, listener, checked.problems)
    except KeyboardInterrupt:
        console.print("interrupted; what is done stays done: run the same command to go on")
        raise SystemExit(EXIT_INTERRUPTED) from None


def _report(result: BatchResult, left_out: Sequence[Problem], as_json: bool) -> None:
    """Which rows failed, how many did not, and where to read more."""
    console = error_console()
    if as_json:
        failed = [{"line": r.line, "output": r.output, "error": e} for r, e in result.failed]
        paths = {"report_csv": str(result.report_csv), "report_html": str(result.report_html)}
        told = {"failed": failed, "left_out": [problem._asdict() for problem in left_out]}
        print_json(vars(result) | paths | told)
        return
    for row, error in result.failed[:FAILURES_SHOWN]:
        text = f"failed: line {row.line}: {row.name}: {error}"
        console.print(one_line(text), style="red", markup=False)
    if len(result.failed) > FAILURES_SHOWN:
        console.print(f"and {len(result.failed) - FAILURES_SHOWN} more, see the report")
    if result.unmeasured:
        console.print(f"[yellow]{result.unmeasured} of the kept {NOT_MEASURED}[/]")
    rate = f", {3600 * result.done / result.elapsed_s:.0f} rows an hour" if result.done else ""
    stopped = "; stopped at the first failure" if result.stopped else ""
    lines = len({problem.line for problem in left_out})
    others = f", {lines} left out" if lines else ""
    typer.echo(
        f"{result.report_html}  {result.done} done, {result.kept} kept, "
        f"{len(result.failed)} failed{others} in {result.elapsed_s:.1f} s{rate}{stopped}"
    )
