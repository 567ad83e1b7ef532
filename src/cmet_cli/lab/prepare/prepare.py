"""A data set as it is distributed -> crops, features, split and edits: ``cmet prepare``."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ...backends.base import CropSpec
from ...backends.edtalk.crop_calibration import EDTALK_CROP
from ...backends.edtalk.model_config import read_config
from ...errors import CmetError, UsageError
from ...media.clock import GRID_HZ
from ...media.files import atomic_path
from ...options import Progress, no_progress
from ...weights.folder import find_parts
from ..layout import SPEECH_SUFFIX, VIDEO_SUFFIX, ClipKey, clip_path, published_sentences
from ..training.extract_features import Extractor, ExtractReport, extract_folder
from ..training.mead import FEATURE_SUFFIX
from .crop_clip import Cropping, is_prepared, prepare_clip
from .datasets import DataSet
from .edits import (
    NEUTRAL,
    every_edit,
    listed_edits,
    read_edit_list,
    write_edits,
    write_table,
)
from .report import Report
from .source import Skipped, SourceClip
from .truths import Content, truths_by_content, truths_by_name

REPORT_FILE, MARK_FILE = "report.json", "prepare.json"
SPLIT_FILE, TRAIN_FILE, TEST_FILE = "split.csv", "train.txt", "test.txt"


@dataclass(frozen=True)
class Preparation:
    """What to make. edits: a published table of them instead of all; published: just the published
    selection of sentences; overwrite: make everything anew."""

    dataset: DataSet
    source: Path
    root: Path
    cropping: Cropping
    published: bool = False
    edits: Path | None = None
    overwrite: bool = False


def crop_of(weights_dir: Path | None, model: str) -> CropSpec:
    """The crop of a model's networks: 256 pixels for the published ones, 64 for the mini.

    Which model, is chosen as for features; none need be there.
    """
    weights = find_parts(weights_dir, model, lambda place: place.edtalk)
    config = read_config(weights.config if weights else None)
    return CropSpec(config.edtalk.image_size_px, EDTALK_CROP)


def check_folders(source: Path, root: Path) -> None:
    """Refuse a source that is not there and an output that would lie in it."""
    if not source.is_dir():
        raise UsageError(f"data folder not found: {source}")
    inside, outside = root.resolve(), source.resolve()
    if inside == outside or outside in inside.parents:
        raise UsageError(
            f"the output lies in the data set: {root}", "choose a folder of its own outside"
        )
    if root.exists() and not root.is_dir():
        raise UsageError(f"not a folder: {root}")


def prepare(
    wanted: Preparation,
    load: Callable[[], Extractor] | None,
    progress: Progress = no_progress,
) -> Report:
    """Crops, then features (by ``load``'s networks, None for none), then split and edits.

    What is complete is kept; a clip that fails is noted and the rest go on. The report is written
    too, as ``report.json``. Raises :class:`UsageError` where there is nothing to work on, or the
    output holds something else.
    """
    check_folders(wanted.source, wanted.root)
    found = wanted.dataset.find(wanted.source)
    rows = read_edit_list(wanted.edits) if wanted.edits is not None else None
    clips = [
        clip
        for clip in found.clips
        if not wanted.published or clip.key.sentence in published_sentences(clip.key.emotion)
    ]
    if not clips:
        raise UsageError(f"no clips in {wanted.source}", _hint(wanted.dataset, found.skipped))
    _check_mark(wanted)
    extractor = load() if load is not None else None
    if wanted.overwrite:
        _forget(wanted.root, clips)
    _mark(wanted)
    report = _crop_all(wanted, clips, found.skipped, progress)
    keys = [clip.key for clip in clips if is_prepared(clip, wanted.root)]
    if keys and extractor is not None:
        made = extract_folder(
            wanted.root,
            extractor,
            overwrite=wanted.overwrite,
            progress=_named(progress, "features"),
        )
        report = replace(report, features=_features(made))
    report = _tables(wanted, keys, rows, report, progress)
    with atomic_path(wanted.root / REPORT_FILE, overwrite=True) as part:
        part.write_text(json.dumps(asdict(report), indent=1) + "\n", encoding="utf-8")
    return report


def _hint(dataset: DataSet, skipped: Sequence[Skipped]) -> str:
    if not skipped:
        return dataset.layout
    return f"{skipped[0].name}: {skipped[0].why}"


def _mark_of(wanted: Preparation) -> dict[str, Any]:
    return {"dataset": wanted.dataset.name, "crop_px": wanted.cropping.spec.size_px}


def _check_mark(wanted: Preparation) -> None:
    """Refuse an output folder that holds something else."""
    root, path, mark = wanted.root, wanted.root / MARK_FILE, _mark_of(wanted)
    other = "choose another folder"
    if path.is_file():
        try:
            before = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            before = None
        if not isinstance(before, dict) or before.get("dataset") != mark["dataset"]:
            raise UsageError(f"{root} holds another data set", other)
        if before != mark and not wanted.overwrite:
            raise UsageError(
                f"{root} holds crops of {before.get('crop_px')} pixels, not {mark['crop_px']}",
                f"{other}, or add --overwrite",
            )
    elif root.is_dir() and any(root.iterdir()):
        raise UsageError(f"{root} is not empty, and no output of cmet prepare", other)


def _forget(root: Path, clips: Sequence[SourceClip]) -> None:
    """What is made anew goes first: after an interruption nothing of before counts as done."""
    for clip in clips:
        for suffix in (VIDEO_SUFFIX, FEATURE_SUFFIX):
            clip_path(root, clip.key, suffix).unlink(missing_ok=True)


def _mark(wanted: Preparation) -> None:
    """Say what the output folder holds."""
    wanted.root.mkdir(parents=True, exist_ok=True)
    with atomic_path(wanted.root / MARK_FILE, overwrite=True) as part:
        part.write_text(json.dumps(_mark_of(wanted)) + "\n", encoding="utf-8")


def _crop_all(
    wanted: Preparation,
    clips: Sequence[SourceClip],
    skipped: tuple[Skipped, ...],
    progress: Progress,
) -> Report:
    made, present = 0, 0
    failed, remarks = list[Skipped](), list[Skipped]()
    for done, clip in enumerate(clips, start=1):
        if not wanted.overwrite and is_prepared(clip, wanted.root):
            present += 1
        else:
            try:
                remark = prepare_clip(clip, wanted.root, wanted.cropping)
                remarks += [Skipped(str(clip.key), remark)] if remark else []
                made += 1
            except CmetError as error:
                failed.append(Skipped(clip.name, str(error)))
        progress("crops", done, len(clips))
    return Report(
        wanted.dataset.name,
        str(wanted.source),
        str(wanted.root),
        wanted.cropping.spec.size_px,
        GRID_HZ,
        made,
        present,
        tuple(failed),
        skipped,
        tuple(remarks),
        published_edits=wanted.dataset.published_edits,
        rule=wanted.dataset.rule,
    )


def _features(made: ExtractReport) -> dict[str, Any]:
    failed = [asdict(Skipped(clip, why)) for clip, why in made.failed]
    return {"made": made.made, "present": made.present, "failed": failed}


def _named(progress: Progress, name: str) -> Progress:
    return lambda _, done, total: progress(name, done, total)


def _tables(
    wanted: Preparation,
    keys: Sequence[ClipKey],
    rows: list[tuple[str, str]] | None,
    report: Report,
    progress: Progress,
) -> Report:
    """Split and edits, of the clips that are there."""
    dataset, root = wanted.dataset, wanted.root
    people = sorted({key.identity for key in keys})
    test = [p for p in people if dataset.tests is None or p in dataset.tests]
    train = [p for p in people if p not in test]
    split = [
        {
            "video": f"{key}{VIDEO_SUFFIX}",
            "audio": f"{key}{SPEECH_SUFFIX}",
            "identity": key.identity,
            "emotion": key.emotion,
            "level": str(key.level),
            "sentence": str(key.sentence),
            "split": "test" if key.identity in test else "train",
        }
        for key in sorted(keys)
    ]
    write_table(root / SPLIT_FILE, split)
    _write_lines(root / TRAIN_FILE, train)
    _write_lines(root / TEST_FILE, test)
    tested = [key for key in keys if key.identity in test]
    content = (
        Content(truths_by_name(tested))
        if dataset.numbers_tell_sentences
        else truths_by_content(root, tested, progress)
    )
    left_out: list[str] = []
    if rows is not None:
        edits, left_out = listed_edits(rows, dataset.key_of, tested, content.truths)
    else:
        edits = every_edit(tested, content.truths, only_true=dataset.numbers_tell_sentences)
        if not dataset.numbers_tell_sentences:
            chosen = published_sentences(NEUTRAL)
            edits = [edit for edit in edits if edit.source.sentence in chosen]
    written, unheard = write_edits(root, edits, tested)
    told = {
        "agree": content.agree,
        "renumbered": content.renumbered,
        "unmatched": content.unmatched,
    }
    return replace(
        report,
        train=tuple(train),
        test=tuple(test),
        content=None if dataset.numbers_tell_sentences else told,
        edits=len(written),
        with_truth=sum(edit.truth is not None for edit in written),
        left_out=(*left_out, *unheard),
    )


def _write_lines(path: Path, lines: Sequence[str]) -> None:
    if not lines:  # a split file names somebody
        path.unlink(missing_ok=True)
        return
    with atomic_path(path, overwrite=True) as part:
        part.write_text("\n".join(lines) + "\n", encoding="utf-8")
