"""The figures: how well the mini model does what is asked, and what it leaves alone."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...backends.edtalk.crop import EDTALK_CROP
from ...faces.blend import face_mask
from ...options import Progress, no_progress
from ..avatar.emotions import BASIC_EMOTIONS, EXTENDED_EMOTIONS, mean_expression
from ..training.codes import LIPS, code_space
from .judge import N_EXPRESSION, Judge
from .methods import MEASURED_EVERY, METHODS, Bench, Methods
from .subjects import Subject, draw_frames, make_subject

ASKED = tuple(e for e in BASIC_EMOTIONS if e != "neutral")
SOURCES = ("first", "best", "frame")


@dataclass
class Tally:
    """Right and asked, per emotion."""

    right: dict[str, list[bool]] = field(default_factory=dict)

    def add(self, emotion: str, right: bool) -> None:
        self.right.setdefault(emotion, []).append(right)

    def per_emotion(self) -> dict[str, float]:
        return {e: round(float(np.mean(v)), 3) for e, v in self.right.items()}

    def mean(self) -> float:
        return round(float(np.mean([np.mean(v) for v in self.right.values()])), 3)


def psnr_db(a: np.ndarray, b: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Of pictures in [0, 255]; ``mask [S, S]`` selects pixels."""
    square = (np.asarray(a, np.float32) - b) ** 2
    error = float(square.mean() if mask is None else square[:, mask].mean())
    return 10 * np.log10(255.0**2 / max(error, 1e-9))


def judged(judge: Judge, pictures: np.ndarray) -> str:
    """The clip's emotion: mean log-probability over its frames."""
    return BASIC_EMOTIONS[int(judge.read(pictures)[0].mean(0).argmax())]


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-9))


def prove(
    bench: Bench, judge: Judge, people: int = 24, progress: Progress = no_progress
) -> dict[str, object]:
    """All figures in one pass over ``people`` subjects. Plain values, for JSON."""
    methods, truth = Methods(bench), Tally()
    by_method = {m: Tally() for m in METHODS}
    by_source = {s: {"tally": Tally(), "psnr": [], "flicker": []} for s in SOURCES}
    kept: dict[str, list[float]] = {}
    extended: dict[str, list[float]] = {e: [] for e in EXTENDED_EMOTIONS}
    neutral = Tally()
    default = bench.networks.config.source
    for index in range(people):
        subject = make_subject(index, bench.size_px)
        base = _base_codes(bench, subject)
        at = np.arange(0, len(subject.frames), MEASURED_EVERY)
        neutral.add("neutral", judged(judge, subject.frames[at]) == "neutral")
        for emotion in ASKED:
            true = draw_frames(subject.true_clip(emotion), bench.size_px, MEASURED_EVERY)
            truth.add(emotion, judged(judge, true) == emotion)
            for method in METHODS:
                codes = methods.codes(method, subject, base, emotion, index)
                sources = SOURCES if method == "difference" else (default,)
                for source in sources:
                    picture = bench.render(subject, codes, source, at)
                    right = judged(judge, picture) == emotion
                    if method == "difference":
                        by_source[source]["tally"].add(emotion, right)
                        by_source[source]["psnr"].append(psnr_db(picture, true))
                    if source == default:
                        by_method[method].add(emotion, right)
        for emotion in EXTENDED_EMOTIONS:
            extended[emotion].append(
                _extended_cosine(bench, judge, methods, subject, base, emotion, index, at)
            )
        _preservation(bench, judge, methods, subject, base, index, kept, by_source)
        progress("measuring", index + 1, people)
    accuracy = truth.mean()
    return {
        "people": people,
        "picture_px": bench.size_px,
        "judge_on_true_drawings": {"mean": accuracy, **truth.per_emotion()},
        "judge_on_neutral_drawings": neutral.mean(),
        "edited": {m: {"mean": t.mean(), **t.per_emotion()} for m, t in by_method.items()},
        "edited_over_true": round(by_method["difference"].mean() / max(accuracy, 1e-9), 3),
        "extended_cosine": {e: round(float(np.mean(v)), 3) for e, v in extended.items()},
        "kept": {name: round(float(np.mean(v)), 3) for name, v in kept.items()},
        "sources": {
            name: {
                "judged_as_asked": row["tally"].mean(),
                "psnr_db": round(float(np.mean(row["psnr"])), 2),
                "flicker": round(float(np.mean(row["flicker"])), 3),
            }
            for name, row in by_source.items()
        },
        "default_source": default,
        "gain": bench.networks.config.gain,
    }


