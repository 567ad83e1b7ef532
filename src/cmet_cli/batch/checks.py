"""Everything about a manifest that can be wrong before a model is loaded, found in one pass."""

# Paths stay text: 100,000 rows are checked in seconds.
# ruff: noqa: PTH100, PTH113, PTH116, PTH118, PTH120

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..declared import TRUE, declared
from ..emotion.schedule import Segment, read_plan
from ..errors import CmetError
from ..media.containers import CONTAINERS
from ..naming import video_suffix
from ..options import ASKING, RESTAGING, SIDECAR_SUFFIX, EditOptions
from .manifest import (
    CLIP_SEPARATOR,
    Problem,
    Problems,
    RawManifest,
    RawRow,
    TooManyProblems,
)
from .outputs import OutputBook
from .plan import Row, default_name
from .storage import Entry, as_one, file_of, is_as_made, is_url, look_at, path_of

FOLDER = "is a folder"
_TAKEN = "exists and was not made by this batch: {} (--overwrite replaces it)"
#: One of these columns is enough to ask for something.
_SUFFICIENT = ("emotion_audio", *ASKING, *RESTAGING)
#: Columns that are judged beside another.
_BESIDE = {"preset": "encoder", "paste": "detail"}
#: What an output was when this batch made it; ``None`` for anybody else's.
Made = Callable[[str], "Entry | None"]


@dataclass(frozen=True)
class CheckSettings:
    """output_root: absolute path or URL; defaults: cells for rows that leave them empty."""

    output_root: str
    defaults: Mapping[str, str] = field(default_factory=dict)
    allow_outside: bool = False
    overwrite: bool = False


@dataclass
class Checked:
    """Rows that make sense, and every problem of the manifest; broken: more is wrong with it than
    some of its rows."""

    rows: list[Row]
    problems: list[Problem]
    broken: bool = False

    @property
    def sound(self) -> list[Row]:
        """The rows that nothing is wrong with; none where the manifest itself is wrong."""
        wrong = {problem.line for problem in self.problems}
        return [] if self.broken else [row for row in self.rows if row.line not in wrong]


def check_manifest(manifest: RawManifest, settings: CheckSettings, made: Made) -> Checked:
    """Judge every row. Each distinct path is asked of the file system once."""
    checker, rows, broken = _Checker(manifest, settings, made), list[Row](), manifest.broken
    try:
        rows = [row for raw in manifest.rows if (row := checker.row(raw)) is not None]
        checker.across(rows)
    except TooManyProblems:
        broken = True
    return Checked(rows, sorted(manifest.problems, key=lambda p: p.line), broken)


