"""What is asked of an edit, in whichever ways, as one emotion."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .declared import declared
from .emotion.hearing import together
from .emotion.listen import Asked
from .emotion.named import parse_mixture
from .emotion.schedule import Scheduled, Segment, read_plan
from .emotion.source import EmotionSource, Mixture, NoChange
from .emotion.speech_prompt import Clips, SpeechPrompt
from .errors import UsageError
from .media.audio import split_stretch
from .media.clock import Timeline
from .media.ffmpeg import check_input
from .media.probe import VideoInfo
from .model import Model
from .options import ASKING, EditOptions, Progress
from .pipeline.read import VideoReader
from .pipeline.reference import read_expression

#: A segment may end so much after the video: plans and subtitles are rounded.
OVERHANG_S = 1.0
#: An emotion as the API takes it: recordings (a path or several), or a source of its own.
Emotion = Clips | EmotionSource


@dataclass(frozen=True)
class Wanted:
    """A request as it was made. prompt: speech, and what it is compared with; source: an emotion of
    the caller's own; plan: the segments of a timeline; options: names, pictures and the rest."""

    prompt: SpeechPrompt
    options: EditOptions
    source: EmotionSource | None = None
    plan: tuple[Segment, ...] = ()

    @classmethod
    def of(cls, emotion: Emotion | None, neutral: Clips, options: EditOptions) -> Wanted:
        """Raises :class:`UsageError` where nothing is asked for, or a request cannot be read."""
        if options.fit != "video" and options.speech is None:
            raise UsageError(f"fit '{options.fit}' is for new speech, and no --speech is given")
        if options.emotion.strip():
            parse_mixture(options.emotion)
        plan = tuple(read_plan(options.timeline)) if options.timeline is not None else ()
        if isinstance(emotion, EmotionSource):
            return cls(SpeechPrompt.of((), neutral), options, emotion, plan)
        prompt = SpeechPrompt.of(() if emotion is None else emotion, neutral)
        if not prompt.target and not options.asks:
            if options.speech is not None:  # says itself how it is meant
                return cls(replace(prompt, target=(options.speech,)), options)
            if options.identity_image is not None and not prompt.neutral:
                return cls(prompt, options, NoChange())
            raise UsageError(
                "no emotion is asked for",
                "give speech with --emotion-audio, or a name: --emotion happy",
            )
        speech = prompt.target or options.emotion_follow or any(s.audio for s in plan)
        if prompt.neutral and not speech:
            raise UsageError(
                "neutral audio is compared with emotional speech, and no emotion is asked for by "
                "speech here",
                "leave it out, or give --emotion-audio",
            )
        return cls(prompt, options, None, plan)

    @property
    def most(self) -> float:
        """The most of one emotion that is asked for, before the intensity of all: 1 for speech. Of
        several ways to ask each counts its part."""
        asked = [(1.0, self.options.emotion), *((s.intensity, s.emotion) for s in self.plan)]
        ways = [*(getattr(self.options, name) for name in ASKING), self.prompt.target, self.source]
        most = max(abs(times) * _most_of_one(text) for times, text in asked)
        return most / max(1, sum(map(bool, ways)))

    def files(self) -> list[Path]:
        """Every file it names, each there and readable. Raises :class:`UsageError`."""
        options = vars(self.options).items()
        read = {name: f.label for name, f in declared(EditOptions).items() if not f.option.writes}
        others = [(n, path) for n, path in options if n in read and isinstance(path, Path)]
        named = [(read[name], split_stretch(path)[0]) for name, path in others]
        for what, path in named:
            check_input(path, what)
        clips = self.prompt.target_clips() if self.prompt.target else []
        clips += self.prompt.neutral_clips()
        clips += [segment.audio for segment in self.plan if segment.audio is not None]
        heard = [split_stretch(clip)[0] for clip in clips]
        for path in heard:
            check_input(path, "audio")
        return [*heard, *(path for _, path in named)]


def check_names(wanted: Wanted, model: Model) -> None:
    """A name that nobody knows is told before work begins. Raises :class:`UsageError`."""
    if wanted.options.emotion.strip():
        model.mixture(wanted.options.emotion)
    for segment in wanted.plan:
        if segment.emotion:
            try:
                model.mixture(segment.emotion)
            except UsageError as error:
                where = f"{wanted.options.timeline}: line {segment.line}"
                raise UsageError(f"{where}: {error.message}", error.hint) from error


