"""``cmet train``: the connector, from MEAD's features or the avatar world; the mini model."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..declared import Option, check_declared
from ..errors import UsageError
from ..options import RuntimeOptions
from .console import error_console, one_line, print_json, progress_bars
from .params import Json, Quiet, Verbose, takes_options

if TYPE_CHECKING:
    from ..backends.edtalk.connector import Connector
    from ..emotion.speech.encoder import SpeechEncoder
    from ..lab.training.clip_features import FeatureSource
    from ..lab.training.train_connector import ConnectorTraining
    from ..options import Progress

train_app = typer.Typer(
    name="train",
    help="Train networks: the connector, or the whole mini model.",
    no_args_is_help=True,
)
_DATA, _LOSSES, _SCHEDULE, _RUN = "Data", "Losses", "Size and schedule", "How it runs"

RunDir = Annotated[Path, typer.Argument(help="Checkpoint, log, curves and weights go here.")]
Install = Annotated[
    Path | None,
    typer.Option("--install", help="Put it, with a calibrated gain, into this mini folder."),
]


@dataclass(frozen=True)
class TrainingData:
    """What the connector learns from. Raises :class:`UsageError` where that is not clear."""

    data: Annotated[Path | None, Option("Features made by cmet extract.", _DATA)] = None
    world: Annotated[bool, Option("Avatar clips, on the fly.", _DATA)] = False
    split: Annotated[Path | None, Option("Identities or clips, one a line.", _DATA)] = None
    all_sentences: Annotated[bool, Option("More than the published ones.", _DATA)] = False
    people: Annotated[int, Option("In the world.", _DATA, low=1)] = 60
    clips: Annotated[int, Option("Per person, emotion, level.", _DATA, low=1)] = 4
    weights_dir: Annotated[
        Path | None, Option("Speech encoder for --world. Default: the mini model's.", _DATA)
    ] = None

    def __post_init__(self) -> None:
        check_declared(self)
        if (self.data is None) == (not self.world):
            raise UsageError("give either --data FOLDER or --world")
        if self.data is not None and not self.data.is_dir():
            raise UsageError(f"data folder not found: {self.data}")


@dataclass(frozen=True)
class TrainingSettings:
    """Sizes, schedule and losses; what is ``None`` stays as the size has it."""

    size: Annotated[
        Literal["published", "mini"] | None,
        Option("Every setting as published, or the mini's. Default: mini for --world.", _SCHEDULE),
    ] = None
    steps: Annotated[int | None, Option("How many in all.", _SCHEDULE, low=1)] = None
    batch: Annotated[int | None, Option("Pairs a step.", _SCHEDULE, low=1)] = None
    learning_rate: Annotated[float | None, Option("At its highest.", _SCHEDULE)] = None
    seed: Annotated[int | None, Option("Of everything drawn.", _SCHEDULE, low=0)] = None
    recon: Annotated[Literal["focal", "l2"] | None, Option("Paper: l2.", _LOSSES)] = None
    contrast: Annotated[Literal["labels", "pairs"] | None, Option("Paper: pairs.", _LOSSES)] = None
    direction: Annotated[Literal["squared", "plain"] | None, Option("Paper: plain.", _LOSSES)] = (
        None
    )
    lambda_contrast: Annotated[float | None, Option("Its weight.", _LOSSES, low=0)] = None
    lambda_direction: Annotated[float | None, Option("Its weight.", _LOSSES, low=0)] = None
    threads: Annotated[
        int, Option("Of the CPU; 0: one for the mini's size, which is quickest.", _RUN, low=0)
    ] = 0

    def __post_init__(self) -> None:
        check_declared(self)
        if self.learning_rate is not None and not self.learning_rate > 0:
            raise UsageError(f"learning rate must be more than 0, got {self.learning_rate}")

    def configuration(self, small: bool, speech_dim: int, bf16: bool) -> ConnectorTraining:
        """The whole configuration of a run, from the mini's settings or the published ones."""
        from ..lab.training.train_connector import mini_training, published_training

        config = mini_training(speech_dim) if small else published_training(speech_dim)
        losses = self._given("contrast", "direction", "lambda_contrast", "lambda_direction")
        losses |= {} if self.recon is None else {"reconstruction": self.recon}
        schedule = self._given("steps", "batch", "learning_rate", "seed") | {"bf16": bf16}
        return dataclasses.replace(
            config,
            losses=dataclasses.replace(config.losses, **losses),
            schedule=dataclasses.replace(config.schedule, **schedule),
        )

    def _given(self, *names: str) -> dict[str, Any]:
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


