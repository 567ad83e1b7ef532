"""Where attacks are run: materials, one folder for each case, and the command line started in it.

A start of ``cmet`` costs seconds of imports, so most cases run in processes forked from one that
has imported everything and done nothing (``inside``): the whole command line, from its arguments to
its exit code. Where starting and ending matter the command is started as users do (``outside``).
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from multiprocessing import forkserver
from pathlib import Path

import attack_child
import numpy as np

PATIENCE_S = 150.0  # ffmpeg alone is given 120 s by the tool before it is ended
SOON_S = 30.0  # to end, after a signal
#: What multiprocessing says where the fork server has lost a code. cmet never ends with it.
LOST = 255


@dataclass(frozen=True)
class Materials:
    """Good files that attacks begin from."""

    folder: Path
    weights: Path
    clips: dict[str, Path]
    voice: Path
    feature: Path

    def make(self, name: str, arguments: str) -> Path:
        """A file that the bundled ffmpeg makes, once."""
        from cmet_cli.media.program import bundled_ffmpeg, find_ffmpeg

        path = self.folder / name
        if not path.exists():
            front = [bundled_ffmpeg() or find_ffmpeg(), "-hide_banner", "-loglevel", "error", "-y"]
            subprocess.run([*front, *arguments.split(), str(path)], check=True, timeout=120)
        return path


def make_materials(folder: Path) -> Materials:
    """Tiny networks, and clips of ten 64x64 frames with sound, in every container."""
    import tiny
    import torch
    from safetensors.torch import save_file

    weights = folder / "weights"
    weights.mkdir(parents=True)
    torch.manual_seed(0)
    for name, kind in tiny.TINY_CLASSES.items():
        save_file(kind(tiny.TINY[name]).state_dict(), weights / f"{name}.safetensors")
    config = {name: asdict(part) for name, part in tiny.TINY.items()}
    (weights / "config.json").write_text(json.dumps({"name": "tiny", **config}))
    feature = folder / "feature.npy"
    np.save(feature, np.linspace(-1, 1, 12, dtype=np.float32))
    made = Materials(folder, weights, {}, folder / "voice.wav", feature)
    both = "-f lavfi -i testsrc2=s=64x64:r=25:d=0.4 -f lavfi -i sine=f=220:d=0.4:r=16000"
    codecs = {"mp4": "-c:v libx264 -pix_fmt yuv420p -c:a aac", "mkv": "-c:v libx264 -c:a flac"}
    codecs |= {"webm": "-c:v libvpx -deadline realtime -c:a libopus"}
    for suffix, codec in codecs.items():
        made.clips[suffix] = made.make(f"clip.{suffix}", f"{both} {codec} -shortest")
    made.make("voice.wav", "-f lavfi -i sine=f=330:d=0.5:r=24000")
    return made


@dataclass(frozen=True)
class Command:
    """One start of ``cmet`` in a case's folder.

    strike: a signal and the seconds after which it is sent, counted from the first work; again: the
    same signal once more, so long after.
    """

    argv: list[object]
    outside: bool = False
    largest_file: int | None = None
    strike: tuple[signal.Signals, float] | None = None
    again: float | None = None
    environment: dict[str, str] = field(default_factory=dict)
    patience_s: float = PATIENCE_S
    stdout: Path | None = None


@dataclass(frozen=True)
class Ended:
    """code: ``None`` for one that did not end; struck: whether a signal reached it alive."""

    code: int | None
    stdout: str
    stderr: str
    struck: bool = False


@dataclass
class Box:
    """A case's own folder: ``in`` for its inputs, ``out`` where it works, ``tmp`` and ``home``."""

    root: Path
    materials: Materials
    closing: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def __post_init__(self) -> None:
        for name in ("in", "out", "tmp", "home"):
            (self.root / name).mkdir(parents=True)

    @property
    def inputs(self) -> Path:
        return self.root / "in"

    @property
    def out(self) -> Path:
        return self.root / "out"

    @property
    def payload(self) -> Path:
        """What code that must not run would make."""
        return self.root / "executed"

    def put(self, name: str, content: bytes | Path) -> Path:
        path = self.inputs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.read_bytes())
        return path

    def edit(self, **changes: object) -> list[object]:
        """A good ``cmet edit``; changes: other values of its flags (None: without)."""
        flags = {
            "video": self.materials.clips["mp4"],
            "emotion_audio": self.materials.feature,
            "neutral_audio": None,
            "output": "out.mp4",
            "weights_dir": self.materials.weights,
            "face_detector": "none",
            "device": "cpu",
        } | changes
        argv: list[object] = ["edit", "--json"]
        for name, value in flags.items():
            argv += [] if value is None else [f"--{name.replace('_', '-')}={value}"]
        return argv


