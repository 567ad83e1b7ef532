"""``cmet train``: the connector, from MEAD's features or the avatar world; the mini model."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..errors import UsageError
from ..options import RuntimeOptions
from .console import error_console, one_line, print_json, progress_bars
from .params import Json, Quiet, Verbose

if TYPE_CHECKING:
    from ..backends.devices import Compute
    from ..backends.edtalk.connector import Connector
    from ..emotion.speech.encoder import SpeechEncoder
    from ..lab.training.connector import ConnectorTraining
    from ..lab.training.features import FeatureSource
    from ..options import Progress

train_app = typer.Typer(
    name="train", help="Train networks: the connector, or the whole mini model.",
    no_args_is_help=True,
)  # fmt: skip
_DATA, _LOSSES, _SCHEDULE = "Data", "Losses", "Size and schedule"

Size = Literal["published", "mini"]
Recon = Literal["focal", "l2"]
Contrast = Literal["labels", "pairs"]
Direction = Literal["squared", "plain"]


@train_app.command("connector")
def connector(
    run_dir: Annotated[Path, typer.Argument(help="Checkpoint, log, curves and weights go here.")],
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Features made by cmet extract.", rich_help_panel=_DATA),
    ] = None,
    world: Annotated[
        bool, typer.Option("--world", help="Avatar clips, on the fly.", rich_help_panel=_DATA)
    ] = False,
    split: Annotated[
        Path | None,
        typer.Option("--split", help="Identities or clips, one a line.", rich_help_panel=_DATA),
    ] = None,
    all_sentences: Annotated[
        bool,
        typer.Option(
            "--all-sentences", help="More than the published ones.", rich_help_panel=_DATA
        ),
    ] = False,
    people: Annotated[
        int, typer.Option("--people", help="In the world.", rich_help_panel=_DATA)
    ] = 60,
    clips: Annotated[
        int, typer.Option("--clips", help="Per person, emotion, level.", rich_help_panel=_DATA)
    ] = 4,
    weights_dir: Annotated[
        Path | None,
        typer.Option(
            "--weights-dir",
            help="Speech encoder for --world. Default: the mini model's.",
            rich_help_panel=_DATA,
        ),
    ] = None,
    size: Annotated[
        Size | None,
        typer.Option(
            "--size",
            help="Every setting as published, or the mini's. Default: mini for --world.",
            rich_help_panel=_SCHEDULE,
        ),
    ] = None,
    steps: Annotated[int | None, typer.Option("--steps", rich_help_panel=_SCHEDULE)] = None,
    batch: Annotated[int | None, typer.Option("--batch", rich_help_panel=_SCHEDULE)] = None,
    learning_rate: Annotated[
        float | None, typer.Option("--learning-rate", rich_help_panel=_SCHEDULE)
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", rich_help_panel=_SCHEDULE)] = None,
    recon: Annotated[
        Recon | None, typer.Option("--recon", help="Paper: l2.", rich_help_panel=_LOSSES)
    ] = None,
    contrast: Annotated[
        Contrast | None, typer.Option("--contrast", help="Paper: pairs.", rich_help_panel=_LOSSES)
    ] = None,
    direction: Annotated[
        Direction | None,
        typer.Option("--direction", help="Paper: plain.", rich_help_panel=_LOSSES),
    ] = None,
    lambda_contrast: Annotated[
        float | None, typer.Option("--lambda-contrast", rich_help_panel=_LOSSES)
    ] = None,
    lambda_direction: Annotated[
        float | None, typer.Option("--lambda-direction", rich_help_panel=_LOSSES)
    ] = None,
    install: Annotated[
        Path | None,
        typer.Option("--install", help="Put it, with a calibrated gain, into this mini folder."),
    ] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:N.")] = "auto",
    threads: Annotated[
        int,
        typer.Option(
            "--threads", help="CPU threads; 0: one for the mini's size, which is quickest."
        ),
    ] = 0,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Train the connector; the same command again goes on with a stopped run, exactly."""
    if (data is None) == (not world):
        raise UsageError("give either --data FOLDER or --world")
    if install is not None and not world:
        raise UsageError("--install is for the mini model, trained with --world")
    if data is not None and not data.is_dir():
        raise UsageError(f"data folder not found: {data}")
    asked = AskedTraining(
        None if size is None else size == "mini",
        {
            "reconstruction": recon,
            "contrast": contrast,
            "direction": direction,
            "lambda_contrast": lambda_contrast,
            "lambda_direction": lambda_direction,
        },
        {"steps": steps, "batch": batch, "learning_rate": learning_rate, "seed": seed},
    )
    asked.check()
    from ..backends.devices import resolve

    compute = resolve(RuntimeOptions(device=device))
    small = world if asked.mini is None else asked.mini
    if threads or small:
        _use_threads(threads or 1)
    listener = _listener(weights_dir) if world else None
    source = _mead(data, split, all_sentences) if data else _world(people, clips, listener)
    with progress_bars(quiet or json, unit="/s") as progress:
        trained, steps_done = _train(source, asked, small, run_dir, compute, progress)
        gain = _install(install, trained, listener, progress) if install and listener else None
    weights = run_dir / "connector.safetensors"
    if json:
        print_json({"weights": str(weights), "steps": steps_done, "gain": gain})
    else:
        installed = f"  installed in {install} with gain {gain}" if install else ""
        typer.echo(f"{weights}  {steps_done} steps{installed}")


