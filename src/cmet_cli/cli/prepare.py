"""``cmet prepare``: data sets as they are distributed, made ready for training and evaluation."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..declared import Option, check_declared
from ..options import FaceDetectorKind, ModelChoice, RuntimeOptions
from .console import error_console, one_line, print_json, progress_bars
from .params import Json, Overwrite, Quiet, Verbose, takes_options

if TYPE_CHECKING:
    from ..lab.prepare.report import Report

RUNTIME = RuntimeOptions()
LINES_SHOWN = 20

prepare_app = typer.Typer(
    name="prepare",
    help="Make data sets ready: 25 fps face crops, features, split, edits.",
    no_args_is_help=True,
)

_MODEL, _TABLES = "Networks", "What is made"
Output = Annotated[
    Path,
    typer.Option("--output", "-o", help="A folder of its own: ID/front/EMOTION/level_N/NNN.mp4."),
]
Published = Annotated[
    bool,
    typer.Option(
        "--published", help="Only the published selection of sentences.", rich_help_panel=_TABLES
    ),
]


@dataclass(frozen=True)
class PrepareOptions:
    """What is made of a data set, and with which networks."""

    features: Annotated[bool, Option("Codes and speech features beside the crops.", _TABLES)] = True
    edits: Annotated[
        Path | None,
        Option("The authors' test.csv: its edits in place of all that there are.", _TABLES),
    ] = None
    weights_dir: Annotated[Path | None, Option("Folder with the model weights.", _MODEL)] = None
    model: Annotated[ModelChoice, Option("mini: the one that ships with the package.", _MODEL)] = (
        "auto"
    )
    face_detector: Annotated[
        FaceDetectorKind, Option("none: the middle of the picture is the face.", _MODEL)
    ] = "auto"
    device: Annotated[str, Option("auto, cpu, cuda, cuda:N or mps.", _MODEL)] = RUNTIME.device
    batch_size: Annotated[int, Option("Frames per network call; 0: by device.", _MODEL, low=0)] = (
        RUNTIME.batch_size
    )

    def __post_init__(self) -> None:
        check_declared(self)


@prepare_app.command("mead")
@takes_options
def mead(
    folder: Annotated[Path, typer.Argument(help="MEAD: ID/video/front/... and ID/audio/...")],
    output: Output,
    options: PrepareOptions,
    published: Published = False,
    overwrite: Overwrite = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """MEAD, front view; test identities M003, M030, W009 and W015.

    Its numbers do not always tell the sentence: edits are paired by what the recordings say.

    Resumable. report.json says what was left out and why. Exit 1 if any clip failed.

    [bold]cmet prepare mead MEAD -o mead25; cmet batch mead25/edits.csv[/]
    """
    report = _prepare("mead", folder, output, options, published, overwrite, quiet or json)
    _tell(report, json)


@prepare_app.command("crema-d")
@takes_options
def crema_d(
    folder: Annotated[Path, typer.Argument(help="CREMA-D: VideoFlash/ and AudioWAV/.")],
    output: Output,
    options: PrepareOptions,
    overwrite: Overwrite = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """CREMA-D; all actors are for testing: the published networks learned from MEAD alone.

    Sentences become 1 to 12 in the order IEO TIE IOM IWW TAI MTI IWL ITH DFA ITS WSI TSI.

    Levels LO, MD and HI become 1, 2 and 3; XX (none was asked for) becomes 2.

    Resumable. report.json says what was left out and why. Exit 1 if any clip failed.

    [bold]cmet prepare crema-d CREMA-D -o crema25; cmet batch crema25/edits.csv[/]
    """
    report = _prepare("crema-d", folder, output, options, False, overwrite, quiet or json)
    _tell(report, json)


def _prepare(
    name: str,
    folder: Path,
    output: Path,
    options: PrepareOptions,
    published: bool,
    overwrite: bool,
    quiet: bool,
) -> Report:
    from ..lab.prepare.crop_clip import Cropping
    from ..lab.prepare.datasets import DATASETS
    from ..lab.prepare.prepare import Preparation, check_folders, crop_of, prepare
    from ..lab.training.extract_features import Extractor, load_extractor

    check_folders(folder, output)
    weights_dir, detector = options.weights_dir, options.face_detector
    crop = crop_of(weights_dir, options.model)
    wanted = Preparation(
        DATASETS[name],
        folder,
        output,
        Cropping(crop, detector, weights_dir),
        published=published,
        edits=options.edits,
        overwrite=overwrite,
    )

    def load() -> Extractor:
        runtime = RuntimeOptions(device=options.device, batch_size=options.batch_size)
        # The clips that it reads are crops already.
        return load_extractor(weights_dir, model=options.model, detector="none", runtime=runtime)

    with progress_bars(quiet, unit="/s") as progress:
        return prepare(wanted, load if options.features else None, progress)


def _tell(report: Report, as_json: bool) -> None:
    """On stdout the sum of it, on stderr what to know, one line each, not without end."""
    if as_json:
        print_json(asdict(report))
    else:
        console, lines = error_console(), report.lines
        for line in lines[:LINES_SHOWN]:
            console.print(one_line(line), markup=False)
        if len(lines) > LINES_SHOWN:
            console.print(f"... and {len(lines) - LINES_SHOWN} more in report.json")
        typer.echo(f"{report.output}  {report.summary}")
    if report.failures:
        raise typer.Exit(1)
