"""What a result is called where nobody says: after the video and what is asked for."""

# Names stay text: those of 100,000 rows are made in seconds.
# ruff: noqa: PTH122

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from .declared import Declared, declared
from .emotion.named import label
from .errors import UsageError
from .media.containers import CONTAINERS
from .options import ASKING, RESTAGING, EditOptions

#: Options that say how a result is made, not what is to be seen on it.
HOW = ("face_detector", "crf", "encoder", "preset")
#: What a name takes a hyphen for.
_AWKWARD = re.compile(r"[^\w.+-]+")


def video_suffix(name: str) -> str:
    """The suffix of a name where it is one an edit can be written as, else nothing."""
    suffix = os.path.splitext(name)[1].lower()
    return suffix if suffix in CONTAINERS else ""


def name_of_result(picture: str, clips: Sequence[str | Path], cells: Mapping[str, str]) -> str:
    """``talk.mp4`` with ``sad.wav`` at intensity 1.2 -> ``talk_sad_intensity1.2.mp4``.

    picture: name of the file that is edited, without its folder; clips: speech with the emotion;
    cells: options by name, as a manifest has them, and ``video`` where the picture is one. The name
    depends on these alone.
    """
    voice = _stem_of_path(str(clips[0])) if clips else _asked(cells)
    more = f"+{len(clips) - 1}" if len(clips) > 1 else ""
    parts = [PurePosixPath(picture).stem, voice + more]
    said = ("overwrite", "sidecar", *(() if clips else ASKING))
    for name in sorted(cells):
        field = declared(EditOptions).get(name)
        if field is None or field.is_path or name in said:
            continue
        if not _is_default(field, cells[name]):
            parts.append(_AWKWARD.sub("-", name + cells[name]))
    return "_".join(parts) + (video_suffix(picture) or ".mp4")


def pictured(video: Path | None, options: EditOptions) -> Path:
    """The file whose picture is edited first and names the result. Raises :class:`UsageError`."""
    shown = video if video is not None or options.speech is None else options.identity_image
    if shown is None:
        raise UsageError(
            "no video to edit",
            "give one with --video, or a picture and what it says: --identity-image, --speech",
        )
    return shown


def default_output(
    picture: Path, clips: Sequence[Path], options: EditOptions, preview: bool = False
) -> Path:
    """``talk.mp4`` and ``sarcastic.wav`` or ``sarcastic`` -> ``talk_sarcastic.mp4`` beside it, at
    another strength ``talk_sarcastic_intensity1.5.mp4``, as in a batch.

    picture: the video, or the picture that is to talk; clips: speech with the emotion. Raises
    :class:`UsageError`.
    """
    if not picture.name:
        raise UsageError(f"video is a folder: {picture}", "name a file in it")
    cells = as_cells(options)
    if picture != options.identity_image:
        cells["video"] = str(picture)
    name = name_of_result(picture.name, clips, cells)
    if clips:  # which a batch takes for enough
        stem, suffix = os.path.splitext(name)
        name = "_".join([stem, *_named_beside(picture, options)]) + suffix
    output = picture.with_name(name)
    return output.with_suffix(".png") if preview else output


def _named_beside(picture: Path, options: EditOptions) -> list[str]:
    """Stems of the files that ask for something beside speech with the emotion."""
    files = (getattr(options, name) for name in (*ASKING, *RESTAGING))
    return [file.stem for file in files if isinstance(file, Path) and file != picture]


def as_cells(options: EditOptions) -> dict[str, str]:
    """Options that make another result, where they are not left as they are, as a manifest has
    them."""
    fields = {name: f for name, f in declared(EditOptions).items() if name not in HOW}
    values = ((name, getattr(options, name), field.default) for name, field in fields.items())
    return {name: _as_text(value) for name, value, default in values if value != default}


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _asked(cells: Mapping[str, str]) -> str:
    """What is asked for without speech, as a part of a file name."""
    names = (*ASKING, *(name for name in RESTAGING if name == "speech" or cells.get("video")))
    words = [_stem(name, cells[name]) for name in names if cells.get(name)]
    return "_".join(_AWKWARD.sub("-", word) for word in words) or "edit"


def _stem(name: str, text: str) -> str:
    if declared(EditOptions)[name].is_path:
        return _stem_of_path(text)
    try:
        return label(text)
    except UsageError:
        return ""  # it is told where options are checked


def _stem_of_path(text: str) -> str:
    return PurePosixPath(text.replace(os.sep, "/")).stem


def _is_default(field: Declared, text: str) -> bool:
    try:
        return bool(field.parse(text) == field.default)
    except UsageError:
        return False
