"""``make demo``: edit the example clip with two emotions and show the results side by side.

Needs nothing but this checkout: the mini model and the examples ship with it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from cmet_cli import CmetError, EditOptions, EmotionEditor
from cmet_cli.media.pictures import write_picture
from cmet_cli.media.probe import probe_video
from cmet_cli.media.reader import FrameReader

HERE = Path(__file__).parent
OUT = HERE.parent / "demo"
EMOTIONS = ("happy", "sarcastic")
MOMENTS = (0.12, 0.3, 0.48, 0.66, 0.84)  # of the clip's length
ROW_LABEL_PX = 22


def frames_of(path: Path) -> list[np.ndarray]:
    """RGB frames of a clip at the shown moments."""
    info = probe_video(path)
    with FrameReader(info, rgb_size=(info.width, info.height)) as reader:
        frames = [frame.planes[0] for frame in reader]
    return [frames[int(len(frames) * m)] for m in MOMENTS]


def contact_sheet(rows: dict[str, Path]) -> np.ndarray:
    """One labelled row per video. RGB uint8."""
    strips = []
    for label, path in rows.items():
        strip = np.hstack(frames_of(path))
        bar = np.full((ROW_LABEL_PX, strip.shape[1], 3), 32, np.uint8)
        font = cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(bar, label, (6, ROW_LABEL_PX - 7), font, 0.5, (255,) * 3, 1, cv2.LINE_AA)
        strips += [bar, strip]
    return np.vstack(strips)


def main() -> None:
    OUT.mkdir(exist_ok=True)
    video = HERE / "neutral.mp4"
    editor = EmotionEditor.from_weights(model="mini")
    rows = {"neutral (the input)": video}
    for emotion in EMOTIONS:
        voice, output = HERE / "voices" / f"{emotion}.wav", OUT / f"{emotion}.mp4"
        result = editor.edit(video, voice, output, options=EditOptions(overwrite=True))
        print(f"{result.output}: {result.frames} frames in {result.elapsed_s:.1f} s")
        rows[f"asked for: {emotion} (by examples/voices/{voice.name})"] = output
    sheet = OUT / "sheet.png"
    write_picture(contact_sheet(rows), sheet, overwrite=True)
    print(f"{sheet}: the three side by side")


if __name__ == "__main__":
    try:
        main()
    except CmetError as error:
        sys.exit(f"demo failed: {error}")
