"""Which ffmpeg is run: the bundled one, or the one that was asked for and can do what is needed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ..errors import MediaError

VARIABLE = "CMET_FFMPEG"
OLDEST = "5.1"
_OLDEST_LIBAVUTIL = (57, 28)  # ffmpeg 5.1's; a development build's version is no number
ASK_TIMEOUT_S = 20.0
#: What is used here, by the ffmpeg option that lists it.
NEEDED = {
    "-encoders": ("libx264", "libx264rgb", "aac", "rawvideo", "pcm_f32le", "mov_text", "srt"),
    "-decoders": ("rawvideo", "h264", "aac"),
    "-filters": ("showinfo", "select", "setparams", "setsar", "scale", "format", "aresample"),
    "-demuxers": ("ivf", "mov", "matroska"),
    "-muxers": ("mp4", "mov", "matroska", "rawvideo", "f32le"),
}


@dataclass(frozen=True)
class Ffmpeg:
    """program: its path; version: as it calls itself; why: how it came to be chosen."""

    program: str
    version: str
    why: str

    @property
    def ffprobe(self) -> str | None:
        """An ``ffprobe`` in the same folder, None if there is none (the bundled one has none)."""
        path = Path(self.program)
        beside = path.with_name("ffprobe" + path.suffix)
        return str(beside) if beside.is_file() and os.access(beside, os.X_OK) else None


def chosen_ffmpeg() -> Ffmpeg:
    """``$CMET_FFMPEG`` where it is set and good, else the one imageio-ffmpeg brings.

    What is on PATH is not looked at: it must not change a result. Raises :class:`MediaError`.
    """
    return _choose(os.environ.get(VARIABLE) or None)


def find_ffmpeg() -> str:
    """The chosen ffmpeg's path."""
    return chosen_ffmpeg().program


@lru_cache(maxsize=4)
def _choose(asked: str | None) -> Ffmpeg:
    if asked is not None:
        found = shutil.which(asked)
        if found is None:
            raise MediaError(f"{VARIABLE} is not a program: {asked}", "unset it, or correct it")
        program = str(Path(found).absolute())
        return Ffmpeg(program, _check(program, VARIABLE), f"{VARIABLE} asks for it")
    bundled = bundled_ffmpeg()
    if bundled is not None:
        return Ffmpeg(bundled, _version(bundled), "comes with the package (imageio-ffmpeg)")
    found = shutil.which("ffmpeg")
    if found is None:
        raise MediaError("no ffmpeg found", "pip install imageio-ffmpeg, or set CMET_FFMPEG")
    why = "on PATH; imageio-ffmpeg has none for this platform"
    return Ffmpeg(found, _check(found, "ffmpeg on PATH"), why)


def bundled_ffmpeg() -> str | None:
    """The binary in imageio-ffmpeg's own folder (its finder would also take others')."""
    try:
        import imageio_ffmpeg
    except ImportError:
        return None
    folder = Path(imageio_ffmpeg.__file__).parent / "binaries"
    programs = sorted(p for p in folder.glob("ffmpeg-*") if os.access(p, os.X_OK))
    return str(programs[-1]) if programs else None


def _check(program: str, name: str) -> str:
    """The version of an ffmpeg that can do what is needed; :class:`MediaError` if it cannot."""
    text = _ask(program, "-version")
    if not text.startswith("ffmpeg version"):
        raise MediaError(f"{name} is not an ffmpeg: {program}", _hint(name))
    utility = re.search(r"^libavutil\s+(\d+)\.\s*(\d+)\.", text, re.MULTILINE)
    if utility and (int(utility[1]), int(utility[2])) < _OLDEST_LIBAVUTIL:
        raise MediaError(
            f"{name} is too old: {_first_line(text)} ({program}); {OLDEST} or later is needed",
            _hint(name),
        )
    missing = []
    for question, names in NEEDED.items():
        known = set(re.findall(r"^ *[A-Z.|]+ +(\S+)", _ask(program, question), re.MULTILINE))
        known = {part for entry in known for part in entry.split(",")}
        missing += [f"{n} ({question[1:-1]})" for n in names if n not in known]
    if missing:
        raise MediaError(f"{name} lacks {', '.join(missing)}: {program}", _hint(name))
    return _first_line(text)


def _hint(name: str) -> str:
    return f"unset {VARIABLE} to use the bundled one" if name == VARIABLE else "install a full one"


def _version(program: str) -> str:
    return _first_line(_ask(program, "-version"))


def _first_line(text: str) -> str:
    return text.splitlines()[0].split(" Copyright")[0] if text else "unknown"


def _ask(program: str, question: str) -> str:
    try:
        run = subprocess.run(
            [program, "-hide_banner", question] if question != "-version" else [program, question],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=ASK_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        reason = str(error).splitlines()[0]
        raise MediaError(f"{program} could not be run: {reason}", "check CMET_FFMPEG") from error
    return run.stdout.decode(errors="replace")
