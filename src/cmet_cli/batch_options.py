"""The options of a batch, declared once as those of an edit are."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from .declared import Option, check_declared
from .errors import UsageError
from .options import ModelChoice, RuntimeOptions

_OUTPUT, _RUN, _CLUSTER = "Output", "How the batch runs", "Many machines"
MAX_WORKERS = 256


def is_url(location: str) -> bool:
    """``s3://bucket/clip.mp4`` and the like; anything else is a path."""
    return "://" in location


@dataclass(frozen=True)
class BatchOptions:
    """What a batch is to do. Raises :class:`UsageError`.

    defaults: ``column=value`` for rows that leave it empty; devices: given to workers in turn.
    """

    manifest: Path
    defaults: tuple[str, ...] = ()
    devices: tuple[str, ...] = ("auto",)
    model: ModelChoice = "auto"
    weights_dir: Path | None = None
    runtime: RuntimeOptions = field(default_factory=RuntimeOptions)
    output_dir: Annotated[
        str | None,
        Option("Folder or URL of the outputs. Default: <manifest>_out beside it.", _OUTPUT, "-o"),
    ] = None
    overwrite: Annotated[bool, Option("Replace outputs that this batch did not make.", _OUTPUT)] = (
        False
    )
    allow_outside: Annotated[bool, Option("Permit outputs outside the output folder.", _OUTPUT)] = (
        False
    )
    thumbnails: Annotated[bool, Option("Pictures before and after in report.html.", _OUTPUT)] = True
    evaluate: Annotated[bool, Option("Measure every edit beside its input.", _OUTPUT)] = False
    workers: Annotated[
        int | Literal["auto"],
        Option("Worker processes; auto: as the machine bears.", _RUN, "-w", 1, MAX_WORKERS),
    ] = "auto"
    retries: Annotated[
        int, Option("Further tries after errors that may pass.", _RUN, low=0, high=100)
    ] = 1
    fail_fast: Annotated[bool, Option("Stop at the first failure.", _RUN)] = False
    skip_invalid: Annotated[
        bool,
        Option(
            "Do the rows that nothing is wrong with, and tell of the others (exit code 1).", _RUN
        ),
    ] = False
    ray: Annotated[
        str | None,
        Option("Run on a Ray cluster: auto, host:port, ray://..., or local (here).", _CLUSTER),
    ] = None
    cpus_per_worker: Annotated[
        int, Option("CPUs of each Ray worker; with GPUs, each has one too.", _CLUSTER, low=1)
    ] = 2

    def __post_init__(self) -> None:
        check_declared(self)
        if not self.devices:
            raise UsageError("no device given", "choose auto, cpu, cuda or cuda:0,cuda:1")

    @property
    def worker_count(self) -> int:
        """0 for as many as the machine bears."""
        return 0 if self.workers == "auto" else self.workers

    @property
    def output_root(self) -> str:
        """Where outputs go: an absolute path, or a URL."""
        remote = self.output_dir is not None and is_url(self.output_dir)
        return str(self.output_dir) if remote else str(self.local_root)

    @property
    def local_root(self) -> Path:
        """Where state and report go; with outputs behind a URL, beside the manifest."""
        if self.output_dir is not None and not is_url(self.output_dir):
            return Path(self.output_dir).absolute()
        return self.manifest.with_name(f"{self.manifest.stem}_out").absolute()
