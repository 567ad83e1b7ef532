"""How many emotional clips an ear names right.

``python benchmarks/ear.py FOLDER``: recordings or saved features (.npy) called ``EMOTION_*``; the
differences are taken from the mean of those called ``neutral_*``. Recordings are heard by the small
encoder that ships and compared with its presets. Features of emotion2vec+ are compared with each
other: every clip with the means of the others, itself left out.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

from cmet_cli.emotion.hearing import hear
from cmet_cli.emotion.presets import Known, Presets, preset_of, presets_for
from cmet_cli.emotion.speech.choose import encoder_name, load_speech_encoder
from cmet_cli.emotion.speech.clips import clip_feature
from cmet_cli.weights.folder import inspect_folder, mini_folder

NAMES = ("angry", "contempt", "disgusted", "fear", "happy", "neutral", "sad", "surprised")


def report(what: str, found: list[tuple[str, str]]) -> None:
    right = sum(asked == named for asked, named in found)
    print(f"{what}: {right} of {len(found)} named right; rows: asked, columns: named")
    names = [name for name in NAMES if name != "neutral"]
    print(" " * 10 + "".join(f"{name[:8]:>9}" for name in names))
    for asked in names:
        counts = [found.count((asked, named)) for named in names]
        print(f"{asked:10}" + "".join(f"{count:9}" for count in counts))


def small_ear(clips: dict[str, list[Path]]) -> None:
    weights = inspect_folder(mini_folder())
    ear = load_speech_encoder(weights, torch.device("cpu"))
    presets = presets_for(weights, encoder_name(weights))
    start = np.mean([clip_feature(ear, clip) for clip in clips["neutral"]], axis=0)
    found = []
    for name in NAMES:
        for clip in clips[name] if name != "neutral" else ():
            feature = clip_feature(ear, clip)
            found.append((name, hear(feature - start, feature, presets, NAMES).shares[0][0]))
    report("the encoder that ships", found)


def saved_features(clips: dict[str, list[Path]]) -> None:
    features = {name: [np.load(clip) for clip in clips[name]] for name in NAMES}
    found = []
    for name in NAMES:
        for k, feature in enumerate(features[name] if name != "neutral" else ()):
            known = []
            for other in NAMES:
                rows = [f for i, f in enumerate(features[other]) if (other, i) != (name, k)]
                known.append(Known(preset_of(other, np.stack(rows), "e", ""), "published"))
            presets = Presets(known, "e")
            vector = feature - presets.by_name["neutral"].preset.mean
            found.append((name, hear(vector, feature, presets).shares[0][0]))
    report("emotion2vec+ features", found)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    for suffix, listen in ((".wav", small_ear), (".npy", saved_features)):
        grouped: dict[str, list[Path]] = defaultdict(list)
        for path in sorted(parser.parse_args().folder.glob(f"*{suffix}")):
            grouped[path.name.split("_")[0]].append(path)
        if all(grouped[name] for name in NAMES):
            listen(grouped)
