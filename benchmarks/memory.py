"""Peak memory of editing a long clip over that of a short one. Should be about 1.

``python benchmarks/memory.py [LONG_S] [SHORT_S]``: makes 720p clips from the avatar example, edits
both with the mini model in fresh processes and prints peak resident memory and their ratio.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from cmet_cli.media.ffmpeg import find_ffmpeg

EXAMPLES = Path(__file__).parents[1] / "examples"
CHILD = """
import json, resource, sys
from cmet_cli import EditOptions, EmotionEditor
r = EmotionEditor.from_weights(model="mini").edit(
    sys.argv[1], sys.argv[2], sys.argv[3], options=EditOptions(overwrite=True))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"frames": r.frames, "elapsed_s": r.elapsed_s, "peak_mib": peak / 1024,
                  "stages_s": r.stages_s}))
"""


def make_clip(
    folder: Path,
    seconds: float,
    size: tuple[int, int] = (1280, 720),
    face_px: int = 400,
    fps: int = 25,
) -> Path:
    """The example portrait in the middle of a larger picture, looped to a length."""
    (width, height), face = size, face_px
    place = f"pad={width}:{height}:{(width - face) // 2}:{(height - face) // 2}:gray"
    path = folder / f"{seconds:.0f}s.mp4"
    subprocess.run(
        [find_ffmpeg(), "-loglevel", "error", "-y", "-stream_loop", "-1"]
        + ["-i", str(EXAMPLES / "neutral.mp4"), "-t", str(seconds), "-c:a", "aac"]
        + ["-vf", f"fps={fps},scale={face}:{face},{place}", "-preset", "veryfast", str(path)],
        check=True,
    )
    return path


def measure(video: Path) -> dict[str, float]:
    voice = EXAMPLES / "voices" / "happy.wav"
    command = [sys.executable, "-c", CHILD, str(video), str(voice), str(video.with_suffix(".mkv"))]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(run.stdout.splitlines()[-1])


def main() -> None:
    long_s = float(sys.argv[1]) if len(sys.argv) > 1 else 600.0
    short_s = float(sys.argv[2]) if len(sys.argv) > 2 else 10.0
    with tempfile.TemporaryDirectory() as folder:
        rows = {s: measure(make_clip(Path(folder), s)) for s in (short_s, long_s)}
    for seconds, row in rows.items():
        print(f"{seconds:7.0f} s of 720p: {json.dumps(row)}")
    ratio = rows[long_s]["peak_mib"] / rows[short_s]["peak_mib"]
    print(f"peak memory, long over short: {ratio:.3f}")
    print(f"(this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB)")


if __name__ == "__main__":
    main()
