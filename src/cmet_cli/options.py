"""Every option once: name, type, range, default and help.

The command line, the Python API and the batch manifest all read what stands here, so that a new
field of :class:`EditOptions` is at the same time a flag, an argument and a column.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Annotated, Literal

from .declared import Option, check_declared, declared
from .errors import UsageError

Lips = Literal["audio", "video", "auto"]
Detail = Literal["source", "render"]
Fit = Literal["video", "loop", "bounce", "hold", "cut"]
FaceDetectorKind = Literal["auto", "yunet", "haar", "none"]
Paste = Literal["face", "crop", "none"]
SourceChoice = Literal["auto", "first", "best", "frame"]
ModelChoice = Literal["auto", "cmet", "mini"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]
EncoderChoice = Literal["x264", "nvenc"]
ProtocolName = Literal["authors", "pooled"]
#: Each encoder's presets; the first is its usual one.
PRESETS: dict[str, tuple[str, ...]] = {
    "x264": (
        *("veryfast", "ultrafast", "superfast", "faster", "fast", "medium", "slow", "slower"),
        *("veryslow", "placebo"),
    ),
    "nvenc": ("p5", "p1", "p2", "p3", "p4", "p6", "p7", "fast", "medium", "slow"),
}

#: Called with a stage's name, how much of it is done, and its whole size (None: not known yet).
Progress = Callable[[str, int, "int | None"], None]

# How the command line groups options in its help.
_EMOTION, _FACE, _NETWORK, _OUTPUT = "Emotion", "Face", "How it runs", "Output"
_DUB = "New speech, another face"
#: Fields of :class:`EditOptions` that ask for an emotion, beside or instead of speech.
ASKING = ("emotion", "emotion_image", "emotion_video", "emotion_follow", "timeline")
#: Fields that give the video other sound or another face.
RESTAGING = ("speech", "identity_image")
SIDECAR_SUFFIX = ".cmet.json"
AREAS = ("upper", "lower", "brows", "eyes", "mouth")
TRAINED_TO = 1.5  # beyond this intensity the networks were not trained


def _areas(text: str) -> tuple[str, ...]:
    names = tuple(name.strip().lower() for name in text.split(",") if name.strip())
    for name in names:
        if name not in AREAS and name != "all":
            raise UsageError(
                f"no region of the face is called '{name[:40]}'",
                f"there are all, {', '.join(AREAS)}; several are separated by commas",
            )
    return () if "all" in names else names


def no_progress(stage: str, done: int, total: int | None) -> None:
    """The default progress callback: silence."""


@dataclass(frozen=True)
class EditOptions:
    """What to do to one video. Raises :class:`UsageError` on values that make no sense."""

    emotion: Annotated[
        str,
        Option(
            "An emotion by name, or a mixture: happy, '0.6 happy + 0.4 sarcastic', 'surprised - "
            "0.5 fear'. cmet emotions lists the names. Beside speech each counts half.",
            _EMOTION,
        ),
    ] = ""
    intensity: Annotated[
        float,
        Option(
            "Strength of the emotion; 0 keeps the expression, negative reverses the change.",
            _EMOTION,
            short="-i",
            low=-2,
            high=2,
        ),
    ] = 1.0
    emotion_image: Annotated[
        Path | None,
        Option("A picture of a face: its expression is held (EDTalk's way).", _EMOTION),
    ] = None
    emotion_video: Annotated[
        Path | None,
        Option("A video of a face: its expression is followed, frame by frame.", _EMOTION),
    ] = None
    emotion_follow: Annotated[
        Path | None,
        Option("Speech whose emotion is followed over time, on the video's own clock.", _EMOTION),
    ] = None
    timeline: Annotated[
        Path | None,
        Option(
            "A plan of emotions over time (.csv, .json, .srt); cmet timeline writes one to start "
            "from.",
            _EMOTION,
        ),
    ] = None
    ease_in: Annotated[
        float, Option("Seconds over which the change comes.", _EMOTION, low=0, high=3600)
    ] = 0.0
    ease_out: Annotated[
        float, Option("Seconds over which the change goes.", _EMOTION, low=0, high=3600)
    ] = 0.0
    max_delta: Annotated[
        float,
        Option("Longest change of the expression codes; 0: any.", _EMOTION, low=0, high=1000),
    ] = 0.0
    speech: Annotated[
        Path | None,
        Option(
            "Dub: new sound, which drives the lips and, unless asked otherwise, the emotion.",
            _DUB,
        ),
    ] = None
    fit: Annotated[
        Fit,
        Option(
            "What the picture does where new speech is of another length: keep its own (video), "
            "go on from its start (loop), backwards (bounce) or standing still (hold) until the "
            "speech ends, or end with it (cut).",
            _DUB,
        ),
    ] = "video"
    identity_image: Annotated[
        Path | None,
        Option(
            "A picture of a face to move as the video's does, or calmly, with --speech alone.",
            _DUB,
        ),
    ] = None
    region: Annotated[
        str,
        Option(
            "Limit the change to parts of the face: upper, lower, brows, eyes, mouth; several with "
            "commas.",
            _FACE,
            several=True,
        ),
    ] = "all"
    lips: Annotated[
        Lips,
        Option(
            "Lip motion from the video's picture (as filmed) or the sound (as published); auto: "
            "as filmed where the sound stays, from new speech where there is any.",
            _EMOTION,
        ),
    ] = "auto"
    keep_lips: Annotated[
        bool,
        Option(
            "Leave the mouth exactly as open as it was filmed: the surest lip sync, a subtler "
            "emotion. (Lips meet where they met without it, too.) Not with --detail render.",
            _FACE,
        ),
    ] = False
    detail: Annotated[
        Detail,
        Option(
            "Whose pixels the result shows: the video's own, moved and shaded by what the emotion "
            "changes (source), or the networks' rendering (render).",
            _FACE,
        ),
    ] = "source"
    source: Annotated[
        SourceChoice,
        Option(
            "Frame that lends its face: the first of a shot (as published), the best (frontal and "
            "sharp), or every frame its own; auto: what the model was found to do best.",
            _FACE,
        ),
    ] = "auto"
    crf: Annotated[
        int, Option("Quality of the picture: 0 lossless ... 51.", _OUTPUT, low=0, high=51)
    ] = 18
    encoder: Annotated[
        EncoderChoice,
        Option("Who encodes: x264, or an NVIDIA GPU (nvenc), where there is one.", _OUTPUT),
    ] = "x264"
    preset: Annotated[
        str,
        Option(
            "The encoder's speed, by its own name: for x264 ultrafast ... veryfast (the usual one) "
            "... veryslow, for nvenc p1 ... p5 (usual) ... p7.",
            _OUTPUT,
        ),
    ] = ""
    overwrite: Annotated[bool, Option("Replace an existing output.", _OUTPUT)] = False
    face_detector: Annotated[
        FaceDetectorKind,
        Option(
            "How the face is found: YuNet where its file is there, else OpenCV's Haar cascade; "
            "none: the middle square of the picture.",
            _FACE,
        ),
    ] = "auto"
    face: Annotated[
        int | Literal["all"] | None,
        Option(
            "Which face: its number (see cmet faces), or all. Default: the largest and "
            "most present.",
            _FACE,
            low=1,
        ),
    ] = None
    paste: Annotated[
        Paste,
        Option(
            "What goes back into the frame: face, crop (the square, with --detail render), or none "
            "(the result is the bare crop).",
            _FACE,
        ),
    ] = "face"
    compare: Annotated[bool, Option("Original and edited side by side.", _OUTPUT)] = False
    sidecar: Annotated[
        bool, Option("Also write what was done, beside the result, as RESULT.cmet.json.", _OUTPUT)
    ] = False
    sign_cert: Annotated[
        Path | None,
        Option("Certificates (.pem) to sign the result with, as C2PA has it; and:", _OUTPUT),
    ] = None
    sign_key: Annotated[Path | None, Option("Their private key (.pem).", _OUTPUT)] = None
    save_codes: Annotated[
        Path | None, Option("Also write every frame's codes (.npz).", _OUTPUT, writes=True)
    ] = None

    def __post_init__(self) -> None:
        for name, field_ in declared(type(self)).items():
            if field_.is_path and isinstance(getattr(self, name), str):
                object.__setattr__(self, name, Path(getattr(self, name)))
        check_declared(self)
        for name, value in vars(self).items():  # NumPy's are no JSON, and fractions no floats
            if isinstance(value, Real) and type(value) not in (bool, int, float):
                plain = int(value) if isinstance(value, Integral) else float(value)
                object.__setattr__(self, name, plain)
        self.areas  # noqa: B018  a part that no face has is refused here
        if self.preset and self.preset not in PRESETS[self.encoder]:
            raise UsageError(
                f"{self.encoder} has no preset '{self.preset[:40]}'",
                f"it has {', '.join(PRESETS[self.encoder])}",
            )
        if self.paste == "crop" and self.detail == "source":
            raise UsageError(
                "paste 'crop' shows the whole rendering, and detail 'source' shows none",
                "ask for detail 'render' too",
            )
        if self.paste == "none" and self.face == "all":
            raise UsageError("paste 'none' gives one crop, and face 'all' asks for several")
        if self.identity_image is not None and (self.paste == "none" or self.face == "all"):
            raise UsageError("an identity image is one whole picture: no paste 'none', face 'all'")
        if self.save_codes is not None and self.save_codes.suffix != ".npz":
            raise UsageError(f"codes are saved as .npz, got {self.save_codes}")

    @property
    def lips_from(self) -> Literal["audio", "video"]:
        """What ``auto`` means: an edit keeps the sound, so lips as filmed are right already; new
        speech brings its own."""
        if self.lips != "auto":
            return self.lips
        return "video" if self.speech is None else "audio"

    @property
    def keeps_lips(self) -> bool:
        """Whether lips are held back: not where the sound or another face moves them."""
        return self.keep_lips and self.lips_from == "video" and self.identity_image is None

    @property
    def keeps_picture(self) -> bool:
        """Whether the result can be laid beside the video, frame by frame."""
        return self.paste != "none" and not self.compare and self.identity_image is None

    @property
    def asks(self) -> bool:
        """Whether an emotion is asked for here, beside or instead of speech."""
        return bool(self.emotion.strip()) or any(getattr(self, name) for name in ASKING[1:])

    @property
    def areas(self) -> tuple[str, ...]:
        """The parts of the face that change; empty for all of it."""
        return () if self.region.strip() in ("", "all") else _areas(self.region)


@dataclass(frozen=True)
class RuntimeOptions:
    """Where and how the networks run."""

    device: Annotated[str, Option("auto, cpu, cuda, cuda:N or mps.", _NETWORK)] = "auto"
    precision: Annotated[Precision, Option("Number format of the networks.", _NETWORK)] = "auto"
    batch_size: Annotated[
        int, Option("Frames per network call; 0: by device.", _NETWORK, low=0, high=1024)
    ] = 0

    cache: Annotated[
        bool, Option("Keep what emotion2vec+ heard for later runs, by content.", _NETWORK)
    ] = True

    def __post_init__(self) -> None:
        check_declared(self)


@dataclass(frozen=True)
class ModelOptions:
    """Which networks, and where they lie."""

    model: Annotated[
        ModelChoice,
        Option(
            "cmet: the published networks; mini: the small one that ships with cmet; auto: the "
            "published ones where any of them was downloaded, else mini.",
            _NETWORK,
        ),
    ] = "auto"
    weights_dir: Annotated[
        Path | None,
        Option(
            "Folder with the model weights. Default: $CMET_WEIGHTS_DIR, ./weights, the Hub cache.",
            _NETWORK,
        ),
    ] = None

    def __post_init__(self) -> None:
        check_declared(self)
