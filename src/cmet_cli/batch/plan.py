"""The rows of a batch: what each reads and makes, whether it must run, and which comes next."""

# Paths stay text: 100,000 rows are checked in seconds.
# ruff: noqa: PTH117, PTH118, PTH120

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter, deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from .._version import __version__
from ..declared import declared
from ..emotion.named import NEUTRAL, SUFFIX, own_files, own_folder
from ..emotion.schedule import Segment, read_plan
from ..errors import UsageError
from ..naming import name_of_result
from ..options import ASKING, RESTAGING, SIDECAR_SUFFIX, EditOptions
from .storage import Digests, Entry, file_of, is_as_made, is_url

if TYPE_CHECKING:
    from ..backends.compute import Compute
    from ..weights.folder import Weights
    from .state import State

RUN, KEEP = "run", "keep"
WAITING, DONE, FAILED = "waiting", "done", "failed"
MADE = "made"  # complete, but under a temporary name
#: Options that say how a file is placed, not what is in it.
NOT_OF_THE_RESULT = ("overwrite",)


@dataclass(frozen=True)
class Row:
    """One edit. line: where the manifest asks for it; every location is an absolute path or a URL;
    name: the output as people know it, relative to the output folder; places: where the files are
    that options name, by option, which a ``Path`` cannot say of a URL."""

    line: int
    video: str
    emotion_audio: tuple[str, ...]
    neutral_audio: tuple[str, ...]
    output: str
    options: EditOptions
    name: str
    places: Mapping[str, str] = field(default_factory=dict, hash=False)

    def outputs(self) -> dict[str, str]:
        """Every file the edit makes, by column."""
        files = {"output": self.output, **self._option_files(True)}
        return files | ({"sidecar": self.output + SIDECAR_SUFFIX} if self.options.sidecar else {})

    def inputs(self) -> dict[str, tuple[str, ...]]:
        """Every file the edit reads, by column."""
        files = self._option_files(False).items()
        more: dict[str, tuple[str, ...]] = {name: (place,) for name, place in files}
        plan = plan_of(self.place_of("timeline"))
        named = [self.options.emotion, *(s.emotion for s in plan)]
        if own := [str(path) for text in dict.fromkeys(named) for path in own_files(text)]:
            more["named_emotions"] = tuple(own)
        if heard := [str(s.audio) for s in plan if s.audio is not None]:
            more["timeline_audio"] = tuple(heard)
        clips = {"emotion_audio": self.emotion_audio, "neutral_audio": self.neutral_audio}
        return {"video": (self.video,), **clips, **more}

    def _option_files(self, writes: bool) -> dict[str, str]:
        files = {name: f for name, f in declared(EditOptions).items() if f.is_path}
        named = ((name, self.place_of(name), f.option.writes) for name, f in files.items())
        return {name: place for name, place, made in named if place and made == writes}

    def place_of(self, option: str) -> str:
        """Where the file is that an option names; empty where it names none."""
        value = getattr(self.options, option)
        return "" if value is None else self.places.get(option, str(value))

    def entries(self, digests: Digests) -> dict[str, Entry]:
        """Every input by location. Raises :class:`OSError` where one is gone."""
        return {place: digests.entry(place) for group in self.inputs().values() for place in group}

    @property
    def asked(self) -> str:
        """What the row asks for, for people."""
        names = (*ASKING, *RESTAGING)
        named = [self.place_of(name) for name in names if getattr(self.options, name)]
        return ";".join([*named, *self.emotion_audio])

    @property
    def talks(self) -> bool:
        """Whether there is no video, but a picture that is to talk."""
        return self.video == self.place_of("identity_image")

    def reading(self) -> tuple[str, ...]:
        """Rows of one reading are best done one after the other: the editor keeps it."""
        o = self.options
        return self.video, o.face_detector, str(o.face), o.lips_from


def plan_of(timeline: str) -> list[Segment]:
    """The segments of a row's timeline; none where it cannot be read, which is told where rows are
    checked, and none of one behind a URL, which the edit tells."""
    if not timeline or is_url(timeline):
        return []
    try:
        return read_plan(Path(timeline))
    except UsageError:
        return []


def default_name(cells: Mapping[str, str], video: str, emotion: tuple[str, ...], base: str) -> str:
    """``a/talk.mp4`` with ``sad.wav`` at intensity 1.2 -> ``a/talk_sad_intensity1.2.mp4``."""
    path = PurePosixPath(video.replace(os.sep, "/"))
    folder = os.path.dirname(os.path.relpath(video, base)) if not is_url(video) else ""
    folder = "" if folder.startswith("..") or os.path.isabs(folder) else folder
    return os.path.join(folder, name_of_result(path.name, emotion, cells))


@dataclass(frozen=True)
class Task:
    """A row handed to a worker. may_replace: an existing output is ours, or may be overwritten."""

    index: int
    row: Row
    may_replace: bool
    attempt: int = 1


@dataclass(frozen=True)
class Outcome:
    """What became of a task; plain values only, because it crosses processes and is stored as JSON.

    made_of: what determined the result, by name; inputs, outputs: entries by location; result:
    counts and timings; pictures: base64 JPEGs before and after; transient: another try may go
    better; poisoned: the worker that says so must not be used again.
    """

    index: int
    status: str
    elapsed_s: float = 0.0
    made_of: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, Entry] = field(default_factory=dict)
    outputs: dict[str, Entry] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)
    pictures: Sequence[str] = ("", "")
    error: str = ""
    hint: str = ""
    transient: bool = False
    poisoned: bool = False


