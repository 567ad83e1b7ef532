"""Edit the emotion of talking-face videos: load the networks once, edit many clips."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np

from ._version import __version__
from .backends.devices import Compute, batch_for, resolve
from .backends.edtalk.load import Networks, load_networks, load_speechnet
from .emotion.prompt import Clips, EmotionPrompt, SemanticVector, semantic_vector
from .emotion.speech.encoder import CachingEncoder, SpeechEncoder
from .errors import UsageError, WeightsError
from .media.ffmpeg import check_input
from .media.files import atomic_path, check_output
from .media.probe import VideoInfo
from .media.writer import EncodeSettings, StreamPlan, container_of, plan_streams
from .options import EditOptions, Model, Progress, RuntimeOptions, no_progress
from .pipeline.codes import CodeEdit, edit_codes, save_codes
from .pipeline.paint import FacePainter
from .pipeline.preview import preview_edit
from .pipeline.read import Clock, VideoReading, read_video, reading_key
from .pipeline.render import output_info, render_video
from .result import EditResult
from .weights.folder import Weights, find_weights

EDIT_NOTE = (
    f"Synthetic edit: facial expression changed with cmet {__version__} (C-MET). "
    "Not an original recording."
)
READINGS_KEPT = 4


class EmotionEditor:
    """Changes the emotion on a face, and nothing else.

    >>> editor = EmotionEditor.from_weights()
    >>> editor.edit("in.mp4", emotion="sarcastic.wav", output="out.mp4")
    """

    def __init__(self, networks: Networks, weights: Weights, compute: Compute) -> None:
        self.networks, self.weights = networks, weights
        self.compute = batch_for(compute, networks.edtalk.config.image_size_px)
        self._readings: dict[tuple[object, ...], VideoReading] = {}

    @classmethod
    def from_weights(
        cls,
        weights_dir: Path | str | None = None,
        *,
        model: Model = "auto",
        runtime: RuntimeOptions | None = None,
    ) -> EmotionEditor:
        """Load the networks.

        weights_dir: a folder in either layout; ``None`` looks in ``$CMET_WEIGHTS_DIR``,
        ``./weights`` and the Hub cache; model: ``mini`` for the one that ships with the package.
        Raises :class:`WeightsError`, :class:`DeviceError`.
        """
        compute = resolve(runtime or RuntimeOptions())
        weights = find_weights(Path(weights_dir) if weights_dir is not None else None, model)
        return cls(load_networks(weights, compute.device), weights, compute)

    @cached_property
    def speech_encoder(self) -> SpeechEncoder:
        """The model's own encoder; emotion2vec+ loads when speech is first heard (seconds)."""
        config = self.networks.config
        if config.speech is not None:
            from .emotion.speech.mini import MiniSpeechEncoder

            network = load_speechnet(self.weights, config)
            return CachingEncoder(MiniSpeechEncoder(network, self.compute.device))
        from .emotion.speech.emotion2vec import Emotion2vec

        if self.weights.speech is None:
            raise WeightsError(
                f"no speech encoder in {self.weights.root}",
                "run `cmet download-weights --only emotion2vec`",
            )
        return CachingEncoder(Emotion2vec(self.weights.speech, self.compute.device))

    def edit(
        self,
        video: Path | str,
        emotion: Clips,
        output: Path | str,
        *,
        neutral: Clips = (),
        options: EditOptions | None = None,
        progress: Progress = no_progress,
    ) -> EditResult:
        """Edit one video.

        emotion: a recording with the wanted emotion, a folder of them, or several (averaged);
        neutral: the same for the input side of the difference (see :mod:`cmet_cli.emotion.prompt`).
        The output appears only when it is complete. Raises :class:`CmetError`.
        """
        video, output, options = Path(video), Path(output), options or EditOptions()
        clock, prompt = Clock(), EmotionPrompt.of(emotion, neutral)
        check_request(video, output, prompt, options)
        container = container_of(output)
        reading = self.read(video, options, clock=clock, progress=progress)
        with clock.stage("speech"):
            vector = self.semantic_vector(prompt, reading.info, progress)
        with clock.stage("emotion"):
            edits = [
                edit_codes(
                    face, reading.faces.timeline, vector.vector, reading.lips, options.intensity,
                    self.networks, self.compute,
                )
                for face in reading.people
            ]  # fmt: skip
        streams = plan_streams(reading.info, container)
        with clock.stage("rendering"), atomic_path(output, overwrite=options.overwrite) as part:
            self._render(reading, edits, options, streams, part, progress)
        if options.save_codes is not None:
            save_codes(
                options.save_codes, options.overwrite, reading.faces.timeline, reading.people[0],
                edits[0], options.intensity, self.networks,
            )  # fmt: skip
        return self._report(video, output, reading, vector, options, streams, clock)

    def read(
        self,
        video: Path,
        options: EditOptions,
        *,
        clock: Clock | None = None,
        progress: Progress = no_progress,
    ) -> VideoReading:
        """Find the faces and encode them. The last readings are kept, so that several edits of one
        video read it once."""
        key = reading_key(video, options)
        if key not in self._readings:
            reading = read_video(
                video, options, self.networks, self.weights, self.compute, clock or Clock(),
                progress,
            )  # fmt: skip
            while len(self._readings) >= READINGS_KEPT:
                self._readings.pop(next(iter(self._readings)))
            self._readings[key] = reading
        return self._readings[key]

    def semantic_vector(
        self, prompt: EmotionPrompt, info: VideoInfo, progress: Progress = no_progress
    ) -> SemanticVector:
        """What the speech asks for; every recording is heard once."""
        return semantic_vector(
            prompt, self.speech_encoder, info, self.weights.neutral_presets, progress
        )

    def preview(
        self,
        video: Path | str,
        emotion: Clips,
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
        return preview_edit(
            self, video, EmotionPrompt.of(emotion, neutral), output, frames, options, progress
        )

    # ------------------------------------------------------------------ steps of an edit

    def source_for(self, options: EditOptions) -> str:
        """``auto`` is what the model was found to do best."""
        return self.networks.config.source if options.source == "auto" else options.source

    def _render(
        self,
        reading: VideoReading,
        edits: list[CodeEdit],
        options: EditOptions,
        streams: StreamPlan,
        part: Path,
        progress: Progress,
    ) -> None:
        painters = [
            FacePainter(
                reading.info, face, edit.codes, self.source_for(options), options.paste,
                self.networks.edtalk, self.compute,
            )
            for face, edit in zip(reading.people, edits, strict=True)
        ]  # fmt: skip
        render_video(
            reading.info, reading.faces, painters, options.paste, options.compare,
            self.compute.batch_size, part, EncodeSettings(crf=options.crf, note=EDIT_NOTE), streams,
            progress,
        )  # fmt: skip

    def _report(
        self,
        video: Path,
        output: Path,
        reading: VideoReading,
        vector: SemanticVector,
        options: EditOptions,
        streams: StreamPlan,
        clock: Clock,
    ) -> EditResult:
        placements = [face.placement for face in reading.people]
        edited = np.any([p.weights > 0 for p in placements], axis=0)
        bridged = np.any([p.bridged & (p.weights > 0) for p in placements], axis=0)
        size_px = self.networks.edtalk.config.image_size_px
        shape = output_info(reading.info, options.paste, options.compare, size_px)
        return EditResult(
            output=output,
            video=video,
            frames=len(reading.faces.ticks),
            frames_edited=int(edited.sum()),
            frames_bridged=int(bridged.sum()),
            frames_passed_through=int((~edited).sum()),
            duration_s=round(reading.faces.timeline.duration_s, 6),
            width=shape.width,
            height=shape.height,
            elapsed_s=clock.elapsed_s,
            lips="video" if reading.lips is None else "audio",
            source=self.source_for(options),
            model=self.networks.config.name,
            neutral_from=vector.neutral_from,
            face_detector=reading.faces.detector,
            device=str(self.compute.device),
            precision=self.compute.precision,
            codes=options.save_codes,
            stages_s=clock.stages_s,
            warnings=(*reading.warnings, *((streams.warning,) if streams.warning else ())),
        )


def check_request(video: Path, output: Path, prompt: EmotionPrompt, options: EditOptions) -> None:
    """Everything that can be refused before work begins. Raises :class:`UsageError`."""
    check_input(video, "video")
    clips = [*prompt.target_clips(), *prompt.neutral_clips()]
    for clip in clips:
        check_input(clip, "audio")
    check_output(output, overwrite=options.overwrite, inputs=(video, *clips))
    if options.save_codes is not None:
        if options.save_codes == output:
            raise UsageError(f"codes and video would be the same file: {output}")
        check_output(options.save_codes, overwrite=options.overwrite, inputs=(video, *clips))