class _Checker:
    def __init__(self, manifest: RawManifest, settings: CheckSettings, made: Made) -> None:
        self.base = str(manifest.path.parent.resolve())
        self.settings, self.made = settings, made
        self.problems: Problems = manifest.problems
        self.say = manifest.problems.say
        self.book = OutputBook(settings.output_root, settings.allow_outside)
        self._places: dict[str, str] = {}  # as written -> location
        self._files: dict[str, str] = {}  # input location -> what is wrong with it, or ""
        self._inodes: dict[tuple[int, int], str] = {}
        self._urls: dict[str, list[tuple[int, str]]] = {}
        self._options: dict[tuple[tuple[str, str], ...], EditOptions | list[Problem]] = {}
        self._plans: dict[Path, list[Segment] | str] = {}  # or what is wrong with it
        self._no_video_column = any(p.column == "video" for p in manifest.problems)

    def row(self, raw: RawRow) -> Row | None:
        """A row, or ``None`` with problems noted."""
        before, line = len(self.problems), raw.line
        cells = {**self.settings.defaults, **raw.cells}
        talks = "video" not in cells and all(cells.get(name) for name in RESTAGING)
        if "video" not in cells and not talks and not self._no_video_column:
            self.say(line, "video", "missing (or a picture that talks: identity_image and speech)")
        if not any(cells.get(name) for name in _SUFFICIENT):
            self.say(line, "emotion_audio", "missing (or ask in another way: emotion)")
        if cells.get("fit", "video") != "video" and not cells.get("speech"):
            self.say(line, "fit", "is for new speech, and there is none")
        if talks:
            video = self._locate(cells["identity_image"])  # looked at with the options
        else:
            video = self._input(line, "video", cells.get("video", ""))
        emotion = self._clips(line, "emotion_audio", cells.get("emotion_audio", ""))
        neutral = self._clips(line, "neutral_audio", cells.get("neutral_audio", ""))
        options, places = self._options_of(line, cells)
        output = self._output(line, cells, raw.cells, video, emotion)
        if options is not None:
            plan = self._plan(line, places.get("timeline", ""))
            self._together(line, options, plan, (emotion, neutral), output)
        if len(self.problems) > before or options is None or output is None:
            return None
        name = self.book.shown(output)
        return Row(line, video, emotion, neutral, output, options, name, places)

    # ------------------------------------------------------------------ inputs

    def _input(self, line: int, column: str, text: str, folder_too: bool = False) -> str:
        if not text:
            return ""
        location = self._locate(text)
        if is_url(location):
            self._urls.setdefault(location, []).append((line, column))
            if (path := path_of(location)) is not None:
                self._look(path)  # which remembers what file it is
            return location
        if location not in self._files:
            self._files[location] = self._look(location)
        wrong = self._files[location]
        if wrong and not (wrong == FOLDER and folder_too):
            self.say(line, column, f"{wrong}: {text}")
        return location

    def _locate(self, text: str) -> str:
        if text not in self._places:
            path = text if is_url(text) else os.path.abspath(os.path.join(self.base, text))
            self._places[text] = path
        return self._places[text]

    def _look(self, location: str) -> str:
        try:
            location.encode()  # a name that is no Unicode can be neither stored nor reported
            status = os.stat(location)
        except FileNotFoundError:
            file = _file_of(location)
            return "not found" if file == location else self._look(file)
        except (OSError, ValueError) as error:
            return str(getattr(error, "strerror", None) or getattr(error, "reason", error))
        if stat.S_ISDIR(status.st_mode):
            return FOLDER
        self._inodes[status.st_dev, status.st_ino] = location
        if not stat.S_ISREG(status.st_mode):
            return "not a file"
        if status.st_size == 0:
            return "empty"
        return "" if os.access(location, os.R_OK) else "cannot be read (permissions)"

    def _clips(self, line: int, column: str, text: str) -> tuple[str, ...]:
        if not text:
            return ()
        whole = not is_url(text) and os.path.isfile(self._locate(text))
        single = CLIP_SEPARATOR not in text or whole
        parts = [text] if single else [p.strip() for p in text.split(CLIP_SEPARATOR) if p.strip()]
        clips: list[str] = []
        for part in parts:
            location = self._input(line, column, part, folder_too=True)
            if self._files.get(location) == FOLDER:
                clips += self._inside(line, column, location)
            else:
                clips.append(location)
        return tuple(clips)

    def _inside(self, line: int, column: str, folder: str) -> list[str]:
        from ..emotion.speech.clips import expand_clips

        try:
            inside = [str(clip) for clip in expand_clips([Path(folder)], "speech")]
        except CmetError as error:
            self.say(line, column, error.message)
            return []
        return [self._input(line, column, clip) for clip in inside]

    # ------------------------------------------------------------------ options and outputs

    def _together(
        self,
        line: int,
        options: EditOptions,
        plan: list[Segment],
        clips: tuple[tuple[str, ...], tuple[str, ...]],
        output: str | None,
    ) -> None:
        """What only makes sense, or not, with other cells; clips: emotional and neutral."""
        emotion, neutral = clips
        heard = emotion or options.emotion_follow or any(s.audio is not None for s in plan)
        if neutral and not heard and (options.asks or options.speech is None):
            self.say(line, "neutral_audio", "is compared with emotional speech, and none is given")
        if (options.sign_cert is None) != (options.sign_key is None):
            self.say(line, "sign_cert", "to sign, a certificate and its key are both needed")
        if output is None:
            return
        name = output.rpartition("/")[2]
        if options.sign_cert is not None:
            from ..provenance.credentials import check_signable  # imports OpenCV

            try:
                check_signable(Path(name))
            except CmetError as error:
                self.say(line, "output", error.message)
        if options.sidecar:
            beside = output + SIDECAR_SUFFIX
            self._claim(line, "sidecar", beside, name + SIDECAR_SUFFIX, options.overwrite)

    def _plan(self, line: int, timeline: str) -> list[Segment]:
        if not timeline or is_url(timeline):
            return []
        path = Path(timeline)
        if path not in self._plans:
            try:
                self._plans[path] = read_plan(path)
            except CmetError as error:
                self._plans[path] = error.message
        plan = self._plans[path]
        if isinstance(plan, str):
            if not self._files.get(str(path)):  # else it is told already
                self.say(line, "timeline", plan)
            return []
        for segment in plan:
            if segment.audio is not None:
                heard = str(segment.audio)
                if heard not in self._files:
                    self._files[heard] = self._look(heard)
                if wrong := self._files[heard]:
                    self.say(line, "timeline", f"line {segment.line}: {wrong}: {segment.audio}")
        return plan

    def _options_of(
        self, line: int, cells: Mapping[str, str]
    ) -> tuple[EditOptions | None, dict[str, str]]:
        """The options, and where the files are that they name."""
        known = declared(EditOptions)
        given = {name: cells[name] for name in cells if name in known}
        plain = tuple((n, t) for n, t in given.items() if not known[n].is_path)
        if plain not in self._options:
            self._options[plain] = _parse_options(plain)
        options = self._options[plain]
        if isinstance(options, list):
            for problem in options:
                self.say(line, problem.column, problem.message)
            return None, {}
        places = dict[str, str]()
        for name in given.keys() - dict(plain):
            if known[name].option.writes:
                location = self.book.locate(given[name])
                self._claim(line, name, location, given[name], options.overwrite)
            else:
                location = self._input(line, name, given[name])
            places[name] = location
            try:
                path: dict[str, Any] = {name: Path(location)}
                options = replace(options, **path)
            except CmetError as error:
                self.say(line, name, error.message)
        return options, places

    def _output(
        self,
        line: int,
        cells: Mapping[str, str],
        own: Mapping[str, str],
        video: str,
        emotion: tuple[str, ...],
    ) -> str | None:
        """own: the cells that the row itself has, by which it is named."""
        asked = emotion or any(cells.get(name) for name in _SUFFICIENT)
        if not ("output" in cells or (video and asked)):
            return None
        text = cells.get("output") or default_name(own, video, emotion, self.base)
        if not video_suffix(text):
            self.say(line, "output", f"must end in one of {', '.join(CONTAINERS)}: {text}")
            return None
        location = self.book.locate(text)
        overwrite = cells.get("overwrite", "").lower() in TRUE
        hint = "" if "output" in cells else "; give this row an output of its own"
        return location if self._claim(line, "output", location, text, overwrite, hint) else None

    def _claim(
        self, line: int, column: str, location: str, text: str, overwrite: bool, hint: str = ""
    ) -> bool:
        status = None
        try:
            location.encode()
            if "\0" in location:
                raise ValueError("embedded null byte")
            wrong = self.book.claim(line, location, text)
            status = self.book.existing(location)
        except ValueError as error:
            wrong, hint = f"{getattr(error, 'reason', error)}: {text}", ""
        replaced = overwrite or self.settings.overwrite
        if wrong:
            wrong += hint
        elif status is not None and stat.S_ISDIR(status.st_mode):
            wrong = f"{FOLDER}: {text}"
        elif status is not None and not (replaced or is_as_made(location, self.made(location))):
            wrong = _TAKEN.format(text)
        if wrong:
            self.say(line, column, wrong)
        return not wrong

    # ------------------------------------------------------------------ across rows

    def across(self, rows: list[Row]) -> None:
        """What only shows once all rows are known: outputs that are inputs, and remote files."""
        claimed = list(self.book.claimed())
        names = {location for location, _, _ in claimed}
        remote = {as_one(url) for url in self._urls}
        for location, inode, line in claimed:
            folder = os.path.dirname(location)
            if folder in names or self.book.is_file(folder):
                self.say(line, "output", f"its folder is a file: {self.book.shown(location)}")
            if is_url(location):
                inode, read = _inode_of(location), as_one(location) in remote
            else:
                read = location in self._files
            if read or (inode and inode in self._inodes):
                self.say(line, "output", f"output is also an input: {self.book.shown(location)}")
        anyway = self.settings.overwrite or any(row.options.overwrite for row in rows)
        urls = {location: line for location, _, line in claimed if is_url(location)}
        targets = {u: n for u, n in urls.items() if not (anyway or is_as_made(u, self.made(u)))}
        found = look_at([*self._urls, *targets]) if self._urls or targets else {}
        for url, places in self._urls.items():
            for line, column in places if isinstance(found[url], str) else ():
                self.say(line, column, f"{found[url]}: {url}")
        for url, line in targets.items():
            if not isinstance(found[url], str):
                self.say(line, "output", _TAKEN.format(url))


def _inode_of(url: str) -> tuple[int, int] | None:
    """Of a file of this machine that is there."""
    try:
        status = os.stat(path_of(url) or "")
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def _file_of(location: str) -> str:
    try:
        return file_of(location)
    except CmetError:
        return location


def _parse_options(cells: tuple[tuple[str, str], ...]) -> EditOptions | list[Problem]:
    """Options from cells, or every wrong cell's problem (the line is filled in by the caller)."""
    values: dict[str, Any] = {}
    problems, known = [], declared(EditOptions)
    for name, text in sorted(cells, key=lambda cell: cell[0] in _BESIDE):
        try:
            values[name] = known[name].parse(text)
            beside = _BESIDE.get(name, name)
            EditOptions(**{n: values[n] for n in (beside, name) if n in values})
        except CmetError as error:
            problems.append(Problem(0, name, error.message))
    try:
        return problems or EditOptions(**values)
    except CmetError as error:
        return [Problem(0, "", error.message)]
