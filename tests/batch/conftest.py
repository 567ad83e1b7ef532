"""Small batches: manifests written from rows, run by the real command line."""

from __future__ import annotations

import csv
import json
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cmet_cli.batch.state import DATABASE, STATE_FOLDER


@pytest.fixture
def clips(tmp_path, make_media) -> Path:
    """A folder with two short videos and two voices."""
    for i, seconds in enumerate((0.4, 0.6)):
        made = make_media(
            f"batch{i}.mp4",
            f"-f lavfi -i testsrc2=s=64x64:r=25:d={seconds} -f lavfi -i sine=f={220 + 40 * i}:d=1:"
            f"r=16000 -t {seconds} -c:v libx264 -pix_fmt yuv420p -c:a aac",
        )
        (tmp_path / f"v{i}.mp4").write_bytes(made.read_bytes())
        sound = make_media(f"batch{i}.wav", f"-f lavfi -i sine=f={330 + 90 * i}:d=0.5:r=24000")
        (tmp_path / f"e{i}.wav").write_bytes(sound.read_bytes())
    return tmp_path


@pytest.fixture
def write_manifest(clips) -> Callable[..., Path]:
    """``write_manifest(rows)``: a CSV of dictionaries beside the clips."""

    def write(rows: list[dict[str, object]], name: str = "m.csv") -> Path:
        path = clips / name
        columns = list(dict.fromkeys(key for row in rows for key in row))
        with path.open("w", newline="") as file:
            table = csv.DictWriter(file, columns)
            table.writeheader()
            table.writerows(rows)
        return path

    return write


@dataclass(frozen=True)
class Run:
    """How a command ended, and what it said."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def batch(tiny_weights, tmp_path, monkeypatch, capfd) -> Iterator[Callable[..., Run]]:
    """Run ``cmet batch`` in this process (its workers are others), with the tiny model on the
    middle of the picture."""
    from cmet_cli.cli.app import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    handler = signal.getsignal(signal.SIGTERM)

    def run(manifest: Path, *more: object) -> Run:
        given = ["cmet", "batch", manifest, "--weights-dir", tiny_weights, "--device", "cpu"]
        given += ["--workers", "1", "--set", "face_detector=none", "--quiet", *more]
        monkeypatch.setattr(sys, "argv", [str(word) for word in given])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capfd.readouterr()
        return Run(int(ended.value.code or 0), said.out, said.err)

    yield run
    signal.signal(signal.SIGTERM, handler)


def results_of(manifest: Path) -> list[dict[str, Any]]:
    """The last word about every row of a batch, as another program would read it."""
    path = manifest.with_name(f"{manifest.stem}_out") / STATE_FOLDER / DATABASE
    if not path.exists():
        return []
    query = "SELECT r.*, p.line FROM results r JOIN plan p USING (output) ORDER BY p.line"
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
        database.row_factory = sqlite3.Row
        try:
            rows = [dict(row) for row in database.execute(query)]
        except sqlite3.OperationalError:  # the tables are not there yet
            return []
    return [row | {"result": json.loads(row["result"])} for row in rows]


def outputs_of(manifest: Path) -> dict[str, bytes]:
    """Every video that has its name, and what is in it."""
    root = manifest.with_name(f"{manifest.stem}_out")
    found = (p for p in sorted(root.rglob("*.mp4")) if STATE_FOLDER not in p.parts)
    return {str(p.relative_to(root)): p.read_bytes() for p in found}


def told(run) -> dict[str, object]:
    """The JSON object of a run with ``--json``."""
    return json.loads(run.stdout.splitlines()[-1])
