"""One talking clip in five guises: what comes back, and how much of it was touched.

``python benchmarks/any_video.py VIDEO VOICE [WEIGHTS_DIR]``: VIDEO is re-encoded at 29.97 frames a
second, with a variable rate, turned by 90 degrees in its metadata, and small and off-centre in a
1920x1080 picture. Each is edited losslessly (with the mini model, or the one in WEIGHTS_DIR) in a
process of its own. Printed per guise: frames in and out, largest error of a frame's time, whether
the sound's packets are the same, PSNR outside the face's mask, the mean step across the mask's
border in units of the original's own gradient there, and peak memory.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

from cmet_cli.backends.edtalk.crop_calibration import EDTALK_CROP
from cmet_cli.faces.blend import head_mask
from cmet_cli.media.ffmpeg import find_ffmpeg, run_short
from cmet_cli.media.probe import probe_video
from cmet_cli.media.reader import FrameReader

CHILD = """
import json, resource, sys
from pathlib import Path
from cmet_cli import EditOptions, EmotionEditor
video, voice, out, weights = sys.argv[1:5]
editor = EmotionEditor.from_weights(weights or None, model="auto" if weights else "mini")
options = EditOptions(crf=0, overwrite=True, save_codes=Path(out).with_suffix(".npz"))
r = editor.edit(video, voice, out, options=options)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps(r.as_dict() | {"peak_mib": round(peak)}))
"""
COMMON = "-c:v libx264 -preset veryfast -crf 16 -pix_fmt yuv420p -c:a copy"
GUISES = {
    "as it is": "-c copy",
    "29.97": f"-r 30000/1001 {COMMON}",
    "variable": f"-vf settb=1/1000,setpts='40*N+11*mod(N*N\\,5)' -fps_mode vfr "
    f"-enc_time_base 1:1000 {COMMON}",
    "rotated": None,
    "1080p": f"-vf scale=400:400,pad=1920:1080:1300:500:gray {COMMON}",
}


def ffmpeg(*arguments: str) -> None:
    subprocess.run([find_ffmpeg(), "-loglevel", "error", "-y", *arguments], check=True)


def make_guise(video: Path, folder: Path, name: str) -> Path:
    path = folder / f"{name.replace(' ', '_')}.mp4"
    tail = GUISES[name]
    if tail is None:
        turned = folder / "turned.mp4"  # lies on its side; the metadata turns it upright again
        ffmpeg("-i", str(video), "-vf", "transpose=1", *COMMON.split(), str(turned))
        ffmpeg("-display_rotation", "90", "-i", str(turned), "-c", "copy", str(path))
    else:
        ffmpeg("-i", str(video), *tail.replace("'", "").split(), str(path))
    return path


def packets(path: Path) -> list[str]:
    run = run_short(["-i", str(path), "-map", "0:a", "-c", "copy", "-f", "framehash", "-"])
    rows = [r.split(",") for r in run.stdout.decode().splitlines() if not r.startswith("#")]
    return [r[4] + r[5] for r in rows]


def compare(before: Path, after: Path) -> dict[str, object]:
    one, two = probe_video(before), probe_video(after)
    with np.load(after.with_suffix(".npz")) as codes:
        squares, heads = codes["square"], codes["head"]
    error, count, steps, own = 0.0, 0, [], []
    with FrameReader(one, timestamps=True) as a, FrameReader(two, timestamps=True) as b:
        for x, y in zip(a, b, strict=True):
            mask = mask_in_frame(squares[x.index], heads[x.index], x.planes[0].shape)
            old, new = (f.planes[0].astype(np.float32) for f in (x, y))
            outside = cv2.dilate(mask, np.ones((9, 9), np.uint8)) == 0
            error += float(((old - new) ** 2)[outside].sum())
            count += int(outside.sum())
            band = (mask > 0.02) & (mask < 0.5)
            if band.any():
                steps.append(gradient(new)[band].mean())
                own.append(gradient(old)[band].mean())
        times = [[float(t * i.time_base) for t in r.ticks] for i, r in ((one, a), (two, b))]
    worst = max(abs(s - t) for s, t in zip(*times, strict=True))
    psnr = "identical" if error == 0 else round(10 * np.log10(255**2 * count / error), 1)
    return {
        "size": f"{two.width}x{two.height}",
        "frames in/out": f"{len(times[0])}/{len(times[1])}",
        "worst time error (ms)": round(1000 * worst, 3),
        "sound identical": packets(before) == packets(after),
        "PSNR outside mask": psnr,
        "border step / own": round(float(np.mean(steps) / np.mean(own)), 2) if steps else None,
    }


def mask_in_frame(square: np.ndarray, head: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    if np.isnan(square[2]):
        return np.zeros(shape, np.float32)
    cx, cy, side = (float(v) for v in square)
    scale = side / 256
    move = np.array([[scale, 0, cx - side / 2], [0, scale, cy - side / 2]])
    return cv2.warpAffine(head_mask(256, EDTALK_CROP.face, *map(float, head)), move, shape[::-1])


def gradient(luma: np.ndarray) -> np.ndarray:
    return np.hypot(cv2.Sobel(luma, cv2.CV_32F, 1, 0), cv2.Sobel(luma, cv2.CV_32F, 0, 1)) / 8


def main() -> None:
    video, voice = Path(sys.argv[1]), Path(sys.argv[2])
    weights = sys.argv[3] if len(sys.argv) > 3 else ""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for guise in GUISES:
            before, after = make_guise(video, folder, guise), folder / "out.mp4"
            command = [sys.executable, "-c", CHILD, str(before), str(voice), str(after), weights]
            run = subprocess.run(command, capture_output=True, text=True, check=True)
            told = json.loads(run.stdout.splitlines()[-1])
            row = compare(before, after) | {
                "edited": told["frames_edited"],
                "peak MiB": told["peak_mib"],
                "s": told["elapsed_s"],
            }
            print(guise, json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