@dataclass(frozen=True)
class Asker:
    """Turns requests into emotions for one model."""

    model: Model
    reader: VideoReader

    def __call__(
        self, wanted: Wanted, info: VideoInfo, timeline: Timeline, progress: Progress
    ) -> Asked:
        """Everything that is asked for, each part as much as the others. info: whose own speech is
        compared with; timeline: of the picture that is edited.

        Raises :class:`UsageError` for an unknown name, :class:`MediaError` for speech that cannot
        be heard, :class:`FaceError` for pictures without a face.
        """
        options, listener = wanted.options, self.model.listener
        asked = []
        if options.emotion.strip():
            asked.append(Asked(self.model.mixture(options.emotion)))
        if wanted.prompt.target:
            asked.append(listener.listen(wanted.prompt, info, progress))
        if options.emotion_follow is not None:
            asked.append(listener.follow(options.emotion_follow, wanted.prompt, info, progress))
        for path, held in ((options.emotion_image, True), (options.emotion_video, False)):
            if path is not None:
                asked.append(
                    Asked(read_expression(path, self.reader, options, progress, held=held))
                )
        if options.timeline is not None:
            asked.append(self._scheduled(wanted, info, timeline, progress))
        if wanted.source is not None:
            asked.append(Asked(wanted.source))
        return asked[0] if len(asked) == 1 else _together(asked)

    def _scheduled(
        self, wanted: Wanted, info: VideoInfo, timeline: Timeline, progress: Progress
    ) -> Asked:
        told, heard, parts = Asked(Mixture(())), [], []
        for segment in wanted.plan:
            if info.duration_s and segment.end_s > info.duration_s + OVERHANG_S:
                raise UsageError(
                    f"{wanted.options.timeline}: line {segment.line} ends at {segment.end_s:g} s, "
                    f"after the video ({info.duration_s:g} s)"
                )
            if info.duration_s and segment.start_s >= info.duration_s:
                raise UsageError(
                    f"{wanted.options.timeline}: line {segment.line} begins at "
                    f"{segment.start_s:g} s, after the video ({info.duration_s:g} s)"
                )
            if segment.audio is None:
                parts.append((segment, self.model.mixture(segment.emotion)))
                continue
            prompt = replace(wanted.prompt, target=(segment.audio,))
            told = self.model.listener.listen(prompt, info, progress)
            parts.append((segment, told.source))
            heard.append(told)
        warnings = tuple(dict.fromkeys(w for one in heard for w in one.warnings))
        if all(segment.is_gap for segment in wanted.plan):
            warnings = (f"{wanted.options.timeline}: every line is neutral: it changes nothing",)
        all_heard = together([one.heard for one in heard])
        source = Scheduled(parts, timeline.end_s)  # sound may go on after the picture
        return replace(told, source=source, heard=all_heard, warnings=warnings)


def in_words(wanted: Wanted) -> str:
    """What was asked for, for people."""
    words = [wanted.options.emotion] if wanted.options.emotion.strip() else []
    words += [f"speech {path.name}" for path in wanted.prompt.target]
    for name in ASKING:
        path = getattr(wanted.options, name)
        if isinstance(path, Path):
            words.append(f"{name.replace('_', ' ')} {path.name}")
    if wanted.source is not None and not isinstance(wanted.source, NoChange):
        words.append(f"an emotion of the caller's own ({type(wanted.source).__name__})")
    return " and ".join(words) or "nothing"


def _most_of_one(mixture: str) -> float:
    """The largest weight of a name, 1 where none is named."""
    weights = defaultdict[str, float](float)
    for term in parse_mixture(mixture) if mixture.strip() else ():
        weights[term.name] += term.weight
    return max(map(abs, weights.values()), default=1.0)


def _together(asked: Sequence[Asked]) -> Asked:
    told = next((one for one in asked if one.neutral_from), asked[-1])
    heard = together([one.heard for one in asked])
    warnings = tuple(dict.fromkeys(w for one in asked for w in one.warnings))
    mixed = Mixture([(1 / len(asked), one.source) for one in asked])
    return replace(told, source=mixed, heard=heard, warnings=warnings)