def compute_name(compute: Compute) -> str:
    """``cpu fp32``: results of another kind of device or number format are others."""
    return f"{compute.device.type} {compute.precision}"


def made_of(row: Row, entries: Mapping[str, Entry], model: str, compute: str) -> dict[str, Any]:
    """What a row's result is made of, by name; equal if and only if the result is the same."""
    options = {
        name: bool(value) if isinstance(value, Path) else value
        for name, value in vars(row.options).items()
        if name not in NOT_OF_THE_RESULT
    }
    inputs = {
        # A file by its content, and which stretch of it where that is not the whole.
        name: [entries[place][2] + place[len(file_of(place)) :] for place in places]
        for name, places in row.inputs().items()
    }
    shared = {"model": model, "compute": compute, "version": __version__}
    # As it comes back from the database: tuples are lists there.
    made: dict[str, Any] = json.loads(json.dumps({**inputs, "options": options, **shared}))
    return made


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Why a row must be done again, in words; empty where it need not."""

    def flat(made: Mapping[str, Any]) -> dict[str, Any]:
        # A file that an option names is told by its content, not by its being there.
        return {**made.get("options", {}), **made, "options": None}

    old, new = flat(before), flat(now)
    return ", ".join(name for name in dict.fromkeys([*new, *old]) if old.get(name) != new.get(name))


class Decision(NamedTuple):
    """action: ``run`` or ``keep``; why: in a few words."""

    action: str
    why: str


@dataclass(frozen=True)
class Key:
    """What every row of a run shares of its result. model: digest of the weights; computes: device
    kinds with their number formats, as ``cuda bf16``, that a kept result may come from (empty: any,
    where only the machines of a cluster know theirs)."""

    model: str
    computes: Collection[str] = ()

    @classmethod
    def of(cls, weights: Weights, computes: Collection[Compute]) -> Key:
        return cls(model_digest(weights), tuple(map(compute_name, computes)))

    def decide(self, row: Row, state: State, digests: Digests) -> Decision:
        """What to do with a row. Digests are taken only where the row is called done."""
        known = state.result(row.output)
        if known is None:
            return Decision(RUN, "new")
        if known["status"] == FAILED:
            return Decision(RUN, f"failed before: {known['error']}")
        lost = [name for name, p in row.outputs().items() if not is_as_made(p, state.made(p))]
        if lost:
            return Decision(RUN, f"{', '.join(lost)} is missing or not as it was made")
        before = json.loads(known["made_of"])
        compute = before.get("compute", "")
        if self.computes and compute not in self.computes:
            compute = next(iter(self.computes))
        try:
            now = made_of(row, row.entries(digests), self.model, compute)
        except OSError as error:
            return Decision(RUN, f"changed: {error.filename or row.video} cannot be read")
        changed = differences(before, now)
        return Decision(RUN, f"changed: {changed}") if changed else Decision(KEEP, "done")


def summary(decisions: Sequence[Decision]) -> dict[str, int]:
    """How many rows run and stay, by the kind of reason."""
    return dict(Counter(DONE if d.action == KEEP else d.why.split(":")[0] for d in decisions))


class Schedule:
    """Rows still to be given out.

    A worker takes a video's rows one after the other; when no video is left untouched, an idle
    worker takes over the later half of the longest queue.
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        groups: dict[str, list[Task]] = {}
        for task in sorted(tasks, key=lambda t: (t.row.reading(), t.index)):
            groups.setdefault(task.row.video, []).append(task)
        by_first = sorted(groups.values(), key=lambda group: min(t.index for t in group))
        self._groups = deque(deque(group) for group in by_first)
        self._queues: dict[int, deque[Task]] = {}
        self._again: deque[Task] = deque()
        self.waiting = len(tasks)

    def next(self, worker: int) -> Task | None:
        """A row for this worker; ``None`` where nothing waits."""
        queue = self._queues.get(worker)
        if not queue and self._groups:
            queue = self._groups.popleft()
        elif not queue and self._again:
            queue = deque([self._again.popleft()])
        elif not queue:
            longest = max(self._queues.values(), key=len, default=deque[Task]())
            taken = [longest.pop() for _ in range(-(-len(longest) // 2))]
            queue = deque(reversed(taken))
        if not queue:
            return None
        self._queues[worker] = queue
        self.waiting -= 1
        return queue.popleft()

    def again(self, task: Task) -> None:
        """Another try, after the rows that have had none."""
        self._again.append(task)
        self.waiting += 1

    def give_up(self, worker: int) -> None:
        """A worker will not come back: its rows are anybody's."""
        if queue := self._queues.pop(worker, None):
            self._groups.append(queue)


def model_digest(weights: Weights) -> str:
    """One digest for all files of a model and of the emotions that it can name; large ones are
    taken from the download's record. Of the user's own the neutral one counts, with which all are
    compared, and every one where voices are taken for names."""
    from ..weights.digests import file_digests

    digests = Digests()
    own = own_folder() if weights.ear is not None else own_folder() / f"{NEUTRAL}{SUFFIX}"
    named = [path for path in (weights.presets, own) if path is not None and path.exists()]
    found = file_digests(weights, lambda path: str(digests.entry(str(path))[2]), also=named)
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()
