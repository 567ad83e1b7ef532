"""What is checked before an edit begins, and told when it has ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ._version import __version__
from .backends.base import Backend
from .emotion.listen import Asked
from .errors import UsageError
from .media.encoder import EncodeSettings, check_encoder, fitted
from .media.ffmpeg import check_input
from .media.files import check_output
from .media.probe import VideoInfo
from .media.writer import StreamPlan, frame_clock, plan_speech, plan_streams
from .options import ASKING, TRAINED_TO, EditOptions, SourceChoice
from .pipeline.render import output_info
from .pipeline.stage import Stage
from .pipeline.stopwatch import Stopwatch
from .provenance.credentials import Signer, check_signable
from .provenance.statement import sidecar_of
from .result import EditResult

EDIT_NOTE = (
    f"Synthetic edit: facial expression changed with cmet {__version__} (C-MET). "
    "Not an original recording."
)
DUB_NOTE = (
    f"Synthetic edit: speech replaced, face moved to it with cmet {__version__} (C-MET). "
    "Not an original recording."
)
STILL_NOTE = (
    f"Synthetic video: a still picture moved with cmet {__version__} (C-MET). "
    "Not an original recording."
)


def check_request(
    video: Path | None, output: Path, clips: list[Path], options: EditOptions
) -> None:
    """Everything that can be refused before work begins. Raises :class:`UsageError`."""
    inputs = (*([] if video is None else [video]), *clips)
    if video is not None:
        check_input(video, "video")
    check_output(output, overwrite=options.overwrite, inputs=inputs)
    check_encoder(encoding(options))
    if options.save_codes is not None:
        if options.save_codes == output:
            raise UsageError(f"codes and video would be the same file: {output}")
        check_output(options.save_codes, overwrite=options.overwrite, inputs=inputs)
    if options.sidecar:
        check_output(sidecar_of(output), overwrite=options.overwrite, inputs=inputs)


def outputs_of(output: Path, options: EditOptions) -> list[Path]:
    """All that an edit writes, the video last: no video without the others."""
    codes = [options.save_codes] if options.save_codes is not None else []
    return [*codes, *([sidecar_of(output)] if options.sidecar else []), output]


def signer_for(output: Path, options: EditOptions) -> Signer | None:
    """Who signs, found fit before work begins. Raises :class:`UsageError`."""
    if options.sign_cert is None and options.sign_key is None:
        return None
    if options.sign_cert is None or options.sign_key is None:
        raise UsageError("to sign, a certificate and its key are both needed")
    check_signable(output)
    return Signer.of(options.sign_cert, options.sign_key)


def check_own_picture(options: EditOptions, what: str) -> None:
    """Raises :class:`UsageError` where a look at a video's own picture is asked of another's, of
    other words, or files of an edit that is not made."""
    others = {
        "--identity-image": options.identity_image is not None,
        "--speech": options.speech is not None,
        "--lips audio": options.lips == "audio",
        "--paste none": options.paste == "none",
    }
    for flag in (flag for flag, asked in others.items() if asked):
        raise UsageError(
            f"{what} shows the video's own face, words and picture, and not {flag}",
            "leave it out, or edit a short clip",
        )
    for name in ("save_codes", "sidecar", "sign_cert", "sign_key"):
        if getattr(options, name):
            raise UsageError(f"{what} is no edit: --{name.replace('_', '-')} has nothing to write")


def check_sweep(options: EditOptions) -> None:
    """Raises :class:`UsageError` for what a sweep would leave undone."""
    others = [name for name in (*ASKING[1:], "speech", "compare") if getattr(options, name)]
    others += ["fit"] * (options.fit != "video") + ["face all"] * (options.face == "all")
    if others:
        flag = f"--{others[0].replace('_', '-')}"
        raise UsageError(f"a sweep shows emotions by name on one face, and not {flag}")
    if options.intensity != 1.0:
        raise UsageError("a sweep has a column for each of its --intensities, and no --intensity")


def encoding(options: EditOptions) -> EncodeSettings:
    """As the options ask for it, whatever the video."""
    note = EDIT_NOTE if options.speech is None else DUB_NOTE
    note = note if options.identity_image is None else STILL_NOTE
    return EncodeSettings(options.crf, options.encoder, options.preset, note)


def encoding_for(options: EditOptions, written: VideoInfo, ticks: Sequence[int]) -> EncodeSettings:
    """For a video to write, its frames shown at ``ticks``."""
    unit = frame_clock(ticks, written.time_base)[1]
    return fitted(encoding(options), written, unit)


def streams_for(stage: Stage, options: EditOptions, container: str) -> StreamPlan:
    """What goes with the picture: the video's own sound and subtitles, or new speech."""
    if options.speech is not None:
        plan = plan_speech(stage.heard, container, options.speech)
    else:
        plan = plan_streams(stage.heard, container)
    return replace(plan, origin=stage.heard.path) if stage.still else plan


@dataclass(frozen=True)
class Finished:
    """What the report of an edit is made from. source: which frame lent its face; most: of one
    emotion that was asked for, at intensity 1."""

    output: Path
    video: Path | None
    options: EditOptions
    asked: Asked
    streams: StreamPlan
    encode: EncodeSettings
    stopwatch: Stopwatch
    stage: Stage
    backend: Backend
    source: SourceChoice
    most: float


def report(done: Finished) -> EditResult:
    """An edit in figures and words."""
    reading, options, backend = done.stage.reading, done.options, done.backend
    placements = [face.placement for face in reading.people]
    edited = np.any([p.weights > 0 for p in placements], axis=0)
    bridged = np.any([p.bridged & (p.weights > 0) for p in placements], axis=0)
    shape = output_info(reading.info, options.paste, options.compare, backend.crop.size_px)
    video = done.video or options.identity_image
    assert video is not None
    return EditResult(
        output=done.output,
        video=video,
        frames=len(reading.faces.ticks),
        frames_edited=int(edited.sum()),
        frames_bridged=int(bridged.sum()),
        frames_passed_through=int((~edited).sum()),
        duration_s=round(reading.faces.timeline.duration_s, 6),
        width=shape.width,
        height=shape.height,
        elapsed_s=done.stopwatch.elapsed_s,
        lips=_lips(done.stage),
        source=done.source,
        model=backend.name,
        neutral_from=done.asked.neutral_from,
        heard=dict(done.asked.heard.shares[:3]),
        face_detector=reading.faces.detector,
        device=str(backend.compute.device),
        precision=backend.compute.precision,
        codes=options.save_codes,
        stages_s=done.stopwatch.stages_s,
        warnings=(
            *reading.warnings,
            *done.asked.warnings,
            *_strength(abs(options.intensity) * done.most),
            *_held(options),
            *filter(None, [done.streams.warning, done.encode.warning]),
            *backend.warnings,
        ),
    )


def _lips(stage: Stage) -> str:
    """Whence the lips came in the end: ``audio`` where any face's follow the sound."""
    if stage.motion is not None:
        return stage.lips_from
    return "video" if all(lips is None for lips in stage.reading.lips) else "audio"


def _held(options: EditOptions) -> list[str]:
    if options.keep_lips and not (options.keeps_lips and options.detail == "source"):
        return ["keep-lips did nothing: it holds lips as filmed, with detail 'source'"]
    return []


def _strength(asked: float) -> list[str]:
    if asked <= TRAINED_TO:
        return []
    return [f"intensity {asked:g}: the networks were not trained beyond {TRAINED_TO:g}"]
