"""Our edit, and the alternatives that the paper sets itself against, on pictures in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ...backends.edtalk.audio2lip import smooth_codes
from ...backends.edtalk.crop import EDTALK_CROP
from ...backends.edtalk.load import Networks
from ...emotion.speech.encoder import SpeechEncoder
from ...faces.blend import face_mask, match_colours
from ...faces.placement import Placement
from ...media.mel import mel_windows
from ...pipeline.encode import FaceCodes, from_network, sharpness_of, to_network
from ..avatar.emotions import EMOTIONS
from .subjects import Subject, draw_frames, emotional_speech, make_subject

METHODS = ("difference", "target only", "label mean", "reference picture")
MEASURED_EVERY = 4  # frames; the connector sees them all
LABEL_PEOPLE = 12
REFERENCE_SHIFT = 37  # the reference picture is of somebody else


@dataclass
class Bench:
    """A model to measure: its networks and its ear."""

    networks: Networks
    listener: SpeechEncoder

    @property
    def size_px(self) -> int:
        return self.networks.edtalk.config.image_size_px

    @torch.inference_mode()
    def encode(self, frames: np.ndarray) -> np.ndarray:
        """uint8 ``[n, S, S, 3]`` -> codes float32 ``[n, code_dim]``."""
        edtalk = self.networks.edtalk
        images = to_network(frames.astype(np.float32))
        parts = [edtalk.latent_to_codes(edtalk.encode(b)[0]) for b in images.split(32)]
        return torch.cat(parts).numpy()

    @torch.inference_mode()
    def lips_from_sound(self, subject: Subject) -> np.ndarray:
        """Lip codes float32 ``[n, lip_dim]`` as ``--lips audio`` makes them."""
        windows = mel_windows(torch.from_numpy(subject.clip.wave))[:, None]
        codes = smooth_codes(self.networks.audio2lip(windows)).numpy()
        at = np.minimum(np.arange(len(subject.frames)), len(codes) - 1)
        return codes[at]

    @torch.inference_mode()
    def delta(self, codes: np.ndarray, vector: np.ndarray) -> np.ndarray:
        """Expression change ``[n, 10]`` at intensity 1 for a speech vector ``[D]``."""
        expression = codes[:, self.networks.edtalk.config.expression_slice]
        change = self.networks.connector.predict_clip(
            torch.from_numpy(expression), torch.from_numpy(vector.astype(np.float32))
        )
        return change.numpy() * self.networks.config.gain

    def _lender(self, subject: Subject, source: str) -> np.ndarray:
        """The one frame that lends its face, float32 ``[1, S, S, 3]``."""
        at = 0
        if source == "best":
            config, n = self.networks.edtalk.config, len(subject.frames)
            everywhere = Placement.everywhere(n, self.size_px)
            sharp = np.array([sharpness_of(f.astype(np.float32)) for f in subject.frames])
            face = FaceCodes(everywhere, self.encode(subject.frames), sharp)
            at = int(
                everywhere.source_frames(face.fitness(config.pose_slice, config.expression_slice))[
                    0
                ]
            )
        return subject.frames[at : at + 1].astype(np.float32)

    @torch.inference_mode()
    def render(
        self, subject: Subject, codes: np.ndarray, source: str, at: np.ndarray
    ) -> np.ndarray:
        """Frames ``at`` with the given codes, joined into the subject's own as the tool does.

        -> float32 ``[len(at), S, S, 3]`` in [0, 255].
        """
        edtalk, own = self.networks.edtalk, subject.frames[at].astype(np.float32)
        mask = face_mask(self.size_px, EDTALK_CROP.face)
        rendered = []
        for start in range(0, len(at), 16):
            part = slice(start, start + 16)
            lender = own[part] if source == "frame" else self._lender(subject, source)
            face = edtalk.prepare_source(to_network(lender))
            rendered.append(from_network(edtalk.render(face, torch.from_numpy(codes[at[part]]))))
        out = []
        for new, old in zip(np.concatenate(rendered), own, strict=True):
            new = match_colours(new, old, mask)
            out.append(old + mask[..., None] * (new - old))
        return np.stack(out)


class Methods:
    """Edited codes of a subject for an asked emotion, by each method."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self._expression = bench.networks.edtalk.config.expression_slice
        self._label = self._label_means()
        self._features: dict[tuple[str, int], np.ndarray] = {}

    def _label_means(self) -> dict[str, np.ndarray]:
        """Mean code change per emotion over people of the training seeds."""
        means: dict[str, list[np.ndarray]] = {emotion: [] for emotion in EMOTIONS}
        for person in range(LABEL_PEOPLE):
            subject = make_subject(person - 100_000, self.bench.size_px, 0.4)
            neutral = self.bench.encode(subject.frames)[:, self._expression].mean(0)
            for emotion in EMOTIONS:
                true = draw_frames(subject.true_clip(emotion), self.bench.size_px, every=3)
                codes = self.bench.encode(true)[:, self._expression].mean(0)
                means[emotion].append(codes - neutral)
        return {emotion: np.mean(rows, axis=0) for emotion, rows in means.items()}

    def _feature(self, emotion: str, index: int) -> np.ndarray:
        key = (emotion, index)
        if key not in self._features:
            self._features[key] = self.bench.listener.feature(emotional_speech(emotion, index))
        return self._features[key]

    def codes(
        self, method: str, subject: Subject, base: np.ndarray, emotion: str, index: int
    ) -> np.ndarray:
        """``base [n, code_dim]`` (the neutral clip's, lips as chosen) -> edited codes."""
        codes = base.copy()
        if method == "difference":
            vector = self._feature(emotion, index) - self.bench.listener.feature(subject.clip.wave)
            codes[:, self._expression] += self.bench.delta(base, vector)
        elif method == "target only":
            codes[:, self._expression] += self.bench.delta(base, self._feature(emotion, index))
        elif method == "label mean":
            codes[:, self._expression] += self._label[emotion]
        elif method == "reference picture":
            other = make_subject(index + REFERENCE_SHIFT, self.bench.size_px, 0.04)
            picture = draw_frames(other.true_clip(emotion), self.bench.size_px)
            codes[:, self._expression] = self.bench.encode(picture)[:, self._expression]
        else:
            raise ValueError(f"no method is called {method!r}")
        return codes