class Arena:
    """Runs commands. Use as a context manager; ``folder`` is emptied by its owner."""

    def __init__(self, folder: Path, materials: Materials) -> None:
        self.folder, self.materials = folder, materials
        self._count = iter(range(10**9))
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in the background of a shell
            signal.signal(signal.SIGINT, signal.default_int_handler)
        # The server finds modules as a new Python does, and starts no threads of its own.
        here = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
        self._fork = multiprocessing.get_context("forkserver")
        self._fork.set_forkserver_preload(["attack_warm", "attack_child"])
        with _environment(PYTHONPATH=here, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1"):
            forkserver.ensure_running()
        self._starting = threading.Lock()

    def box(self) -> Box:
        return Box(self.folder / f"{next(self._count):05d}", self.materials)

    def run(self, box: Box, command: Command) -> Ended:
        return self._outside(box, command) if command.outside else self._inside(box, command)

    def _environment(self, box: Box, command: Command) -> dict[str, str]:
        clean = {"HF_HOME": str(box.root / "home"), "TMPDIR": str(box.root / "tmp")}
        clean |= {"COLUMNS": "200", "OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": "1"}
        return clean | {"HF_HUB_DISABLE_TELEMETRY": "1"} | command.environment

    def _inside(self, box: Box, command: Command) -> Ended:
        said: dict[str, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
        ends = {name: self._fork.Pipe(duplex=False) for name in said}
        process = self._fork.Process(
            target=attack_child.run,
            args=(
                [os.fspath(word) if isinstance(word, Path) else str(word) for word in command.argv],
                str(box.out), self._environment(box, command), command.largest_file,
                command.patience_s, ends["stdout"][1], ends["stderr"][1],
            ),
        )  # fmt: skip
        with self._starting:
            process.start()
        for _, writer in ends.values():
            writer.close()
        readers = [
            threading.Thread(target=_drain, args=(ends[name][0].fileno(), said[name]), daemon=True)
            for name in said
        ]
        for reader in readers:
            reader.start()
        assert process.pid is not None
        struck = _strike(command, process.pid, process.is_alive, box.root / "begun")
        process.join(SOON_S if struck else command.patience_s)
        hung = process.is_alive()
        if hung:
            process.kill()
            process.join()
        for reader in readers:
            reader.join(10)
        for reader_end, _ in ends.values():
            reader_end.close()
        texts = {name: data.decode(errors="replace") for name, data in said.items()}
        code, said_itself = process.exitcode, box.root / "ended"
        if code == LOST and said_itself.is_file():
            code = int(said_itself.read_text() or LOST)
        return Ended(None if hung else code, **texts, struck=struck)

    def _outside(self, box: Box, command: Command) -> Ended:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "CMET_"))}
        limit = command.largest_file
        front = ["prlimit", f"--fsize={limit}"] if limit is not None else []
        words = [w if isinstance(w, bytes) else os.fspath(w) if isinstance(w, Path) else str(w)
                 for w in command.argv]  # fmt: skip
        with contextlib.ExitStack() as stack:
            out = (
                stack.enter_context(command.stdout.open("wb"))
                if command.stdout
                else subprocess.PIPE
            )
            process = subprocess.Popen(
                [*front, sys.executable, "-m", "cmet_cli", *words],
                cwd=box.out, env=clean | self._environment(box, command), stdout=out,
                stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
            )  # fmt: skip
            struck = _strike(command, process.pid, lambda: process.poll() is None, None)
            try:
                told, complained = process.communicate(
                    timeout=SOON_S if struck else command.patience_s
                )
            except subprocess.TimeoutExpired:
                process.kill()
                told, complained = process.communicate()
                return Ended(None, (told or b"").decode(errors="replace"), _text(complained))
        return Ended(process.returncode, _text(told), _text(complained), struck)


def _text(data: bytes | None) -> str:
    return (data or b"").decode(errors="replace")


def _drain(descriptor: int, into: bytearray) -> None:
    with contextlib.suppress(OSError):
        while chunk := os.read(descriptor, 1 << 16):
            into += chunk


def _strike(command: Command, pid: int, alive: Callable[[], bool], begun: Path | None) -> bool:
    """Send the signal at its time; -> whether the process was alive then."""
    if command.strike is None:
        return False
    number, after_s = command.strike
    while begun is not None and alive() and not begun.exists():
        time.sleep(0.005)
    time.sleep(after_s)
    for pause_s in (0.0, command.again):
        if pause_s is None:
            break
        time.sleep(pause_s)
        if not alive():
            return pause_s != 0.0
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    return True


@contextlib.contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        for name in values:
            os.environ.pop(name)
        os.environ.update(before)


def left_processes(box: Box) -> Iterator[str]:
    """Processes that still work on a case's files."""
    mark = os.fsencode(box.root) + b"/"
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = entry.read_bytes()
            if mark in words and int(entry.parent.name) != os.getpid():
                yield words.replace(b"\0", b" ").decode(errors="replace")[:200]
