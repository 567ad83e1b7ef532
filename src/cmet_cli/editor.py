"""Edit the emotion of talking-face videos: load the networks once, edit many clips."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from ._version import __version__
from .analysis import FaceCodes, analyse
from .devices import Compute, resolve
from .errors import FaceError, MediaError, UsageError, WeightsError
from .face.crop import planes_to_rgb
from .face.detect import make_detector
from .facesheet import write_picture
from .media.audio import decode_audio
from .media.ffmpeg import check_input
from .media.files import atomic_path, check_output
from .media.mel import SAMPLES_PER_FRAME, mel_windows
from .media.probe import VideoInfo, probe_video
from .media.writer import EncodeSettings, container_of, plan_streams
from .models.audio2lip import smooth_codes
from .options import EditOptions, Model, Progress, RuntimeOptions, no_progress
from .painting import FacePainter
from .preview import Moment, moments, read_moment, sheet
from .prompt import Clips, EmotionPrompt, semantic_vector
from .rendering import output_info, render_video
from .result import EditResult
from .speech.encoder import SpeechEncoder
from .timeline import Timeline, sound_on_grid
from .tracking import follow_faces
from .weights.folder import Weights, find_weights
from .weights.models import Networks, load_networks, load_speechnet

EDIT_NOTE = (
    f"Synthetic edit: facial expression changed with cmet {__version__} (C-MET). "
    "Not an original recording."
)


MAX_PREVIEW_FRAMES = 24
LIP_BATCH = 64  # mel windows per call of the lip network


@dataclass(frozen=True)
class CodeEdit:
    """codes: edited, float32 ``[n, code_dim]``; delta: expression change at intensity 1."""

    codes: np.ndarray
    delta: np.ndarray


@dataclass
class _Clock:
    """Wall time per stage."""

    stages_s: dict[str, float] = field(default_factory=dict)
    started: float = field(default_factory=time.perf_counter)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.stages_s[name] = round(time.perf_counter() - start, 3)

    @property
    def elapsed_s(self) -> float:
        return round(time.perf_counter() - self.started, 3)


class EmotionEditor:
    """Changes the emotion on a face, and nothing else.

    >>> editor = EmotionEditor.from_weights()
    >>> editor.edit("in.mp4", emotion="sarcastic.wav", output="out.mp4")
    """

    def __init__(self, networks: Networks, weights: Weights, compute: Compute) -> None:
        self.networks, self.weights, self.compute = networks, weights, compute

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
            from .speech.mini import MiniSpeechEncoder

            return MiniSpeechEncoder(load_speechnet(self.weights, config), self.compute.device)
        from .speech.emotion2vec import Emotion2vec

        if self.weights.speech is None:
            raise WeightsError(
                f"no speech encoder in {self.weights.root}",
                "run `cmet download-weights --only emotion2vec`",
            )
        return Emotion2vec(self.weights.speech, self.compute.device)

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
        neutral: the same for the input side of the difference (see :mod:`cmet_cli.prompt`).
        The output appears only when it is complete. Raises :class:`CmetError`.
        """
        video, output, options = Path(video), Path(output), options or EditOptions()
        clock, prompt = _Clock(), EmotionPrompt.of(emotion, neutral)
        container = self._check(video, output, prompt, options)
        info = probe_video(video)
        with clock.stage("speech"):
            vector = semantic_vector(
                prompt, self.speech_encoder, info, self.weights.neutral_presets, progress
            )
        with clock.stage("finding faces"):
            faces = follow_faces(
                info, options.face_detector, self.weights.yunet, options.face, progress
            )
        with clock.stage("reading"):
            people = analyse(info, faces, self.networks.edtalk, self.compute, progress)
        with clock.stage("emotion"):
            lips, warnings = self._lip_codes(info, faces.timeline, options)
            edits = [
                self._edit_codes(face, faces.timeline, vector.vector, lips, options)
                for face in people
            ]
        source = self.networks.config.source if options.source == "auto" else options.source
        streams = plan_streams(info, container)
        settings = EncodeSettings(crf=options.crf, note=EDIT_NOTE)
        with clock.stage("rendering"), atomic_path(output, overwrite=options.overwrite) as part:
            painters = [
                FacePainter(
                    info, face, edit.codes, source, options.paste, self.networks.edtalk,
                    self.compute,
                )
                for face, edit in zip(people, edits, strict=True)
            ]  # fmt: skip
            render_video(
                info, faces, painters, options.paste, options.compare, self.compute.batch_size,
                part, settings, streams, progress,
            )  # fmt: skip
        if options.save_codes is not None:
            self._save_codes(options, faces.timeline, people[0], edits[0])
        edited = np.any([p.placement.weights > 0 for p in people], axis=0)
        bridged = np.any([p.placement.bridged & (p.placement.weights > 0) for p in people], axis=0)
        shape = output_info(
            info, options.paste, options.compare, self.networks.edtalk.config.image_size_px
        )
        warnings = [*faces.warnings, *warnings, *([streams.warning] if streams.warning else [])]
        return EditResult(
            output=output,
            video=video,
            frames=len(faces.ticks),
            frames_edited=int(edited.sum()),
            frames_bridged=int(bridged.sum()),
            frames_passed_through=int((~edited).sum()),
            duration_s=round(_duration_s(info, faces.timeline), 6),
            width=shape.width,
            height=shape.height,
            elapsed_s=clock.elapsed_s,
            lips="audio" if lips is not None else "video",
            source=source,
            model=self.networks.config.name,
            neutral_from=vector.neutral_from,
            face_detector=faces.detector,
            device=str(self.compute.device),
            precision=self.compute.precision,
            codes=options.save_codes,
            stages_s=clock.stages_s,
            warnings=tuple(warnings),
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
        if not 1 <= frames <= MAX_PREVIEW_FRAMES:
            raise UsageError(f"preview takes 1 to {MAX_PREVIEW_FRAMES} frames, got {frames}")
        if output.suffix.lower() != ".png":
            raise UsageError(f"a preview is written as .png: {output}")
        prompt = EmotionPrompt.of(emotion, neutral)
        self._check_paths(video, output, prompt, options)
        info = probe_video(video)
        vector = semantic_vector(
            prompt, self.speech_encoder, info, self.weights.neutral_presets, progress
        ).vector
        detector = make_detector(options.face_detector, self.weights.yunet)
        pairs = []
        for k, time_s in enumerate(moments(info, frames)):
            moment = read_moment(
                info, time_s, detector, options.face, self.networks.edtalk, self.compute
            )
            pairs.append(self._before_and_after(info, moment, vector, options))
            progress("preview", k + 1, frames)
        if not any(found for *_, found in pairs):
            raise FaceError(f"{video}: no face was found at any of the {frames} moments looked at")
        write_picture(sheet([p[:3] for p in pairs]), output, overwrite=options.overwrite)
        return [p[0] for p in pairs]

    # ------------------------------------------------------------------ steps of an edit

    def _before_and_after(
        self, info: VideoInfo, moment: Moment, vector: np.ndarray, options: EditOptions
    ) -> tuple[float, np.ndarray, np.ndarray, bool]:
        frame, after = moment.frames[-1], moment.frames[-1].planes
        if moment.face is not None:
            edit = self._edit_codes(moment.face, Timeline(moment.times_s), vector, None, options)
            source = self.networks.config.source if options.source == "auto" else options.source
            painter = FacePainter(
                info, moment.face, edit.codes, "first" if source == "best" else source,
                options.paste, self.networks.edtalk, self.compute,
            )  # fmt: skip
            painter.render(moment.frames[:1])  # the first frame lends its face
            ((_, rendered, original),) = painter.render([frame])
            after = painter.paint(after, frame, rendered, original)
        pictures = [planes_to_rgb(p, info) for p in (frame.planes, after)]
        return moment.time_s, pictures[0], pictures[1], moment.face is not None

    @staticmethod
    def _check(video: Path, output: Path, prompt: EmotionPrompt, options: EditOptions) -> str:
        """Everything that can be refused before work begins. -> ffmpeg's name of the container."""
        EmotionEditor._check_paths(video, output, prompt, options)
        return container_of(output)

    @staticmethod
    def _check_paths(
        video: Path, output: Path, prompt: EmotionPrompt, options: EditOptions
    ) -> None:
        check_input(video, "video")
        clips = [*prompt.target_clips(), *prompt.neutral_clips()]
        for clip in clips:
            check_input(clip, "audio")
        check_output(output, overwrite=options.overwrite, inputs=(video, *clips))
        if options.save_codes is not None:
            if options.save_codes == output:
                raise UsageError(f"codes and video would be the same file: {output}")
            check_output(options.save_codes, overwrite=options.overwrite, inputs=(video, *clips))

    def _lip_codes(
        self, info: VideoInfo, timeline: Timeline, options: EditOptions
    ) -> tuple[np.ndarray | None, list[str]]:
        """Lip codes from the sound, per frame ``[n, lip_dim]`` (None: from the picture)."""
        if options.lips == "video" or not info.audio_streams:
            return None, []
        try:
            wave = decode_audio(info.path, "video")
        except MediaError as error:
            return None, [f"lips follow the picture: {error.message}"]
        wave = sound_on_grid(wave, timeline.grid_s, SAMPLES_PER_FRAME)
        windows = mel_windows(torch.from_numpy(wave))[:, None]
        with torch.inference_mode():
            parts = [
                self.networks.audio2lip(chunk.to(self.compute.device))
                for chunk in windows.split(LIP_BATCH)
            ]
        return timeline.from_grid(smooth_codes(torch.cat(parts)).float().cpu().numpy()), []

    def _edit_codes(
        self,
        face: FaceCodes,
        timeline: Timeline,
        vector: np.ndarray,
        lips: np.ndarray | None,
        options: EditOptions,
    ) -> CodeEdit:
        """Pose as it was, lips as chosen, expression moved by the predicted change."""
        config, codes = self.networks.edtalk.config, face.codes.copy()
        device = self.compute.device
        neutral = torch.from_numpy(timeline.to_grid(codes[:, config.expression_slice])).to(device)
        change = self.networks.connector.predict_clip(neutral, torch.from_numpy(vector).to(device))
        delta = timeline.from_grid(change.float().cpu().numpy()) * self.networks.config.gain
        codes[:, config.expression_slice] += delta * options.intensity
        if lips is not None:
            codes[:, config.lip_slice] = lips
        return CodeEdit(codes, delta)

    def _save_codes(
        self, options: EditOptions, timeline: Timeline, face: FaceCodes, edit: CodeEdit
    ) -> None:
        assert options.save_codes is not None
        config = self.networks.edtalk.config
        with atomic_path(options.save_codes, overwrite=options.overwrite) as part:
            np.savez_compressed(
                part,
                times_s=timeline.times_s,
                neutral_expression=face.codes[:, config.expression_slice],
                delta=edit.delta,
                intensity=np.float32(options.intensity),
                pose=edit.codes[:, config.pose_slice],
                lip=edit.codes[:, config.lip_slice],
                square=face.placement.squares,
                weight=face.placement.weights,
            )


def _duration_s(info: VideoInfo, timeline: Timeline) -> float:
    """First frame's time to the end of the last, taking the mean step for the last frame."""
    times = timeline.times_s
    if len(times) > 1:
        return float((times[-1] - times[0]) * len(times) / (len(times) - 1))
    return float(1 / info.frame_rate) if info.frame_rate else 0.04
