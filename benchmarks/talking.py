"""Whether mouths that are given new words open when these do.

``python benchmarks/talking.py WHO [WHO ...] --speech WORDS.wav [...] [--emotion happy ...]``:
everybody, a picture by itself or a clip that is dubbed, says everything; printed is how the opening
of the lips, read off the result by the small model's encoder, goes with what it hears in the words
(correlation), and how far it swings beside that (ratio of standard deviations).
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np

from cmet_cli import EditOptions, EmotionEditor
from cmet_cli.media.audio import audio_chunks

PICTURES = (".png", ".jpg", ".jpeg")


def opening(editor: EmotionEditor, lips: np.ndarray) -> np.ndarray:
    """Lip codes ``[n, lip]`` -> how far lips are apart ``[n]``."""
    jaw = editor.backend.layout.jaw
    assert jaw is not None
    return lips @ jaw.spoken


def compare(
    editor: EmotionEditor, who: Path, words: Path, emotion: str, output: Path
) -> tuple[float, float]:
    """-> correlation, ratio of spread."""
    asked = EditOptions(overwrite=True, crf=0, emotion=emotion, speech=words)
    if who.suffix.lower() in PICTURES:
        editor.edit(None, None, output, options=replace(asked, identity_image=who))
    else:
        editor.edit(who, None, output, options=replace(asked, fit="cut"))
    shown = editor.read(output, EditOptions(lips="video")).people[0].codes
    seen = opening(editor, shown[:, editor.backend.layout.lip_slice])
    heard = opening(editor, editor.backend.lips(audio_chunks(words, "speech")))
    n = min(len(seen), len(heard))
    seen, heard = seen[:n], heard[:n]
    return float(np.corrcoef(seen, heard)[0, 1]), float(seen.std() / heard.std())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("who", nargs="+", type=Path)
    parser.add_argument("--speech", nargs="+", type=Path, required=True)
    parser.add_argument("--emotion", nargs="+", default=["happy", "sad"])
    given = parser.parse_args()
    model, rows = EmotionEditor.from_weights(model="mini"), []
    with tempfile.TemporaryDirectory() as temporary:
        for who, words, emotion in product(given.who, given.speech, given.emotion):
            rows.append(compare(model, who, words, emotion, Path(temporary) / "out.mkv"))
            print(f"{who.name:36}{words.stem:22}{emotion:10}{rows[-1][0]:7.2f}{rows[-1][1]:7.2f}")
    print("mean correlation {:.2f}, spread {:.2f}".format(*np.mean(rows, 0)))
