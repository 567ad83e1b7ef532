"""``cmet bench``: how fast is this machine?"""

from __future__ import annotations

import json as json_text
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Table

from ..errors import CheckpointError, UsageError, WeightsError
from ..options import ModelOptions, RuntimeOptions
from .console import error_console, print_json
from .params import OUTPUT, Json, takes_options

if TYPE_CHECKING:
    from ..backends.base import Backend
    from ..bench import Measured

FILLED = "the published weights are not here: numbers were drawn for them, which timings do not see"


@takes_options
def bench(
    *,
    model: ModelOptions,
    runtime: RuntimeOptions,
    seconds: Annotated[
        float, typer.Option("--seconds", min=0.2, max=600, help="Length of the clip to edit.")
    ] = 2.0,
    against: Annotated[
        Literal["published"] | None,
        typer.Option("--against", help="Also run the published order of work, as a ratio."),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option("--save", help="Keep the result (.json), to compare with later.",
                     rich_help_panel=OUTPUT),
    ] = None,
    compare: Annotated[
        Path | None,
        typer.Option("--compare", help="A result that was kept: print ratios to it.",
                     rich_help_panel=OUTPUT),
    ] = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Time every part of an edit on this machine, on a clip made for it."""
    from ..media.files import atomic_path, check_output

    if compare is not None and json:
        raise UsageError("--compare is a column of the table, and --json has none")
    before = _kept(compare) if compare is not None else {}
    if save is not None:
        check_output(save, overwrite=False)
    backend, plain = _backends(model, runtime, json)
    from ..bench import measure

    found = measure(backend, seconds, against == "published", plain=plain)
    if save is not None:
        with atomic_path(save, overwrite=False) as part:
            part.write_text(json_text.dumps(found.as_dict(), indent=1), "utf-8")
    if json:
        print_json(found.as_dict())
    else:
        _show(found, before)


def _backends(
    model: ModelOptions, runtime: RuntimeOptions, silent: bool
) -> tuple[Backend, Backend | None]:
    """What an edit would run on, and the same in torch where that is something else."""
    from ..backends.compute import HostDevice
    from ..backends.devices import resolve
    from ..backends.loader import filled_backend, load_backend, settle
    from ..weights.folder import find_weights

    compute = resolve(runtime)
    try:
        weights = find_weights(model.weights_dir, model.model)
        settled = settle(weights, runtime)
        in_torch = not isinstance(settled.device, HostDevice)
        backend = load_backend(weights, settled)[0]
        fp32 = replace(compute, precision="fp32")
        return backend, None if in_torch else load_backend(weights, fp32)[0]
    except CheckpointError:  # there, but damaged
        raise
    except WeightsError:
        if model.model != "cmet" or model.weights_dir is not None:
            raise
    if not silent:
        error_console().print(f"[dim]{FILLED}[/]")
    return filled_backend(compute), None


def _kept(path: Path) -> dict[str, float]:
    try:
        kept = json_text.loads(path.read_text("utf-8"))["per_second"]
        return {str(name): float(value) for name, value in kept.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(
            f"{path}: no result of cmet bench ({error})", "--save writes one"
        ) from error


def _show(found: Measured, before: dict[str, float]) -> None:
    table = Table("part", "frames a second", *(["ratio to before"] if before else []))
    for name, value in found.per_second.items():
        ratio = [f"{value / before[name]:.2f}" if before.get(name) else ""] if before else []
        table.add_row(name, f"{value:.1f}", *ratio)
    console = error_console()
    console.print(table)
    console.print(
        f"{found.gflop:.1f} GFLOP a frame at {100 * found.share_of_peak:.0f} % of the "
        f"{found.peak_gflops:.0f} GFLOP/s that a convolution reaches here; "
        f"{found.peak_memory_mib:.0f} MiB at the peak"
    )
    if found.ratio is not None:
        console.print(
            f"encoding and rendering: {found.ratio:.1f} times the published order of work "
            f"({found.published_order_s:.2f} s a frame)"
        )
    typer.echo(
        f"{found.model} ({found.precision}, batch {found.batch_size}) on {found.machine}: "
        f"{found.frames / 25:.1f} s of 720p in {found.whole_edit_s:.1f} s "
        f"({found.real_time_factor:.1f} times its length)"
    )
