"""What is asked of an edit, in whichever way, as one emotion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .emotion.listen import Asked
from .emotion.named import parse_mixture
from .emotion.source import EmotionSource, Mixture
from .emotion.speech_prompt import Clips, SpeechPrompt
from .errors import UsageError
from .media.probe import VideoInfo
from .model import Model
from .options import EditOptions, Progress

#: An emotion as the API takes it: recordings (a path or several), or a source of its own.
Emotion = Clips | EmotionSource


@dataclass(frozen=True)
class Wanted:
    """A request as it was made. prompt: speech, where there is any; name: a name or a mixture of
    them; source: an emotion of the caller's own."""

    prompt: SpeechPrompt | None
    name: str
    source: EmotionSource | None = None

    @classmethod
    def of(cls, emotion: Emotion | None, neutral: Clips, options: EditOptions) -> Wanted:
        """Raises :class:`UsageError` where nothing is asked for, or a mixture cannot be read."""
        name = options.emotion.strip()
        if name:
            parse_mixture(name)
        if emotion is not None and not _is_clips(emotion):
            return cls(None, name, emotion)  # type: ignore[arg-type]
        prompt = SpeechPrompt.of(emotion or (), neutral)  # type: ignore[arg-type]
        if not prompt.target and not name:
            raise UsageError(
                "no emotion is asked for", "give speech with --emotion-audio, or a name: --emotion"
            )
        return cls(prompt if prompt.target else None, name)

    def files(self) -> list[Path]:
        """Every recording it names. Raises :class:`UsageError` for those that are not there."""
        if self.prompt is None:
            return []
        return [*self.prompt.target_clips(), *self.prompt.neutral_clips()]


def check_names(wanted: Wanted, model: Model) -> None:
    """A name that nobody knows is told before work begins. Raises :class:`UsageError`."""
    if wanted.name:
        model.mixture(wanted.name)


def ask(wanted: Wanted, model: Model, info: VideoInfo, progress: Progress) -> Asked:
    """Everything that is asked for, each part as much as the others.

    Raises :class:`UsageError` for an unknown name, :class:`MediaError` for speech that cannot be
    heard.
    """
    asked = []
    if wanted.name:
        asked.append(Asked(model.mixture(wanted.name)))
    if wanted.prompt is not None:
        asked.append(model.listener.listen(wanted.prompt, info, progress))
    if wanted.source is not None:
        asked.append(Asked(wanted.source))
    if len(asked) == 1:
        return asked[0]
    told = next((one for one in asked if one.neutral_from), asked[-1])
    return replace(told, source=Mixture([(1 / len(asked), one.source) for one in asked]))


def _is_clips(emotion: Emotion) -> bool:
    return isinstance(emotion, str | Path | Sequence)
