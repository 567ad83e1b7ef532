"""How good, how sharp, how steady and how quick ``--detail source`` is beside ``render``.

``python benchmarks/difference.py [--people 6] [--size 256] [clip.mp4 ...]``: drawn people that no
training has seen against their own emotional drawings, then real clips if any are named, then
frames a second at 720p. The model that ships; lips as filmed in both.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from cmet_cli import EditOptions, EmotionEditor
from cmet_cli.emotion.source import SpeechEmotion
from cmet_cli.lab.avatar.clip import AvatarClip
from cmet_cli.lab.evaluation.subjects import (
    FIRST_SEED,
    Person,
    neutral_clip,
    write_speech,
)
from cmet_cli.media.audio import decode_audio
from cmet_cli.media.probe import probe_video
from cmet_cli.media.program import find_ffmpeg
from cmet_cli.media.reader import FrameReader
from cmet_cli.options import Detail

EMOTIONS = ("happy", "sad", "angry", "surprised", "disgusted", "fear")
DETAILS: tuple[Detail, ...] = ("render", "source")
EXAMPLES = Path(__file__).parents[1] / "examples"
MEASURED_EVERY = 4
SECONDS = 1.2


def read(path: Path) -> np.ndarray:
    """RGB uint8 ``[n, H, W, 3]``."""
    info = probe_video(path)
    with FrameReader(info, rgb_size=(info.width, info.height)) as reader:
        return np.stack([frame.planes[0] for frame in reader])


def write(path: Path, frames: np.ndarray) -> Path:
    size = f"{frames.shape[2]}x{frames.shape[1]}"
    command = [find_ffmpeg(), "-loglevel", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24"]
    command += ["-s", size, "-r", "25", "-i", "-", "-c:v", "libx264", "-qp", "0"]
    command += ["-pix_fmt", "yuv444p", str(path)]
    subprocess.run(command, input=frames.tobytes(), check=True)
    return path


def oval(shape: tuple[int, int], square: np.ndarray) -> np.ndarray:
    """bool ``[H, W]``: the face in a square (centre x, y, side)."""
    x, y, side = (float(v) for v in square)
    mask, centre = np.zeros(shape, np.uint8), (round(x), round(y + 0.03 * side))
    cv2.ellipse(mask, centre, (round(0.3 * side), round(0.37 * side)), 0, 0, 360, 1, -1)
    return mask > 0


def psnr(a: np.ndarray, b: np.ndarray, face: np.ndarray) -> float:
    error = (a.astype(np.float32) - b)[:, face]
    return float(10 * np.log10(255**2 / np.mean(np.square(error))))


def grey(frame: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)


def sharpness(frames: np.ndarray, face: np.ndarray) -> float:
    found = [cv2.Laplacian(grey(f).astype(np.float32), cv2.CV_32F)[face].var() for f in frames]
    return float(np.mean(found[::MEASURED_EVERY]))


def flicker(frames: np.ndarray, face: np.ndarray) -> float:
    """Mean difference of neighbouring frames after their motion is taken out, in grey levels."""
    return float(flickering(frames)[face].mean())


def flickering(frames: np.ndarray) -> np.ndarray:
    """The same of every pixel, ``[H, W]``."""
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    height, width = frames.shape[1:3]
    at = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).astype(np.float32)
    found = np.zeros((height, width), np.float64)
    for before, after in pairwise(frames):
        start = np.zeros((height, width, 2), np.float32)
        flow = dis.calc(grey(after), grey(before), start)
        moved = cv2.remap(before, at + flow, None, cv2.INTER_LINEAR)  # type: ignore[call-overload]
        found += np.abs(moved.astype(np.float32) - after).mean(-1)
    return found / (len(frames) - 1)


def drawn(editor: EmotionEditor, folder: Path, people: int, size_px: int) -> None:
    rows: dict[str, list[list[float]]] = {}
    for index in range(people):
        subject = Person(FIRST_SEED + index, neutral_clip(FIRST_SEED + index, SECONDS))
        video = write(folder / "in.mkv", frames_of(subject.clip, size_px))
        shown = read(video)
        face = oval(shown.shape[1:3], np.array([size_px / 2, size_px / 2, size_px]))
        for emotion in EMOTIONS:
            true = frames_of(subject.true_clip(emotion), size_px)
            vector = ear(editor, write_speech(emotion, index, folder), subject)
            base = (sharpness(shown, face), flicker(shown, face))
            cells = [psnr(shown, true, face), flicker(true, face) / base[1]]
            for detail in DETAILS:
                edit(editor, video, vector, folder / "out.mkv", detail)
                out = read(folder / "out.mkv")
                cells += [psnr(out, true, face), sharpness(out, face) / base[0]]
                cells += [flicker(out, face) / base[1]]
            rows.setdefault(emotion, []).append(cells)
    print(f"\n{people} drawn people, {size_px} px: PSNR of the face against the true drawing, dB;")
    print("sharpness and flicker as ratios to the input's")
    print(f"{'':12}input true-fl | render  sharp  flick | source  sharp  flick")
    means = {emotion: np.mean(values, axis=0) for emotion, values in rows.items()}
    for name, row in [*means.items(), ("all", np.mean(list(means.values()), axis=0))]:
        print(f"{name:12}{row[0]:5.2f}  {row[1]:5.2f}  |" + cells_of(row[2:]))


def cells_of(row: np.ndarray) -> str:
    return " |".join(f" {a:6.2f} {b:6.2f} {c:6.2f}" for a, b, c in row.reshape(-1, 3))


def frames_of(clip: AvatarClip, size_px: int) -> np.ndarray:
    return np.stack([clip.frame(i, size_px) for i in range(len(clip))])


def ear(editor: EmotionEditor, speech: Path, person: Person) -> np.ndarray:
    listen = editor.speech_encoder.feature
    return listen(decode_audio(speech)) - listen(person.clip.wave)


def edit(
    editor: EmotionEditor, video: Path, emotion: np.ndarray | Path, output: Path, detail: Detail
) -> float:
    """-> frames a second, from reading the file to the finished one."""
    connector = editor.model.connector
    asked = emotion if isinstance(emotion, Path) else SpeechEmotion(connector, emotion)
    options = EditOptions(overwrite=True, crf=0, lips="video", detail=detail)
    result = editor.edit(video, asked, output, options=options)
    return result.frames / result.stages_s["rendering"]


def real(editor: EmotionEditor, folder: Path, clip: Path) -> None:
    shown = read(clip)
    placement = editor.read(clip, EditOptions(lips="video")).people[0].placement
    face = oval(shown.shape[1:3], placement.squares[len(shown) // 2])
    base = (sharpness(shown, face), flicker(shown, face))
    print(f"\n{clip.name}: sharpness and flicker in the face, ratios to the input's")
    for emotion in EMOTIONS:
        cells = []
        for detail in DETAILS:
            edit(editor, clip, EXAMPLES / f"voices/{emotion}.wav", folder / "out.mkv", detail)
            out = read(folder / "out.mkv")
            found = (sharpness(out, face) / base[0], flicker(out, face) / base[1])
            cells.append(f"{detail} {found[0]:.2f} {found[1]:.2f}")
        print(f"{emotion:12}" + "   ".join(cells))


def speed(editor: EmotionEditor, folder: Path) -> None:
    small, large = EXAMPLES / "neutral.mp4", folder / "hd.mkv"
    command = [find_ffmpeg(), "-loglevel", "error", "-y", "-i", str(small)]
    command += ["-vf", "scale=720:720,pad=1280:720:280:0", "-c:a", "copy", "-crf", "12", str(large)]
    subprocess.run(command, check=True)
    print("\n1280x720, crf 0, frames a second of the rendering pass (decode, paint, encode)")
    for detail in (*DETAILS, *DETAILS):
        rate = edit(editor, large, EXAMPLES / "voices/happy.wav", folder / "out.mkv", detail)
        print(f"{detail:8}{rate:6.1f}")


def cost(weights: Path, folder: Path) -> None:
    """Seconds a frame of reading and rendering, published sizes (the weights may be random)."""
    editor = EmotionEditor.from_weights(weights)
    clip, dim = folder / "short.mkv", editor.model.connector.speech_dim
    command = [find_ffmpeg(), "-loglevel", "error", "-y", "-i", str(EXAMPLES / "neutral.mp4")]
    subprocess.run([*command, "-t", "0.6", "-crf", "0", str(clip)], check=True)
    emotion = SpeechEmotion(editor.model.connector, np.ones(dim, np.float32))
    print("\npublished sizes, seconds a frame: reading + rendering")
    seen: dict[str, list[float]] = {detail: [] for detail in DETAILS}
    for detail in (*DETAILS, *DETAILS):
        options = EditOptions(overwrite=True, detail=detail, face_detector="none")
        editor = EmotionEditor(editor.model)  # a reader that has read nothing
        result = editor.edit(clip, emotion, folder / "out.mkv", options=options)
        stages = [result.stages_s[name] / result.frames for name in ("reading", "rendering")]
        seen[detail].append(sum(stages))
        print(f"{detail:8}{stages[0]:7.3f} + {stages[1]:.3f}")
    print(f"source over render: {min(seen['source']) / min(seen['render']):.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="*", type=Path)
    parser.add_argument("--people", type=int, default=6)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--cost", type=Path, metavar="WEIGHTS", help="published sizes, only that")
    given = parser.parse_args()
    if given.cost is not None:
        with tempfile.TemporaryDirectory() as temporary:
            cost(given.cost, Path(temporary))
        raise SystemExit
    mini = EmotionEditor.from_weights(model="mini")
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        speed(mini, work)
        for clip in given.clips:
            real(mini, work, clip)
        if given.people:
            drawn(mini, work, given.people, given.size)
