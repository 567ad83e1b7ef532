"""Shared fixtures: tiny models of the real classes, small media made by the real ffmpeg."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command line has it; before torch
os.environ.setdefault("GOMP_SPINCOUNT", "2000")
import torch
from safetensors.torch import save_file
from tiny import TINY, TINY_CLASSES

from cmet_cli.media.program import bundled_ffmpeg, find_ffmpeg

torch.set_num_threads(2)
if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"  # kernels run on the CPU; asked when Triton is imported
# A shell that starts the suite in the background lets it ignore Ctrl-C, and its children with it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No test sees, or adds to, the emotions of whoever runs it.
os.environ["CMET_EMOTIONS_DIR"] = "/nonexistent/emotions"
# Nor what their runs have kept.
os.environ["CMET_CACHE_DIR"] = "/nonexistent/cache"

SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def shared_media() -> Path:
    """Real clips; the test is skipped where they are absent."""
    folder = SHARED / "media"
    if not folder.is_dir():
        pytest.skip("no shared media beside the checkout")
    return folder


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with every network tiny (32x32 pictures) and randomly filled."""
    root = tmp_path_factory.mktemp("tiny")
    torch.manual_seed(0)
    for name, kind in TINY_CLASSES.items():
        save_file(kind(TINY[name]).state_dict(), root / f"{name}.safetensors")
    config = {name: asdict(part) for name, part in TINY.items()}
    (root / "config.json").write_text(json.dumps({"name": "tiny", **config}))
    return root


@pytest.fixture(scope="session")
def make_media(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``make_media("name.mp4", "ffmpeg arguments ...")`` -> path, made once per session.

    Made by the bundled ffmpeg, whichever ``CMET_FFMPEG`` puts to the test.
    """
    folder = tmp_path_factory.mktemp("media")
    maker = bundled_ffmpeg() or find_ffmpeg()

    def make(name: str, arguments: str) -> Path:
        path = folder / name
        if not path.exists():
            command = [maker, "-hide_banner", "-loglevel", "error", "-y"]
            subprocess.run([*command, *arguments.split(), str(path)], check=True, timeout=60)
        return path

    return make


@pytest.fixture(scope="session")
def talking(make_media: Callable[..., Path]) -> Path:
    """One second of a 64x64 moving picture at 25 fps with sound."""
    return make_media(
        "talking.mp4",
        "-f lavfi -i testsrc2=s=64x64:r=25:d=1 -f lavfi -i sine=f=220:d=1:r=16000 "
        "-c:v libx264 -pix_fmt yuv420p -c:a aac -shortest",
    )


@pytest.fixture(scope="session")
def voice(make_media: Callable[..., Path]) -> Path:
    """Half a second of a sound that is not silence."""
    return make_media("voice.wav", "-f lavfi -i sine=f=330:d=0.5:r=24000")


@pytest.fixture
def cmet(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the real command line in a subprocess, in an empty folder, away from real caches."""

    def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "CMET_"))}
        if "CMET_FFMPEG" in os.environ:  # the suite is run once with another ffmpeg
            clean["CMET_FFMPEG"] = os.environ["CMET_FFMPEG"]
        clean["CMET_EMOTIONS_DIR"] = str(tmp_path / "emotions")
        clean["CMET_CACHE_DIR"] = str(tmp_path / "hf-home" / "cmet")
        clean |= {"HF_HOME": str(tmp_path / "hf-home"), "COLUMNS": "200"} | environment
        return subprocess.run(
            [sys.executable, "-m", "cmet_cli", *map(str, arguments)],
            capture_output=True, text=True, timeout=300, cwd=tmp_path, env=clean,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip

    return run


@pytest.fixture
def feature(tmp_path: Path) -> Path:
    """A saved utterance feature for the tiny model's speech space."""
    path = tmp_path / "feature.npy"
    np.save(path, np.linspace(-1, 1, 12, dtype=np.float32))
    return path
