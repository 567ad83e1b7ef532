"""Real clips beside the checkout, where they exist; drawn people; a scripted detector."""

import functools
import re
import subprocess
from collections import deque
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
    """Follow scripted boxes by place at 25 fps; ``scenes``: a seed per frame."""
    from cmet_cli.faces.follow import FaceFollower

    follower = FaceFollower(Scripted(script), by_looks=False)
    for seed in scenes or [0] * len(script):
        follower.add(scene(seed))
    return follower.finish(np.arange(len(script)) / 25)


def follow(follower, film, ahead=0):
    """Give it all frames, told of so many before their turn; -> tracks at 25 fps."""
    coming = deque()
    for frame in film:
        follower.foresee(frame)
        coming.append(frame)
        if len(coming) > ahead:
            follower.add(coming.popleft())
    while coming:
        follower.add(coming.popleft())
    return follower.finish(np.arange(len(film)) / 25)


def drawn(seed, n, size=160, place=(60, 40), frame=(320, 240), **looks):
    """One shot of a drawn person who turns and talks a little: n uint8 [H, W, 3]."""
    from dataclasses import replace

    from cmet_cli.lab.avatar.face import draw
    from cmet_cli.lab.avatar.face_state import FaceState
    from cmet_cli.lab.avatar.identity import Identity

    who = replace(Identity.from_seed(seed), **looks)
    shots = []
    for k in range(n):
        state = FaceState.of(yaw=0.2 * k / n, opening=0.5 * (k % 4) / 4, corner_left=k / n)
        portrait = draw(who, state, size)
        shot = np.empty((frame[1], frame[0], 3), np.uint8)
        shot[:] = portrait[2:6].reshape(-1, 3).mean(axis=0)
        shot[place[1] : place[1] + size, place[0] : place[0] + size] = portrait
        shots.append(shot)
    return shots


def people_in(pictures, detector=None):
    """Everybody in a list of pictures at 25 fps, as the tool finds them."""
    from cmet_cli.faces.detectors import make_detector
    from cmet_cli.faces.follow import FaceFollower
    from cmet_cli.faces.people import number_people

    follower = FaceFollower(detector or make_detector("haar"))
    for picture in pictures:
        follower.add(picture)
    return number_people(follower.finish(np.arange(len(pictures)) / 25))


def write_video(path, pictures):
    """Pictures uint8 [H, W, 3] -> a lossless video at 25 fps."""
    from cmet_cli.media.ffmpeg import find_ffmpeg

    height, width = pictures[0].shape[:2]
    argv = [find_ffmpeg(), "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-r", "25"]
    argv += ["-s", f"{width}x{height}", "-i", "-", "-c:v", "libx264", "-qp", "0"]
    raw = np.stack(pictures).tobytes()
    subprocess.run([*argv, "-pix_fmt", "yuv444p", str(path)], input=raw, check=True)
    return path
