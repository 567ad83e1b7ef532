"""Edit the emotion of talking-face videos: load the networks once, edit many clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from .asking import Asker, Emotion, Wanted, check_names
from .backends.compute import Compute
from .emotion.listen import Asked
from .emotion.source import EmotionSource, NoChange
from .emotion.speech.encoder import SpeechEncoder
from .emotion.speech_prompt import Clips, SemanticVector, SpeechPrompt
from .errors import UsageError
from .inspection.gather import inspection
from .inspection.page import Moment, write_page
from .media.clock import Timeline
from .media.containers import container_of
from .media.files import atomic_path, atomic_paths
from .media.probe import VideoInfo
from .media.writer import plan_streams
from .model import Model, load_model
from .naming import default_output, pictured
from .options import (
    EditOptions,
    ModelChoice,
    Progress,
    RuntimeOptions,
    SourceChoice,
    no_progress,
)
from .pipeline.codes import CodesFile, FaceEdit, change_for, edit_codes, save_codes
from .pipeline.early import EarlyFind
from .pipeline.on_device import pixel_device
from .pipeline.paint import PaintSettings
from .pipeline.preview import PreviewRequest, preview_columns, write_preview
from .pipeline.read import VideoReader, VideoReading
from .pipeline.render import Destination, RenderJob, output_info, render_video
from .pipeline.stage import Stage, Stager
from .pipeline.stopwatch import Stopwatch
from .pipeline.sweep import MAX_TILES, Sweep, sweep_sheet, sweep_video
from .provenance.seal import seal
from .provenance.statement import Done, sidecar_of
from .reporting import (
    Finished,
    check_own_picture,
    check_request,
    check_sweep,
    encoding,
    encoding_for,
    outputs_of,
    report,
    signer_for,
    streams_for,
)
from .result import EditResult
from .weights.folder import Weights


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
        self._stager, self._asker = Stager(self._reader), Asker(model, self._reader)
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

    def expect(self, early: EarlyFind | None) -> None:
        """Take over a first pass over a video that was begun while the networks were loading."""
        self._reader.early = early

    @property
    def weights(self) -> Weights:
        return self.model.weights

    @property
    def speech_encoder(self) -> SpeechEncoder:
        """The model's own encoder; emotion2vec+ loads when speech is first heard (seconds)."""
        return self.model.speech_encoder

    @property
    def compute(self) -> Compute:
        """Device, number format and frames per network call, which alone may be replaced between
        edits. Raises :class:`UsageError` for another device or format."""
        return self.backend.compute

    @compute.setter
    def compute(self, compute: Compute) -> None:
        if replace(compute, batch_size=self.compute.batch_size) != self.compute:
            raise UsageError(
                "the networks are loaded for one device and number format",
                "make another EmotionEditor for another",
            )
        self.backend.compute = compute

    def edit(
        self,
        video: Path | str | None,
        emotion: Emotion | None = None,
        output: Path | str | None = None,
        *,
        neutral: Clips = (),
        options: EditOptions | None = None,
        progress: Progress = no_progress,
    ) -> EditResult:
        """Edit one video; None lets a picture talk (``options.identity_image`` and ``speech``).

        emotion: a recording with the wanted emotion, a folder of them, several (averaged), an
        :class:`~cmet_cli.emotion.source.EmotionSource`, or None where ``options.emotion`` names
        it; output: where left out, beside the video and named after what is asked for; neutral:
        recordings for the input side of the difference (see
        :mod:`cmet_cli.emotion.speech_prompt`). The output appears only when it is complete. Raises
        :class:`CmetError`.
        """
        video = None if video is None else Path(video)
        options, stopwatch = options or EditOptions(), Stopwatch()
        self.backend.warnings.clear()  # of an edit that failed, or a preview
        wanted = Wanted.of(emotion, neutral, options)
        picture = pictured(video, options)
        clips = () if wanted.options.speech in wanted.prompt.target else wanted.prompt.target
        output = default_output(picture, clips, options) if output is None else Path(output)
        check_request(video, output, wanted.files(), options)
        check_names(wanted, self.model)
        container, signer = container_of(output), signer_for(output, options)
        stage = self._stager(video, options, stopwatch, progress)
        timeline = stage.reading.faces.timeline
        with stopwatch.stage("speech"):
            asked = self._ask(wanted, stage.heard, timeline, progress)
        with stopwatch.stage("emotion"):
            edits = self._edits(stage, asked.source, options)
        streams = streams_for(stage, options, container)
        size_px, info = self.backend.crop.size_px, stage.reading.info
        written = output_info(info, options.paste, options.compare, size_px)
        encode = encoding_for(options, written, stage.reading.faces.ticks)
        source: SourceChoice = "first" if stage.still else self.source_for(options)
        together = atomic_paths(outputs_of(output, options), overwrite=options.overwrite)
        with stopwatch.stage("rendering"), together as parts:
            part = parts[output]
            settings = PaintSettings(
                source, options.paste, options.detail, options.areas, options.keeps_lips
            )
            reading, compare, script = stage.reading, options.compare, stage.script
            job = RenderJob(reading.info, reading.faces, edits, settings, compare, script)
            target = Destination(part, encode, streams)
            render_video(job, self.backend, target, progress)
            if options.save_codes is not None:
                file = CodesFile(parts[options.save_codes], options.overwrite)
                save_codes(file, edits, timeline, self.backend.layout, options.intensity)
            if signer is not None or options.sidecar:
                original, times_s = stage.heard.path, timeline.times_s
                done = Done(original, wanted, options, edits, times_s, self.model)
                seal(done, part, parts.get(sidecar_of(output)), signer)
        return report(
            Finished(
                output,
                video,
                options,
                asked,
                streams,
                encode,
                stopwatch,
                stage,
                self.backend,
                source,
                wanted.most,
            )
        )

    def read(
        self,
        video: Path | str,
        options: EditOptions,
        *,
        stopwatch: Stopwatch | None = None,
        progress: Progress = no_progress,
    ) -> VideoReading:
        """Find the faces and encode them. The last readings are kept, so that several edits of one
        video read it once."""
        return self._reader.read(Path(video), options, stopwatch or Stopwatch(), progress)

    def let_go(self) -> None:
        """Of the last video's frames and what the networks made of them, which stay for another
        edit of it (up to ``HELD_BYTES`` and ``KEPT_BYTES``; the next video takes their place in any
        case), and of a GPU's recordings of a painter's work."""
        self._reader.let_go()
        if pixel_device(self.compute) is not None:
            from .faces.device.recorded import Recorder

            Recorder.let_go()

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
        check_own_picture(options, "a preview")
        request = PreviewRequest(video, output, frames, options, self.source_for(options))
        wanted = Wanted.of(emotion, neutral, options)
        check_request(video, output, wanted.files(), options)
        check_names(wanted, self.model)

        def asked(info: VideoInfo, timeline: Timeline) -> EmotionSource:
            return self._ask(wanted, info, timeline, progress).source

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
        check_own_picture(options, "a sweep")
        check_sweep(options)
        if not emotions or not 1 <= len(emotions) * len(intensities) <= MAX_TILES:
            raise UsageError(f"a sweep has 1 to {MAX_TILES} tiles")
        check_request(video, output, [], options)
        for intensity in intensities:
            replace(options, intensity=intensity)  # raises where it makes no sense
        sources = [(text, self.model.mixture(text)) for text in emotions]
        is_video = output.suffix.lower() != ".png"
        container = container_of(output) if is_video else ""
        asked = replace(options, lips="video")
        reading = self._reader.read(video, asked, Stopwatch(), progress, keep=True)
        sweep = Sweep(reading, sources, intensities, options, self.source_for(options))
        if not is_video:
            return sweep_sheet(sweep, self.backend, output)
        streams = plan_streams(reading.info, container)
        with atomic_path(output, overwrite=options.overwrite) as part:
            sweep_video(
                sweep, self.backend, Destination(part, encoding(options), streams), progress
            )
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
        check_own_picture(options, "the page")
        nothing = NoChange() if emotion in (None, ()) and not options.asks else None
        wanted = Wanted.of(nothing or emotion, neutral, options)
        check_request(video, output, wanted.files(), options)
        if output.suffix.lower() not in (".html", ".htm"):
            raise UsageError(f"the page is written as .html: {output}")
        check_names(wanted, self.model)

        def source(info: VideoInfo, timeline: Timeline) -> EmotionSource:
            return self._ask(wanted, info, timeline, progress).source

        request = PreviewRequest(video, output, frames, options, self.source_for(options))
        columns = preview_columns(request, source, self._reader, progress)
        assert self.asked is not None
        reading = self.read(video, replace(options, lips="video"), progress=progress)
        page = inspection(reading, wanted, self.asked, self.model, [Moment(*c) for c in columns])
        write_page(page, video, output, overwrite=options.overwrite)

    # ------------------------------------------------------------------ steps of an edit

    def _ask(
        self, wanted: Wanted, info: VideoInfo, timeline: Timeline, progress: Progress
    ) -> Asked:
        self.asked = self._asker(wanted, info, timeline, progress)
        return self.asked

    def source_for(self, options: EditOptions) -> SourceChoice:
        """``auto`` is what the model was found to do best."""
        return self.backend.source if options.source == "auto" else options.source

    def _edits(self, stage: Stage, emotion: EmotionSource, options: EditOptions) -> list[FaceEdit]:
        layout, reading = self.backend.layout, stage.reading
        timeline = reading.faces.timeline
        change = replace(change_for(emotion, options, timeline), motion=stage.motion)
        return [
            edit_codes(face, timeline, replace(change, lips=lips), layout)
            for face, lips in zip(reading.people, reading.lips, strict=True)
        ]
