"""Edit the emotion of talking-face videos: load the networks once, edit many clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ._version import __version__
from .asking import Asker, Emotion, Wanted, check_names
from .backends.devices import Compute
from .emotion.listen import Asked
from .emotion.source import EmotionSource, NoChange
from .emotion.speech.encoder import SpeechEncoder
from .emotion.speech_prompt import Clips, SemanticVector, SpeechPrompt
from .errors import UsageError
from .inspection.gather import inspection
from .inspection.page import Moment, write_page
from .media.ffmpeg import check_input
from .media.files import atomic_path, check_output
from .media.probe import VideoInfo
from .media.writer import EncodeSettings, StreamPlan, container_of, plan_streams
from .model import Model, load_model
from .options import (
    TRAINED_TO,
    EditOptions,
    ModelChoice,
    Progress,
    RuntimeOptions,
    SourceChoice,
    no_progress,
)
from .pipeline.codes import CodesFile, FaceEdit, change_for, edit_codes, save_codes
from .pipeline.paint import PaintSettings
from .pipeline.preview import PreviewRequest, preview_columns, write_preview
from .pipeline.read import VideoReader, VideoReading
from .pipeline.render import Destination, RenderJob, output_info, render_video
from .pipeline.stopwatch import Stopwatch
from .pipeline.sweep import MAX_TILES, Sweep, sweep_sheet, sweep_video
from .result import EditResult
from .weights.folder import Weights

EDIT_NOTE = (
    f"Synthetic edit: facial expression changed with cmet {__version__} (C-MET). "
    "Not an original recording."
)


class EmotionEditor:
    """Changes the emotion on a face, and nothing else.

    >>> editor = EmotionEditor.from_weights()
    >>> editor.edit("in.mp4", emotion="sarcastic.wav", output="out.mp4")
    """

    #: What the last request came to: what was heard, with what it was compared, warnings.
    asked: Asked | None

    def __init__(self, model: Model) -> None:
        self.model, self.backend = model, model.backend
        self._reader = VideoReader(model.backend, model.weights.root)
        self._asker = Asker(model, self._reader)
        self.asked: Asked | None = None

    @classmethod
    def from_weights(
        cls,
        weights_dir: Path | str | None = None,
        *,
        model: ModelChoice = "auto",
        runtime: RuntimeOptions | None = None,
    ) -> EmotionEditor:
        """Load the networks.

        weights_dir: a folder in either layout; ``None`` looks in ``$CMET_WEIGHTS_DIR``,
        ``./weights`` and the Hub cache; model: ``mini`` for the one that ships with the package.
        Raises :class:`WeightsError`, :class:`DeviceError`.
        """
        folder = Path(weights_dir) if weights_dir is not None else None
        return cls(load_model(folder, model, runtime))

    @property
    def weights(self) -> Weights:
        return self.model.weights

    @property
    def speech_encoder(self) -> SpeechEncoder:
        """The model's own encoder; emotion2vec+ loads when speech is first heard (seconds)."""
        return self.model.speech_encoder

    @property
    def compute(self) -> Compute:
        """Device, number format and frames per network call; may be replaced between edits."""
        return self.backend.compute

    @compute.setter
    def compute(self, compute: Compute) -> None:
        self.backend.compute = compute

    def edit(
        self,
        video: Path | str,
        emotion: Emotion | None,
        output: Path | str,
        *,
        neutral: Clips = (),
        options: EditOptions | None = None,
        progress: Progress = no_progress,
    ) -> EditResult:
        """Edit one video.

        emotion: a recording with the wanted emotion, a folder of them, several (averaged), an
        :class:`~cmet_cli.emotion.source.EmotionSource`, or None where ``options.emotion`` names
        it; neutral: recordings for the input side of
        the difference (see :mod:`cmet_cli.emotion.speech_prompt`). The output appears only when it
        is complete. Raises :class:`CmetError`.
        """
        video, output, options = Path(video), Path(output), options or EditOptions()
        stopwatch = Stopwatch()
        self.backend.warnings.clear()  # of an edit that failed, or a preview
        wanted = Wanted.of(emotion, neutral, options)
        check_request(video, output, wanted.files(), options)
        check_names(wanted, self.model)
        streams_for = container_of(output)
        reading = self.read(video, options, stopwatch=stopwatch, progress=progress)
        with stopwatch.stage("speech"):
            asked = self._ask(wanted, reading.info, progress)
        with stopwatch.stage("emotion"):
            layout, timeline = self.backend.layout, reading.faces.timeline
            change = change_for(asked.source, options, timeline)
            edits = [
                edit_codes(face, timeline, replace(change, lips=lips), layout)
                for face, lips in zip(reading.people, reading.lips, strict=True)
            ]
        streams = plan_streams(reading.info, streams_for)
        with stopwatch.stage("rendering"), atomic_path(output, overwrite=options.overwrite) as part:
            self._render(
                reading, edits, options, Destination(part, _encode(options), streams), progress
            )
            if options.save_codes is not None:  # no video without them
                file = CodesFile(options.save_codes, options.overwrite)
                save_codes(file, edits, timeline, layout, options.intensity)
        return self._report(_Finished(video, output, options, asked, streams, stopwatch), reading)

    def read(
        self,
        video: Path,
        options: EditOptions,
        *,
        stopwatch: Stopwatch | None = None,
        progress: Progress = no_progress,
    ) -> VideoReading:
        """Find the faces and encode them. The last readings are kept, so that several edits of one
        video read it once."""
        return self._reader.read(video, options, stopwatch or Stopwatch(), progress)

    def semantic_vector(
        self, prompt: SpeechPrompt, info: VideoInfo, progress: Progress = no_progress
    ) -> SemanticVector:
        """What the speech asks for; every recording is heard once."""
        return self.model.ear.semantic_vector(prompt, info, progress)

    def preview(
        self,
        video: Path | str,
        emotion: Emotion | None,
        output: Path | str,
        *,
        frames: int = 6,
        neutral: Clips = (),
        options: EditOptions | None = None,
        progress: Progress = no_progress,
    ) -> list[float]:
        """Write a picture of a few moments before and after the edit; -> their times in seconds.

        output: ``.png``; frames: 1 to 24. Lips follow the picture. Raises :class:`CmetError`.
        """
        video, output, options = Path(video), Path(output), options or EditOptions()
        request = PreviewRequest(video, output, frames, options, self.source_for(options))
        wanted = Wanted.of(emotion, neutral, options)
        check_request(video, output, wanted.files(), options)
        check_names(wanted, self.model)

        def asked(info: VideoInfo) -> EmotionSource:
            return self._ask(wanted, info, progress).source

        return write_preview(request, asked, self._reader, progress)

    def sweep(
        self,
        video: Path | str,
        emotions: Sequence[str],
        output: Path | str,
        *,
        intensities: Sequence[float] = (0.5, 1.0, 1.5),
        options: EditOptions | None = None,
        progress: Progress = no_progress,
    ) -> float | None:
        """Show many emotions on one video: names or mixtures in rows, intensities in columns.

        output: ``.png`` for one moment (-> its time in seconds), or a video of all of it (-> None).
        The video is read once for all. Raises :class:`CmetError`.
        """
        video, output, options = Path(video), Path(output), options or EditOptions()
        if not emotions or not 1 <= len(emotions) * len(intensities) <= MAX_TILES:
            raise UsageError(f"a sweep has 1 to {MAX_TILES} tiles")
        check_request(video, output, [], options)
        for intensity in intensities:
            replace(options, intensity=intensity)  # raises where it makes no sense
        sources = [(text, self.model.mixture(text)) for text in emotions]
        is_video = output.suffix.lower() != ".png"
        container = container_of(output) if is_video else ""
        reading = self.read(video, replace(options, lips="video"), progress=progress)
        sweep = Sweep(reading, sources, intensities, options, self.source_for(options))
        if not is_video:
            return sweep_sheet(sweep, self.backend, output)
        streams = plan_streams(reading.info, container)
        with atomic_path(output, overwrite=options.overwrite) as part:
            sweep_video(sweep, self.backend, Destination(part, _encode(options), streams), progress)
        return None

    def inspect(
        self,
        video: Path | str,
        emotion: Emotion | None,
        output: Path | str,
        *,
        frames: int = 6,
        neutral: Clips = (),
        options: EditOptions | None = None,
        progress: Progress = no_progress,
    ) -> None:
        """Write a page (.html) about a video and an edit of it: frames before and after, codes and
        their change over time, the sound, and what the speech was taken for.

        emotion: as for :meth:`edit`; where nothing at all is asked for, the page shows the video
        alone. Raises :class:`CmetError`.
        """
        video, output, options = Path(video), Path(output), options or EditOptions()
        nothing = NoChange() if emotion in (None, ()) and not options.asks else None
        wanted = Wanted.of(nothing or emotion, neutral, options)
        check_request(video, output, wanted.files(), options)
        if output.suffix.lower() not in (".html", ".htm"):
            raise UsageError(f"the page is written as .html: {output}")
        check_names(wanted, self.model)

        def source(info: VideoInfo) -> EmotionSource:
            return self._ask(wanted, info, progress).source

        request = PreviewRequest(video, output, frames, options, self.source_for(options))
        columns = preview_columns(request, source, self._reader, progress)
        assert self.asked is not None
        reading = self.read(video, replace(options, lips="video"), progress=progress)
        page = inspection(reading, self.asked, options, self.model, [Moment(*c) for c in columns])
        write_page(page, video, output, overwrite=options.overwrite)

    # ------------------------------------------------------------------ steps of an edit

    def _ask(self, wanted: Wanted, info: VideoInfo, progress: Progress) -> Asked:
        self.asked = self._asker(wanted, info, progress)
        return self.asked

    def source_for(self, options: EditOptions) -> SourceChoice:
        """``auto`` is what the model was found to do best."""
        return self.backend.source if options.source == "auto" else options.source

    def _render(
        self,
        reading: VideoReading,
        edits: list[FaceEdit],
        options: EditOptions,
        destination: Destination,
        progress: Progress,
    ) -> None:
        settings = PaintSettings(
            self.source_for(options), options.paste, options.detail, options.areas
        )
        job = RenderJob(reading.info, reading.faces, edits, settings, options.compare)
        render_video(job, self.backend, destination, progress)

    def _report(self, done: _Finished, reading: VideoReading) -> EditResult:
        placements, options = [face.placement for face in reading.people], done.options
        edited = np.any([p.weights > 0 for p in placements], axis=0)
        bridged = np.any([p.bridged & (p.weights > 0) for p in placements], axis=0)
        shape = output_info(reading.info, options.paste, options.compare, self.backend.crop.size_px)
        return EditResult(
            output=done.output,
            video=done.video,
            frames=len(reading.faces.ticks),
            frames_edited=int(edited.sum()),
            frames_bridged=int(bridged.sum()),
            frames_passed_through=int((~edited).sum()),
            duration_s=round(reading.faces.timeline.duration_s, 6),
            width=shape.width,
            height=shape.height,
            elapsed_s=done.stopwatch.elapsed_s,
            lips="video" if all(lips is None for lips in reading.lips) else "audio",
            source=self.source_for(options),
            model=self.backend.name,
            neutral_from=done.asked.neutral_from,
            heard=dict(done.asked.heard.shares[:3]),
            face_detector=reading.faces.detector,
            device=str(self.compute.device),
            precision=self.compute.precision,
            codes=options.save_codes,
            stages_s=done.stopwatch.stages_s,
            warnings=(
                *reading.warnings,
                *done.asked.warnings,
                *_strength(options),
                *filter(None, [done.streams.warning]),
                *self.backend.warnings,
            ),
        )


@dataclass(frozen=True)
class _Finished:
    """What the report of an edit is made from, besides the reading."""

    video: Path
    output: Path
    options: EditOptions
    asked: Asked
    streams: StreamPlan
    stopwatch: Stopwatch


def _strength(options: EditOptions) -> list[str]:
    if abs(options.intensity) <= TRAINED_TO:
        return []
    return [f"intensity {options.intensity:g}: the networks were not trained beyond {TRAINED_TO:g}"]


def _encode(options: EditOptions) -> EncodeSettings:
    return EncodeSettings(crf=options.crf, note=EDIT_NOTE)


def check_request(video: Path, output: Path, clips: list[Path], options: EditOptions) -> None:
    """Everything that can be refused before work begins. Raises :class:`UsageError`."""
    check_input(video, "video")
    check_output(output, overwrite=options.overwrite, inputs=(video, *clips))
    if options.save_codes is not None:
        if options.save_codes == output:
            raise UsageError(f"codes and video would be the same file: {output}")
        check_output(options.save_codes, overwrite=options.overwrite, inputs=(video, *clips))