@train_app.command("mini")
def mini(
    out: Annotated[Path, typer.Argument(help="The model's folder, e.g. weights/mini.")],
    run_dir: Annotated[
        Path, typer.Option("--run-dir", help="What is drawn and trained on the way.")
    ] = Path("runs/mini"),
    threads: Annotated[int, typer.Option("--threads", help="CPU threads of PyTorch.")] = 2,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Make the mini model from nothing: the world, the renderer, the listeners, the connector.

    A stopped run goes on where it was.
    """
    _use_threads(threads)
    from ..lab.training.mini import MiniConfig, train_mini

    with progress_bars(quiet, unit="/s") as progress:
        train_mini(run_dir, out, MiniConfig(threads=threads), progress)
    typer.echo(str(out))


@dataclasses.dataclass(frozen=True)
class AskedTraining:
    """What the command line asks for; ``None`` keeps the setting as it is."""

    mini: bool | None
    losses: dict[str, Any]
    schedule: dict[str, Any]

    def check(self) -> None:
        """Raises :class:`UsageError` for numbers that make no sense."""
        for name in ("steps", "batch", "learning_rate"):
            value = self.schedule[name]
            if value is not None and not value > 0:
                raise UsageError(f"{name.replace('_', ' ')} must be more than 0, got {value}")
        for name in ("lambda_contrast", "lambda_direction"):
            value = self.losses[name]
            if value is not None and not value >= 0:
                raise UsageError(f"{name.replace('_', ' ')} cannot be negative, got {value}")

    def settings(self, small: bool, speech_dim: int, bf16: bool) -> ConnectorTraining:
        """The whole configuration of a run, from the mini's settings or the published ones."""
        from ..lab.training.connector import mini_training, published_training

        config = mini_training(speech_dim) if small else published_training(speech_dim)
        losses = {k: v for k, v in self.losses.items() if v is not None}
        schedule = {k: v for k, v in self.schedule.items() if v is not None} | {"bf16": bf16}
        return dataclasses.replace(
            config,
            losses=dataclasses.replace(config.losses, **losses),
            schedule=dataclasses.replace(config.schedule, **schedule),
        )


def _use_threads(threads: int) -> None:
    if threads < 1:
        raise UsageError(f"threads must be at least 1, got {threads}")
    import torch

    torch.set_num_threads(threads)


def _mead(data: Path, split: Path | None, all_sentences: bool) -> FeatureSource:
    from ..lab.training.mead import MeadFeatures

    return MeadFeatures(data, split=split, published_only=not all_sentences)


def _listener(weights_dir: Path | None) -> SpeechEncoder:
    from ..lab.training.extract import load_listener

    return load_listener(weights_dir, model="auto" if weights_dir else "mini")


def _world(people: int, clips: int, listener: SpeechEncoder | None) -> FeatureSource:
    from ..lab.training.features import WorldFeatures, WorldSpec

    assert listener is not None
    return WorldFeatures(WorldSpec(people, 0, clips), listener)


def _train(
    source: FeatureSource,
    asked: AskedTraining,
    small: bool,
    run_dir: Path,
    compute: Compute,
    progress: Progress,
) -> tuple[Connector, int]:
    """-> the trained connector, and the steps of the whole run."""
    from ..lab.training.connector import train_connector
    from ..lab.training.features import load_all
    from ..lab.training.pairs import FeatureBank

    loaded = load_all(source, progress)
    for line in loaded.skipped:
        error_console().print(one_line(f"left out: {line}"), markup=False)
    bank = FeatureBank(loaded.clips)
    config = asked.settings(small, bank.speech_dim, compute.precision == "bf16")
    trained = train_connector(bank, config, run_dir, progress, device=compute.device)
    return trained, config.schedule.steps


def _install(
    folder: Path, connector: Connector, listener: SpeechEncoder, progress: Progress
) -> float:
    from ..lab.training.install import install_connector

    return install_connector(folder, connector.cpu(), listener, progress)
