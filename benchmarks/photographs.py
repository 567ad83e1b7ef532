"""Many people at a glance: each emotion on each of many photographs, and what a classifier of real
expressions makes of them.

``python benchmarks/photographs.py --judge facex.whl PICTURE [PICTURE ...] [-o sheets]``: each
picture, of one face that looks about forward, stands still for three frames and is edited by name;
printed is the share of people named as asked before and at intensity 1 and 1.5, drawn are sheets
with everybody, an emotion a row. What is wrong on one person in five hides in two clips. The judge
is that of ``real_faces.py``, which says where it is.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import cv2
import numpy as np
from difference import EMOTIONS, read, write
from real_faces import INTENSITIES, LABELS, Judge, judged

from cmet_cli import EditOptions, EmotionEditor
from cmet_cli.errors import CmetError

SIDE_PX, FRAMES, TILE_PX, COLUMNS = 384, 3, 192, 10
#: By intensity (0: the input) and emotion a picture, RGB, and the index of what it is named.
Seen = dict[tuple[float, str], tuple[np.ndarray, int]]


def still(picture: Path, folder: Path) -> Path:
    """A lossless video of a picture, its longer side as above or less."""
    seen = cv2.imread(str(picture))
    if seen is None:
        raise SystemExit(f"{picture} is no picture")
    scale = SIDE_PX / max(seen.shape[:2])
    size = [2 * max(1, round(scale * side / 2)) for side in seen.shape[1::-1]]
    small = cv2.resize(seen, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    return write(folder / "still.mkv", np.repeat(small[None, ..., ::-1], FRAMES, 0))


def edited(editor: EmotionEditor, judge: Judge, picture: Path, folder: Path) -> Seen | None:
    """The picture before (at intensity 0) and after, and what the judge names it; None where it
    finds no face, or the tool does not."""
    clip = still(picture, folder)
    before = read(clip)[-1]
    squares = [judge.square(before)]
    if squares[0] is None:
        return None
    out: Seen = {(0.0, ""): (before, int(judged(judge, before[None], squares)[0].argmax()))}
    for intensity in INTENSITIES:
        for emotion in EMOTIONS:
            asked = EditOptions(overwrite=True, crf=0, emotion=emotion, intensity=intensity)
            try:
                editor.edit(clip, None, folder / "out.mkv", options=asked)
            except CmetError as error:
                print(f"{picture.name}: {error.message}")
                return None
            after = read(folder / "out.mkv")[-1]
            named = int(judged(judge, after[None], squares)[0].argmax())
            out[intensity, emotion] = after, named
    return out


def sheet(people: list[Seen], intensity: float) -> np.ndarray:
    """RGB: a column a person, a row an emotion."""
    rows = []
    for start in range(0, len(people), COLUMNS):
        some = people[start : start + COLUMNS]
        for key in ((0.0, ""), *((intensity, emotion) for emotion in EMOTIONS)):
            tiles = [cv2.resize(one[key][0], (TILE_PX, TILE_PX)) for one in some]
            empty = [np.zeros_like(tiles[0])] * (COLUMNS - len(tiles))
            rows.append(np.hstack([*tiles, *empty]))
    return np.vstack(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--judge", type=Path, required=True)
    parser.add_argument("--weights-dir", type=Path)
    parser.add_argument("-o", "--sheets", type=Path)
    given = parser.parse_args()
    model, sees = EmotionEditor.from_weights(given.weights_dir, model="mini"), Judge(given.judge)
    with tempfile.TemporaryDirectory() as temporary:
        found = [edited(model, sees, path, Path(temporary)) for path in given.pictures]
    everybody = [one for one in found if one is not None]
    print(f"{len(everybody)} people of {len(found)} pictures")
    for intensity in (0.0, *INTENSITIES):
        shares = []
        for emotion in EMOTIONS:
            key = (intensity, emotion if intensity else "")
            shares.append(np.mean([one[key][1] == LABELS.index(emotion) for one in everybody]))
        each = "  ".join(f"{e} {100 * s:.0f}" for e, s in zip(EMOTIONS, shares, strict=True))
        print(f"intensity {intensity}: {100 * np.mean(shares):.0f} % named as asked  ({each})")
        if intensity and given.sheets is not None:
            given.sheets.mkdir(parents=True, exist_ok=True)
            picture = sheet(everybody, intensity)
            cv2.imwrite(str(given.sheets / f"people_{intensity}.jpg"), picture[..., ::-1])
