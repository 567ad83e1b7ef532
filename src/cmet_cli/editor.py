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
from .analysis import Analysis, analyse
from .devices import Compute, resolve
from .errors import MediaError, UsageError, WeightsError
from .face.geometry import centred_square
from .media.audio import decode_audio
from .media.ffmpeg import check_input
from .media.files import atomic_path, check_output
from .media.mel import SAMPLES_PER_FRAME, mel_windows
from .media.probe import VideoInfo, probe_video
from .media.writer import EncodeSettings, container_of, plan_streams
from .models.audio2lip import smooth_codes
from .options import EditOptions, Model, Progress, RuntimeOptions, no_progress
from .prompt import Clips, EmotionPrompt, semantic_vector
from .rendering import render_video
from .result import EditResult
from .speech.encoder import SpeechEncoder
from .timeline import sound_on_grid
from .weights.folder import Weights, find_weights
from .weights.models import Networks, load_networks, load_speechnet

EDIT_NOTE = (
    f"Synthetic edit: facial expression changed with cmet {__version__} (C-MET). "
    "Not an original recording."
)


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
        square = centred_square(info.width, info.height)
        with clock.stage("reading"):
            analysis = analyse(info, square, self.networks.edtalk, self.compute, progress)
        with clock.stage("emotion"):
            delta = self._expression_delta(analysis, vector.vector)
            lips, lips_from, warnings = self._lip_codes(info, analysis, options)
            gain = options.intensity * self.networks.config.gain
            codes = self._edited_codes(analysis, delta * gain, lips)
        streams = plan_streams(info, container)
        source = self.networks.config.source if options.source == "auto" else options.source
        settings = EncodeSettings(crf=options.crf, note=EDIT_NOTE)
        with clock.stage("rendering"), atomic_path(output, overwrite=options.overwrite) as part:
            render_video(
                info, analysis, codes, square, source, self.networks.edtalk, self.compute, part,
                settings, streams, progress,
            )  # fmt: skip
        if options.save_codes is not None:
            self._save_codes(options, analysis, delta, codes)
        warnings = [*analysis.warnings, *warnings, *([streams.warning] if streams.warning else [])]
        return EditResult(
            output=output,
            video=video,
            frames=len(codes),
            frames_edited=len(codes),
            duration_s=round(_duration_s(info, analysis), 6),
            width=info.width,
            height=info.height,
            elapsed_s=clock.elapsed_s,
            lips=lips_from,
            source=source,
            model=self.networks.config.name,
            neutral_from=vector.neutral_from,
            device=str(self.compute.device),
            precision=self.compute.precision,
            codes=options.save_codes,
            stages_s=clock.stages_s,
            warnings=tuple(warnings),
        )

    # ------------------------------------------------------------------ steps of an edit

    @staticmethod
    def _check(video: Path, output: Path, prompt: EmotionPrompt, options: EditOptions) -> str:
        """Everything that can be refused before work begins. -> ffmpeg's name of the container."""
        check_input(video, "video")
        clips = [*prompt.target_clips(), *prompt.neutral_clips()]
        for clip in clips:
            check_input(clip, "audio")
        check_output(output, overwrite=options.overwrite, inputs=(video, *clips))
        if options.save_codes is not None:
            if options.save_codes == output:
                raise UsageError(f"codes and video would be the same file: {output}")
            check_output(options.save_codes, overwrite=options.overwrite, inputs=(video, *clips))
        return container_of(output)

    def _expression_delta(self, analysis: Analysis, vector: np.ndarray) -> np.ndarray:
        """Expression change per frame, float32 ``[n, 10]``, before intensity."""
        expression = analysis.codes[:, self.networks.edtalk.config.expression_slice]
        device = self.compute.device
        neutral = torch.from_numpy(analysis.timeline.to_grid(expression)).to(device)
        delta = self.networks.connector.predict_clip(neutral, torch.from_numpy(vector).to(device))
        return analysis.timeline.from_grid(delta.float().cpu().numpy())

    def _lip_codes(
        self, info: VideoInfo, analysis: Analysis, options: EditOptions
    ) -> tuple[np.ndarray, str, list[str]]:
        """Lip codes per frame ``[n, lip_dim]``, where they came from, and warnings."""
        from_video = analysis.codes[:, self.networks.edtalk.config.lip_slice]
        if options.lips == "video" or not info.audio_streams:
            return from_video, "video", []
        try:
            wave = decode_audio(info.path, "video")
        except MediaError as error:
            return from_video, "video", [f"lips follow the picture: {error.message}"]
        grid_s = analysis.timeline.grid_s
        wave = sound_on_grid(wave, grid_s, SAMPLES_PER_FRAME)
        windows = mel_windows(torch.from_numpy(wave))[:, None]
        parts = []
        with torch.inference_mode():
            for chunk in windows.split(self.compute.batch_size * 8):
                parts.append(self.networks.audio2lip(chunk.to(self.compute.device)))
        lips = smooth_codes(torch.cat(parts)).float().cpu().numpy()
        return analysis.timeline.from_grid(lips), "audio", []

    def _edited_codes(self, analysis: Analysis, delta: np.ndarray, lips: np.ndarray) -> np.ndarray:
        """Pose as it was, lips as chosen, expression moved by ``delta``. ``[n, code_dim]``."""
        config, codes = self.networks.edtalk.config, analysis.codes.copy()
        codes[:, config.lip_slice] = lips
        codes[:, config.expression_slice] += delta
        return codes

    def _save_codes(
        self, options: EditOptions, analysis: Analysis, delta: np.ndarray, codes: np.ndarray
    ) -> None:
        assert options.save_codes is not None
        config = self.networks.edtalk.config
        with atomic_path(options.save_codes, overwrite=options.overwrite) as part:
            np.savez_compressed(
                part,
                times_s=analysis.timeline.times_s,
                neutral_expression=analysis.codes[:, config.expression_slice],
                delta=delta,
                intensity=np.float32(options.intensity),
                pose=codes[:, config.pose_slice],
                lip=codes[:, config.lip_slice],
            )


def _duration_s(info: VideoInfo, analysis: Analysis) -> float:
    """First frame's time to the end of the last, taking the mean step for the last frame."""
    times = analysis.timeline.times_s
    if len(times) > 1:
        return float((times[-1] - times[0]) * len(times) / (len(times) - 1))
    return float(1 / info.frame_rate) if info.frame_rate else 0.04
