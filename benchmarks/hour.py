"""Peak memory of editing ten seconds, ten minutes and an hour. Should be the same.

``python benchmarks/hour.py [SECONDS ...]``: the full-size path with networks of the published sizes
(random weights): speech features, connector and lip network are the real ones; visual encoder and
renderer are replaced by ones that hand the picture through, or the hour would take days on a CPU.
Prints peak resident memory of a fresh process per length, and the ratios.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from memory import make_clip

LENGTHS_S = (10.0, 600.0, 3600.0)
FPS = 5  # the sound, and with it lips and emotion, keep their full rate
CHILD = """
import json, resource, sys
from pathlib import Path
import numpy as np, torch
from cmet_cli import EditOptions, EmotionEditor
from cmet_cli.backends.devices import Compute
from cmet_cli.backends.edtalk.audio2lip import Audio2Lip
from cmet_cli.backends.edtalk.backend import CmetConnector, EDTalkBackend
from cmet_cli.backends.edtalk.model_config import ModelConfig
from cmet_cli.backends.edtalk.connector import Connector
from cmet_cli.backends.edtalk.layers import fold_weights
from cmet_cli.backends.edtalk.networks import EDTalk
from cmet_cli.model import Model
from cmet_cli.weights.folder import Weights

class HandsThrough(EDTalkBackend):
    def encode(self, images):
        return images.flatten(1)[:, : self.layout.dim].clone()
    def prepare(self, images):
        return images
    def render(self, source, codes):
        return (source.expand(len(codes), -1, -1, -1) * 0.9).contiguous()

torch.manual_seed(0)
folder = Path(sys.argv[1]).parent
device = torch.device("cpu")
networks = [fold_weights(n) for n in (EDTalk(), Audio2Lip(), Connector())]
backend = HandsThrough(networks[0], networks[1], ModelConfig(), Compute(device, "fp32", 0))
model = Model(backend, CmetConnector(networks[2], 1.0, device), Weights(folder), lambda: Ear())
class Ear:
    dim, name = 1024, "saved features only"
for name in ("a", "b"):
    np.save(folder / f"{name}.npy", np.random.default_rng(len(name)).normal(size=1024).astype("f4"))
r = EmotionEditor(model).edit(
    sys.argv[1], folder / "a.npy", sys.argv[2], neutral=folder / "b.npy",
    options=EditOptions(
        overwrite=True, face_detector=sys.argv[3], lips="audio", detail="render"))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"frames": r.frames, "edited": r.frames_edited, "lips": r.lips,
                  "elapsed_s": r.elapsed_s, "peak_mib": round(peak / 1024),
                  "stages_s": r.stages_s}))
"""


def measure(video: Path, detector: str = "haar") -> dict[str, float]:
    command = [sys.executable, "-c", CHILD, str(video), str(video.with_suffix(".mkv")), detector]
    environment = os.environ | {"OMP_WAIT_POLICY": "PASSIVE"}  # as the command line sets it
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if run.returncode:
        sys.exit(run.stderr[-2000:])
    return json.loads(run.stdout.splitlines()[-1])


def main() -> None:
    lengths = [float(a) for a in sys.argv[1:]] or list(LENGTHS_S)
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        for seconds in lengths:
            video = make_clip(Path(folder), seconds, size=(320, 180), face_px=150, fps=FPS)
            rows[seconds] = measure(video)
            print(f"{seconds:7.0f} s: {json.dumps(rows[seconds])}", flush=True)
            video.unlink()
            video.with_suffix(".mkv").unlink()
    first = rows[lengths[0]]["peak_mib"]
    for seconds in lengths[1:]:
        print(f"peak memory, {seconds:.0f} s over {lengths[0]:.0f} s: ", end="")
        print(f"{rows[seconds]['peak_mib'] / first:.3f}")


if __name__ == "__main__":
    main()
