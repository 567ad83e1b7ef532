"""Make everything in this folder anew: ``python examples/make_examples.py [FOLDER]``.

Drawn and spoken by the avatar world (`cmet avatar`) with people and voices that the mini model was
never trained on. The same seeds give the same pictures and samples.
"""

from __future__ import annotations

import csv
import sys
from fractions import Fraction
from pathlib import Path

from cmet_cli.lab.avatar.clip import make_clip
from cmet_cli.lab.avatar.clip_writer import Scene, write_clip

FACE, WIDE_FACE = 100_014, 100_021
SENTENCE, WIDE_SENTENCE = 100_033, 100_018
VOICES = {
    "neutral": 100_101,
    "happy": 100_102,
    "angry": 100_103,
    "sad": 100_104,
    "surprised": 100_105,
    "fear": 100_106,
    "disgusted": 100_107,
    "contempt": 100_108,
    "sarcastic": 100_111,
    "charismatic": 100_110,
}
EDITS = (("neutral.mp4", e, 1.0) for e in ("happy", "sad", "angry", "surprised", "sarcastic"))
WIDE_EDITS = (("wide.mp4", "happy", 1.0), ("wide.mp4", "charismatic", 1.2))


def main(folder: Path) -> None:
    (folder / "voices").mkdir(parents=True, exist_ok=True)
    talking = make_clip(
        identity_seed=FACE, voice_seed=FACE, emotion="neutral", level=1, seconds=5, seed=SENTENCE
    )
    write_clip(talking, folder / "neutral.mp4", overwrite=True)
    aside = make_clip(
        identity_seed=WIDE_FACE, voice_seed=WIDE_FACE, emotion="neutral", level=1, seconds=4,
        fps=Fraction(30000, 1001), seed=WIDE_SENTENCE,
    )  # fmt: skip
    write_clip(aside, folder / "wide.mp4", scene=Scene.wide(640, 360), overwrite=True)
    for emotion, seed in VOICES.items():
        voice = make_clip(
            identity_seed=seed, voice_seed=seed, emotion=emotion, level=3, seconds=3, seed=seed
        )
        write_clip(voice, folder / "voices" / f"{emotion}.wav", overwrite=True)
    with (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("video", "emotion_audio", "intensity", "output"))
        for video, emotion, intensity in (*EDITS, *WIDE_EDITS):
            output = f"out/{Path(video).stem}_{emotion}.mp4"
            rows.writerow((video, f"voices/{emotion}.wav", intensity, output))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
