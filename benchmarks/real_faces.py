"""What a classifier of real expressions, which no training of ours has seen, makes of edits.

``python benchmarks/real_faces.py --judge facex.whl CLIP [CLIP ...] [-o sheets] [--keep-lips]``:
each clip is edited by name for six emotions at intensity 1 and 1.5; printed are the judge's mean
probability of the asked emotion before and after, the share of frames named so, and, as ratios to
the input's, sharpness and flicker in the face, and flicker without its lower third (a mouth that
talks is never followed exactly, and a larger one less). The judge (MIT, 2.6 MB) is in a wheel:

    pip download --no-deps facex==1.1.0 && pip install ai-edge-litert
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from difference import EMOTIONS, flickering, oval, read, sharpness

from cmet_cli import EditOptions, EmotionEditor
from cmet_cli.media.program import find_ffmpeg

LABELS = ("angry", "disgusted", "fear", "happy", "neutral", "sad", "surprised")
NETWORK = "facex/assets/model_optimized.tflite"
INTENSITIES = (1.0, 1.5)
EVERY, SIDE_PX, TILE_PX = 3, 200, 256
#: The mouth begins so far below the middle of a face's square, in shares of its side.
MOUTH = 0.1


class Judge:
    """A face square in grey -> probabilities of seven expressions."""

    def __init__(self, wheel: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        with zipfile.ZipFile(wheel) as archive:
            self._network = Interpreter(model_content=archive.read(NETWORK))
        self._network.allocate_tensors()
        self._into = self._network.get_input_details()[0]["index"]
        self._out = self._network.get_output_details()[0]["index"]
        cascade = Path(cv2.__file__).parent / "data/haarcascade_frontalface_default.xml"
        self._faces = cv2.CascadeClassifier(str(cascade))

    def square(self, rgb: np.ndarray) -> Sequence[int] | None:
        """x, y, width, height of the largest face."""
        found = self._faces.detectMultiScale(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), 1.1, 4)
        return max(found, key=lambda box: box[2]) if len(found) else None

    def __call__(self, rgb: np.ndarray, square: Sequence[int]) -> np.ndarray:
        x, y, wide, high = square
        face = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[y : y + high, x : x + wide]
        small = cv2.resize(face.astype(np.float32), (SIDE_PX, SIDE_PX)) / 255
        self._network.set_tensor(self._into, np.repeat(small[None, ..., None], 3, -1))
        self._network.invoke()
        return self._network.get_tensor(self._out)[0]


def judged(judge: Judge, frames: np.ndarray, squares: list[Sequence[int] | None]) -> np.ndarray:
    """Probabilities per frame, in the squares found in the input."""
    pairs = zip(frames, squares, strict=True)
    return np.stack([judge(frame, square) for frame, square in pairs if square is not None])


def measure(
    editor: EmotionEditor,
    judge: Judge,
    clip: Path,
    folder: Path,
    sheets: Path | None,
    keep_lips: bool,
) -> dict[float, list[float]]:
    """Print one clip's table; -> share of frames named as asked, by intensity."""
    shown = read(clip)
    squares = [judge.square(frame) for frame in shown[::EVERY]]
    before = judged(judge, shown[::EVERY], squares)
    placement = editor.read(clip, EditOptions(lips="video")).people[0].placement
    face = oval(shown.shape[1:3], placement.squares[len(shown) // 2])
    upper = face & above(face, placement.squares[len(shown) // 2])
    base, still = sharpness(shown, face), flickering(shown)
    named = {label: float((before.argmax(1) == k).mean()) for k, label in enumerate(LABELS)}
    print(f"\n{clip.name}, {len(before)} frames; input named {named}")
    print(f"{'':16}{'probability':>15}{'named':>15}  sharpness flicker, without mouth")
    shares: dict[float, list[float]] = {}
    rows = []
    for intensity in INTENSITIES:
        row = [shown[len(shown) // 2]]
        for emotion in EMOTIONS:
            output, k = folder / "out.mkv", LABELS.index(emotion)
            asked = EditOptions(
                overwrite=True, crf=0, emotion=emotion, intensity=intensity, keep_lips=keep_lips
            )
            editor.edit(clip, None, output, options=asked)
            out = read(output)
            after = judged(judge, out[::EVERY], squares)
            share, trembles = float((after.argmax(1) == k).mean()), flickering(out)
            shares.setdefault(intensity, []).append(share)
            print(
                f"{intensity:4} {emotion:11}{before[:, k].mean():7.2f} ->{after[:, k].mean():5.2f}"
                f"{named[emotion]:8.2f} ->{share:5.2f}"
                f"{sharpness(out, face) / base:10.2f}"
                f"{trembles[face].mean() / still[face].mean():8.2f}"
                f"{trembles[upper].mean() / still[upper].mean():8.2f}"
            )
            row.append(out[len(out) // 2])
        rows.append(np.hstack([cv2.resize(picture, (TILE_PX, TILE_PX)) for picture in row]))
    if sheets is not None:
        sheets.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(sheets / f"{clip.stem}.jpg"), np.vstack(rows)[..., ::-1])
    return shares


def above(face: np.ndarray, square: np.ndarray) -> np.ndarray:
    """bool ``[H, W]``: rows above the mouth of a face in a square (centre x, y, side)."""
    _, y, side = (float(v) for v in square)
    rows = np.arange(len(face))[:, None]
    return np.broadcast_to(rows < y + MOUTH * side, face.shape)


def cut(clip: Path, folder: Path, seconds: float) -> Path:
    """The beginning of a clip, lossless, without its sound."""
    output = folder / f"{clip.stem}.mkv"
    command = [find_ffmpeg(), "-loglevel", "error", "-y", "-i", str(clip), "-t", str(seconds)]
    subprocess.run([*command, "-c:v", "libx264", "-crf", "0", "-an", str(output)], check=True)
    return output


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--judge", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--weights-dir", type=Path)
    parser.add_argument("--keep-lips", action="store_true")
    parser.add_argument("-o", "--sheets", type=Path)
    given = parser.parse_args()
    model = EmotionEditor.from_weights(given.weights_dir, model="mini")
    total: dict[float, list[float]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        for path in given.clips:
            clip = cut(path, work, given.seconds)
            found = measure(model, Judge(given.judge), clip, work, given.sheets, given.keep_lips)
            for intensity, shares in found.items():
                total.setdefault(intensity, []).extend(shares)
    for intensity, shares in total.items():
        print(f"intensity {intensity}: {100 * np.mean(shares):.0f} % named as asked")
