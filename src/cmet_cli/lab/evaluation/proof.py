"""The figures: how well ``cmet edit`` does what is asked, and what it leaves alone.

Everything is measured on files that :meth:`EmotionEditor.edit` has written: faces found and
followed, crops cut and pasted back, codecs included.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...editor import Emotion
from ...errors import FaceError
from ...options import EditOptions, Progress, SourceChoice, no_progress
from ..avatar.emotions import BASIC_EMOTIONS, EXTENDED_EMOTIONS, mean_expression
from ..training.code_space import LIPS, code_space
from .bench import Bench, outside_face, read_pictures
from .judge import N_EXPRESSION, N_LIPS, YAW, Judge
from .measures import Tally, correlation, cosine, jerk, judged, mean, psnr_db
from .methods import LABEL_PEOPLE, METHODS, Asking, Method
from .subjects import PICTURE_PX, VIDEO_S, Subject, write_subject

SOURCES: tuple[SourceChoice, ...] = ("first", "best", "frame")
LOSSLESS = EditOptions(crf=0)


@dataclass(frozen=True)
class ProofPlan:
    """How much is measured. source_people: the first people, on whom every choice of the source
    frame is tried; judged_every: frames."""

    people: int = 24
    source_people: int = 8
    seconds: float = VIDEO_S
    emotions: tuple[str, ...] = tuple(e for e in BASIC_EMOTIONS if e != "neutral")
    extended: tuple[str, ...] = EXTENDED_EMOTIONS
    methods: tuple[Method, ...] = METHODS
    judged_every: int = 4
    label_people: int = LABEL_PEOPLE


@dataclass
class SourceFigures:
    """Of one choice of the source frame."""

    tally: Tally = field(default_factory=Tally)
    psnr_db: list[float] = field(default_factory=list)
    flicker: list[float] = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        return {
            "judged_as_asked": self.tally.mean(),
            "psnr_db": mean(self.psnr_db, 2),
            "flicker": mean(self.flicker),
        }


@dataclass(frozen=True, eq=False)
class Seen:
    """A subject with its frames as a viewer sees them: whole, and at the judge's size; at: those
    that are judged."""

    index: int
    subject: Subject
    whole: np.ndarray
    small: np.ndarray
    at: range


class Proof:
    """Adds up the figures person by person."""

    def __init__(self, bench: Bench, judge: Judge, plan: ProofPlan) -> None:
        self.bench, self.judge, self.plan = bench, judge, plan
        self.asking = Asking(bench, plan.label_people)
        self.source = bench.editor.source_for(EditOptions())
        self.faces_not_found = 0
        self.truth, self.neutral = Tally(), Tally()
        self.methods: dict[Method, Tally] = {m: Tally() for m in plan.methods}
        self.sources = {s: SourceFigures() for s in SOURCES}
        self.extended: dict[str, list[float]] = {e: [] for e in plan.extended}
        self.kept: dict[str, list[float]] = {}

    def add(self, index: int) -> None:
        """One more person. Where no face is found, nothing that was asked for is right."""
        subject = write_subject(index, self.bench.folder, self.plan.seconds)
        whole = read_pictures(subject.video)
        at = range(0, len(whole), self.plan.judged_every)
        seen = Seen(index, subject, whole, self.bench.reduced(whole), at)
        self.neutral.add("neutral", judged(self.judge, seen.small[at]) == "neutral")
        try:
            for emotion in self.plan.emotions:
                self._ask(seen, emotion)
            for emotion in self.plan.extended:
                self.extended[emotion].append(self._extended(seen, emotion))
            self._preserve(seen)
        except FaceError:
            self.faces_not_found += 1
            for tally in self.methods.values():
                for emotion in self.plan.emotions:
                    tally.add(emotion, False)

    def figures(self) -> dict[str, object]:
        """Plain values, for JSON."""
        accuracy, ours = self.truth.mean(), self.methods["difference"].mean()
        return {
            "people": self.plan.people,
            "video_px": PICTURE_PX,
            "judged_px": self.bench.size_px,
            "faces_not_found": self.faces_not_found,
            "judge_on_true_drawings": self.truth.figures(),
            "judge_on_neutral_videos": self.neutral.mean(),
            "edited": {m: tally.figures() for m, tally in self.methods.items()},
            "edited_over_true": round(ours / max(accuracy, 1e-9), 3),
            "extended_cosine": {e: mean(v) for e, v in self.extended.items() if v},
            "kept": {name: mean(v) for name, v in self.kept.items()},
            "source_people": min(self.plan.source_people, self.plan.people),
            "sources": {name: of.figures() for name, of in self.sources.items() if of.psnr_db},
            "default_source": self.source,
            "gain": self.bench.editor.model.connector.gain,
        }

    # ------------------------------------------------------------------ one person

    def _ask(self, seen: Seen, emotion: str) -> None:
        """One emotion by every method, and by ours from every source frame."""
        true = self.bench.drawn(seen.subject.true_clip(emotion), range(len(seen.small)))
        self.truth.add(emotion, judged(self.judge, true[seen.at]) == emotion)
        for method in self.plan.methods:
            every_source = method == "difference" and seen.index < self.plan.source_people
            for source in SOURCES if every_source else (self.source,):
                asked = self.asking.emotion(method, emotion, seen.index)
                edited = self._edit(seen, asked, EditOptions(crf=0, source=source))
                right = judged(self.judge, edited[seen.at]) == emotion
                if source == self.source:
                    self.methods[method].add(emotion, right)
                if every_source:
                    figures = self.sources[source]
                    figures.tally.add(emotion, right)
                    figures.psnr_db.append(psnr_db(edited, true))
                    figures.flicker.append(jerk(edited) / max(jerk(true), 1e-6))

    def _edit(self, seen: Seen, asked: Emotion, options: EditOptions) -> np.ndarray:
        """The edited file's frames at the judge's size."""
        return self.bench.reduced(self.bench.edit(seen.subject.video, asked, options))

    def _extended(self, seen: Seen, emotion: str) -> float:
        """Cosine between the change the judge reads off the edit and the true change."""
        edited = self._edit(seen, self.asking.emotion("difference", emotion, seen.index), LOSSLESS)
        after, before = (self._expression(p[seen.at]) for p in (edited, seen.small))
        return cosine(after - before, mean_expression(emotion, 3))

    def _expression(self, pictures: np.ndarray) -> np.ndarray:
        return self.judge.read(pictures)[1][:, :N_EXPRESSION].mean(0)

    def _preserve(self, seen: Seen) -> None:
        """Lips, pose and surroundings under one emotion per person, and asking for nothing."""
        emotion = self.plan.emotions[seen.index % len(self.plan.emotions)]
        asked = self.asking.emotion("difference", emotion, seen.index)
        codes = self.bench.folder / "codes.npz"
        options = EditOptions(crf=0, save_codes=codes, overwrite=True)
        whole = self.bench.edit(seen.subject.video, asked, options)
        edited = self.bench.reduced(whole)
        outside = outside_face(codes, self.bench.size_px, PICTURE_PX)
        nothing = self.bench.edit(
            seen.subject.video, asked, EditOptions(crf=0, intensity=0, lips="video")
        )
        # The judge reads emotions well and mouths badly; the model's own encoder reads both
        # drawings and edits. What it makes of the true drawing of the emotion is the ceiling.
        true = self.bench.drawn(seen.subject.true_clip(emotion), range(len(edited)))
        first_pose = N_EXPRESSION + N_LIPS
        turned, plain = (self.judge.read(p)[1][:, first_pose:] for p in (edited, seen.small))
        found = {
            "mouth_opening_correlation": self._mouth(edited, seen.subject),
            "mouth_opening_correlation_on_true_drawings": self._mouth(true, seen.subject),
            "pose_yaw_change": float(np.abs(turned - plain)[:, YAW].mean()),
            "outside_face_psnr_db": psnr_db(whole, seen.whole, outside),
            "outside_face_share_of_pixels": float(outside.mean()),
            "intensity_0_psnr_db": psnr_db(nothing, seen.whole),
            "intensity_0_psnr_db_at_judged_size": psnr_db(self.bench.reduced(nothing), seen.small),
        }
        for name, value in found.items():
            self.kept.setdefault(name, []).append(value)

    def _mouth(self, pictures: np.ndarray, subject: Subject) -> float:
        opening = code_space().decode_lips(self.bench.encode(pictures)[:, LIPS])[:, 0]
        return correlation(opening, subject.clip.lips[:, 0])


def prove(
    bench: Bench, judge: Judge, plan: ProofPlan | None = None, progress: Progress = no_progress
) -> dict[str, object]:
    """All figures in one pass over the plan's people."""
    plan = plan or ProofPlan()
    proof = Proof(bench, judge, plan)
    for index in range(plan.people):
        proof.add(index)
        progress("measuring", index + 1, plan.people)
    return proof.figures()
