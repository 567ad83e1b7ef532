"""The real clips beside the checkout, where they exist, and scripted stand-ins for detectors."""

import functools
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from cmet_cli.faces.detection import Detection

SHARED = Path(__file__).resolve().parents[3] / "shared"
CROPPED = SHARED / "media" / "talking_cropped_256_25fps.mp4"
UNCROPPED = SHARED / "media" / "talking_uncropped_450_25fps.mp4"
YUNET = SHARED / "models" / "face_detection_yunet_2023mar.onnx"

needs_media = pytest.mark.skipif(
    not (CROPPED.is_file() and UNCROPPED.is_file() and YUNET.is_file()),
    reason="the real clips are not beside this checkout",
)


@functools.cache
def frames(path):
    """All frames of a clip: uint8 [n, H, W, 3]."""
    import imageio_ffmpeg

    side = int(re.search(r"_(\d+)_25fps", path.name)[1])
    argv = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path)]
    argv += ["-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"]
    raw = subprocess.run(argv, check=True, capture_output=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, side, side, 3)


class Scripted:
    """A detector that answers with the next list of boxes, whatever it sees."""

    name = "scripted"

    def __init__(self, script):
        self.script = iter(script)

    def detect(self, rgb):
        return [Detection(*box, 0.9) for box in next(self.script)]


def scene(seed):
    """A picture unlike those of other seeds: uint8 [72, 128, 3]."""
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 16, 3), np.uint8)
    return coarse.repeat(8, axis=0).repeat(8, axis=1)


def track(script, scenes=None):
    """Run a tracker over scripted boxes at 25 fps; ``scenes``: a seed per frame."""
    from cmet_cli.faces.follow import Tracker

    tracker = Tracker(Scripted(script))
    for seed in scenes or [0] * len(script):
        tracker.add(scene(seed))
    return tracker.finish(np.arange(len(script)) / 25)
