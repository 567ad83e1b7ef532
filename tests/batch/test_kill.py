"""A batch that is ended from outside, gently or not, and goes on as if nothing had happened."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from .conftest import outputs_of, results_of, told


@pytest.fixture
def start(tiny_weights, tmp_path):
    """Begin a batch in the background."""
    started = []

    def begin(manifest):
        command = [sys.executable, "-m", "cmet_cli", "batch", str(manifest), "--quiet"]
        command += ["--weights-dir", str(tiny_weights), "--device", "cpu", "--workers", "2"]
        command += ["--set", "face_detector=none", "--no-thumbnails"]
        environment = os.environ | {"HF_HOME": str(tmp_path / "hf-home")}
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def rows(count):
    return [
        {
            "video": f"v{i % 2}.mp4",
            "emotion_audio": f"e{i // 2 % 2}.wav",
            "output": f"{i}.mp4",
            "intensity": 1 + i / 200,
        }
        for i in range(count)
    ]


def wait_for_done(manifest, process, count, timeout_s=240):
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline and process.poll() is None:
        if len(results_of(manifest)) >= count:
            return
        time.sleep(0.02)


@pytest.mark.slow
def test_killed_at_random_and_resumed_is_as_never_killed(start, write_manifest):
    whole = write_manifest(rows(10), "whole.csv")
    assert start(whole).wait(300) == 0
    manifest, seen = write_manifest(rows(10)), {}
    chance = random.Random(5)
    for done in (1, 4, 7):
        process = start(manifest)
        wait_for_done(manifest, process, done)
        time.sleep(chance.random() * 0.4)
        process.kill()
        process.wait()
        time.sleep(0.2)
        for name in outputs_of(manifest):
            path = manifest.parent / "m_out" / name
            seen.setdefault(name, path.stat().st_mtime_ns)  # made once, never again
    assert start(manifest).wait(300) == 0
    assert outputs_of(manifest) == outputs_of(whole)
    records = results_of(manifest)
    assert sorted(r["output"] for r in records) == sorted({r["output"] for r in records})
    assert len(records) == 10
    for name, made_ns in seen.items():
        assert (manifest.parent / "m_out" / name).stat().st_mtime_ns == made_ns
    assert not list((manifest.parent / "m_out").rglob("*.part.*"))
    assert not (manifest.parent / "m_out" / ".cmet" / "work").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_ended_gently(start, write_manifest, number, code):
    manifest = write_manifest(rows(40))
    process = start(manifest)
    wait_for_done(manifest, process, 1)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in said
    made, records = outputs_of(manifest), results_of(manifest)
    assert 1 <= len(records) <= len(made) < 40
    root = manifest.parent / "m_out"
    assert not list(root.rglob("*.part.*"))
    assert not (root / ".cmet" / "work").exists()
    assert (root / "report.csv").is_file()


DIE = """
import os, signal, sys
from cmet_cli.batch.state import State
moment, hold = sys.argv.pop(1), State.hold
def die(self, *arguments):
    if moment == "hold":
        hold(self, *arguments)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(State, moment, die)
from cmet_cli.cli.app import main
main()
"""


@pytest.mark.parametrize(("moment", "again"), [("hold", 1), ("finish", 0)])
def test_killed_around_the_moment_an_output_gets_its_name(
    batch, write_manifest, tiny_weights, moment, again
):
    """Before it (the row was put down, nothing is there): the row is done again. After it (the
    file is there, nobody wrote so down): it is known to be done, and not touched."""
    manifest = write_manifest(rows(1))
    command = [
        sys.executable,
        "-c",
        DIE,
        moment,
        "batch",
        str(manifest),
        "--quiet",
        "--workers",
        "1",
    ]
    command += ["--weights-dir", tiny_weights, "--device", "cpu", "--set", "face_detector=none"]
    assert subprocess.run(command, capture_output=True, timeout=120).returncode == -signal.SIGKILL
    output = manifest.parent / "m_out" / "0.mp4"
    assert output.exists() == (moment == "finish")
    made_ns = output.stat().st_mtime_ns if output.exists() else None
    resumed = batch(manifest, "--json")
    assert (resumed.returncode, told(resumed)["done"], told(resumed)["kept"]) == (
        0,
        again,
        1 - again,
    )
    assert made_ns in (None, output.stat().st_mtime_ns)
    assert sorted(p.name for p in (output.parent / ".cmet").iterdir() if p.is_dir()) == []