def _base_codes(bench: Bench, subject: Subject) -> np.ndarray:
    codes = bench.encode(subject.frames)
    codes[:, bench.networks.edtalk.config.lip_slice] = bench.lips_from_sound(subject)
    return codes


def _extended_cosine(
    bench: Bench,
    judge: Judge,
    methods: Methods,
    subject: Subject,
    base: np.ndarray,
    emotion: str,
    index: int,
    at: np.ndarray,
) -> float:
    """Cosine between the change the judge reads off the edit and the true change, by spread."""
    codes = methods.codes("difference", subject, base, emotion, index)
    source = bench.networks.config.source
    after = judge.read(bench.render(subject, codes, source, at))[1][:, :N_EXPRESSION].mean(0)
    before = judge.read(bench.render(subject, base, source, at))[1][:, :N_EXPRESSION].mean(0)
    return cosine(after - before, mean_expression(emotion, 3))


def _preservation(
    bench: Bench,
    judge: Judge,
    methods: Methods,
    subject: Subject,
    base: np.ndarray,
    index: int,
    kept: dict[str, list[float]],
    by_source: dict[str, dict],
) -> None:
    """Lips, pose, surroundings and flicker on every frame of one emotion per subject."""
    every = np.arange(len(subject.frames))
    emotion = ASKED[index % len(ASKED)]
    codes = methods.codes("difference", subject, base, emotion, index)
    source = bench.networks.config.source
    clip = subject.clip
    for name in SOURCES:
        video = bench.render(subject, codes, name, every)
        jerk = np.abs(np.diff(video, n=2, axis=0)).mean()
        true = draw_frames(subject.true_clip(emotion), bench.size_px).astype(np.float32)
        by_source[name]["flicker"].append(
            float(jerk / max(np.abs(np.diff(true, n=2, axis=0)).mean(), 1e-6))
        )
        if name == source:
            edited = video
    _, read = judge.read(edited)
    # The judge reads emotions well and mouths badly; the model's own encoder reads both drawings
    # and renders. What it makes of the true drawing of the emotion is the ceiling.
    true_drawing = draw_frames(subject.true_clip(emotion), bench.size_px)
    for name, pictures in (("", edited), ("_on_true_drawings", true_drawing)):
        lips = bench.encode(np.asarray(pictures))[:, LIPS]
        opening = code_space().decode_lips(lips)[:, 0]
        kept.setdefault(f"mouth_opening_correlation{name}", []).append(
            float(np.corrcoef(opening, clip.lips[:, 0])[0, 1])
        )
    plain = judge.read(subject.frames)[1][:, N_EXPRESSION + 3 :]
    turned = read[:, N_EXPRESSION + 3 :]
    kept.setdefault("pose_yaw_change", []).append(float(np.abs(turned - plain)[:, 4].mean()))
    outside = face_mask(bench.size_px, EDTALK_CROP.face) == 0
    kept.setdefault("outside_face_psnr_db", []).append(
        min(99.0, psnr_db(edited, subject.frames, outside))
    )
    picture_lips = bench.encode(subject.frames)
    rebuilt = bench.render(subject, picture_lips, source, every)
    kept.setdefault("intensity_0_psnr_db", []).append(psnr_db(rebuilt, subject.frames))