@train_app.command("connector")
@takes_options
def connector(
    run_dir: RunDir,
    data: TrainingData,
    settings: TrainingSettings,
    install: Install = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:N.")] = "auto",
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Train the connector; the same command again goes on with a stopped run, exactly."""
    if install is not None and not data.world:
        raise UsageError("--install is for the mini model, trained with --world")
    small = data.world if settings.size is None else settings.size == "mini"
    if settings.threads or small:
        _use_threads(settings.threads or 1)
    source, listener = _source(data)
    with progress_bars(quiet or json, unit="/s") as progress:
        run = _Run(run_dir, settings, small, RuntimeOptions(device=device), progress)
        trained, steps = run.train(source)
        gain = run.install(install, trained, listener) if install and listener else None
    weights = run_dir / "connector.safetensors"
    if json:
        print_json({"weights": str(weights), "steps": steps, "gain": gain})
    else:
        installed = f"  installed in {install} with gain {gain}" if install else ""
        typer.echo(f"{weights}  {steps} steps{installed}")


@train_app.command("mini")
def mini(
    out: Annotated[Path, typer.Argument(help="The model's folder, e.g. weights/mini.")],
    run_dir: Annotated[
        Path, typer.Option("--run-dir", help="What is drawn and trained on the way.")
    ] = Path("runs/mini"),
    threads: Annotated[int, typer.Option("--threads", help="CPU threads of PyTorch.")] = 2,
    device: Annotated[
        str, typer.Option("--device", help="Of the renderer: auto, cpu, cuda, cuda:N.")
    ] = "auto",
    workers: Annotated[
        int, typer.Option("--workers", help="Processes that draw and speak.", min=1)
    ] = 2,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Make the mini model from nothing: the world, the renderer, the listeners, the connector.

    A stopped run goes on where it was, on the kind of device where it was: a GPU trains in larger
    batches.
    """
    _use_threads(threads)
    from ..backends.devices import resolve
    from ..lab.training.train_mini import mini_config, train_mini

    place = resolve(RuntimeOptions(device=device)).torch_device
    if device == "auto" and place.type != "cuda":  # tried on no other kind
        place = resolve(RuntimeOptions(device="cpu")).torch_device
    with progress_bars(quiet, unit="/s") as progress:
        train_mini(run_dir, out, mini_config(place, threads, workers), progress, place)
    typer.echo(str(out))


@train_app.command("ablation")
def ablation(
    run_dir: RunDir,
    steps: Annotated[int, typer.Option("--steps", help="Of each connector.", min=1)] = 400,
    seeds: Annotated[
        int, typer.Option("--seeds", help="People and first weights; three runs each.", min=2)
    ] = 5,
    forms: Annotated[
        Literal["paper", "code"],
        typer.Option("--forms", help="The losses as the paper prints them, or as its code has."),
    ] = "paper",
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """The paper's ablation of the losses, on drawn people as hard to learn from as real ones.

    Reconstruction, + contrastive, + direction: three connectors a seed, compared seed by seed. A
    stopped run goes on where it was. ablation.json in the run folder holds every figure.
    """
    _use_threads(1)  # these networks are too small to share
    from ..lab.evaluation.ablation import AblationPlan, ablate, table

    plan = AblationPlan(steps, tuple(range(1, seeds + 1)), forms=forms)
    with progress_bars(quiet or json, unit="/s") as progress:
        results = ablate(run_dir, plan, progress)
    if json:
        print_json(results)
    else:
        typer.echo(table(results))


@dataclass(frozen=True)
class _Run:
    """One training run of the connector."""

    folder: Path
    settings: TrainingSettings
    small: bool
    runtime: RuntimeOptions
    progress: Progress

    def train(self, source: FeatureSource) -> tuple[Connector, int]:
        """-> the trained connector, and the steps of the whole run."""
        from ..backends.devices import resolve
        from ..lab.training.clip_features import load_all
        from ..lab.training.pairs import FeatureBank
        from ..lab.training.train_connector import train_connector

        compute, loaded = resolve(self.runtime), load_all(source, self.progress)
        for line in loaded.skipped:
            error_console().print(one_line(f"left out: {line}"), markup=False)
        bank = FeatureBank(loaded.clips)
        bf16 = compute.precision == "bf16"
        config = self.settings.configuration(self.small, bank.speech_dim, bf16)
        trained = train_connector(
            bank, config, self.folder, self.progress, device=compute.torch_device
        )
        return trained, config.schedule.steps

    def install(self, folder: Path, trained: Connector, listener: SpeechEncoder) -> float:
        """-> the gain that suits it."""
        from ..lab.training.install import install_connector

        return install_connector(folder, trained.cpu(), listener, self.progress)


def _source(data: TrainingData) -> tuple[FeatureSource, SpeechEncoder | None]:
    """Where features come from, and what hears the world."""
    if data.data is not None:
        from ..lab.training.mead import MeadFeatures

        folder, everything = data.data, data.all_sentences
        return MeadFeatures(folder, split=data.split, published_only=not everything), None
    from ..lab.training.clip_features import WorldFeatures, WorldSpec
    from ..lab.training.extract_features import load_listener

    listener = load_listener(data.weights_dir, model="auto" if data.weights_dir else "mini")
    return WorldFeatures(WorldSpec(data.people, 0, data.clips), listener), listener


def _use_threads(threads: int) -> None:
    if threads < 1:
        raise UsageError(f"threads must be at least 1, got {threads}")
    import torch

    torch.set_num_threads(threads)
