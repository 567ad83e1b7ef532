"""Whether each figure of ``cmet evaluate`` moves when an edit is made worse on purpose.

``python benchmarks/evaluate.py [CLIP ...]`` (default: the drawn example): each clip is edited
(happy), then spoilt: blurred, its sound moved by two frames, jittered, recoloured, darkened,
painted on outside the face, a frame left out. One row each; * marks what is worth a look.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path

from cmet_cli import EditOptions, EmotionEditor
from cmet_cli.evaluation.evaluate import Evaluator
from cmet_cli.evaluation.marks import MARKS as ALL_MARKS
from cmet_cli.evaluation.marks import OF_NETWORKS, Evaluation, shown
from cmet_cli.media.program import find_ffmpeg

EXAMPLE = Path(__file__).parents[1] / "examples/neutral.mp4"
MARKS = [mark for mark in ALL_MARKS if mark.name not in OF_NETWORKS]
LOSSLESS = ["-c:v", "libx264", "-qp", "0", "-preset", "veryfast", "-c:a", "copy"]
#: ffmpeg arguments between input and output.
SPOILT = {
    "untouched": "-vf null",
    "blurred": "-vf gblur=sigma=2",
    "sound two frames late": "",
    "jittered": "-vf crop=iw-4:ih-4:2+2*mod(n\\,2):2+2*mod(n\\,2),scale=iw+4:ih+4",
    "recoloured": "-vf colorchannelmixer=rr=1.15:bb=0.8",
    "darkened": "-vf eq=brightness=-0.08",
    "painted outside": "-vf drawbox=x=0:y=0:w=iw*0.12:h=ih*0.3:color=red:t=fill",
    "a frame left out": "-vf select=not(eq(n\\,20)) -fps_mode passthrough",
}


def run(*words: object) -> None:
    command = [find_ffmpeg(), "-loglevel", "error", "-y", *map(str, words)]
    subprocess.run(command, check=True)


def spoil(edit: Path, how: str, output: Path) -> None:
    if how == "sound two frames late":
        late = ["-itsoffset", "0.08", "-i", edit, "-map", "1:v", "-map", "0:a"]
        run(*late[:4], "-i", edit, *late[4:], "-c", "copy", output)
    else:
        run("-i", edit, *SPOILT[how].split(), *LOSSLESS, output)


def row(name: str, found: Evaluation) -> str:
    cells = []
    for mark in MARKS:
        text = shown(mark.name, found.values[mark.name]).split(" ")[0]
        cells.append(f"{text + ('*' if mark.name in found.flagged else ''):>9}")
    return f"{name:24}" + " ".join(cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="*", type=Path, default=[EXAMPLE])
    clips = parser.parse_args().clips
    editor = EmotionEditor.from_weights(model="mini")
    evaluator = Evaluator(editor.model)
    with tempfile.TemporaryDirectory() as folder:
        for clip in clips:
            print(f"\n{clip.name}\n{'':24}" + " ".join(f"{mark.name[:9]:>9}" for mark in MARKS))
            source, edit = Path(folder) / "in.mkv", Path(folder) / "edit.mkv"
            run("-i", clip, "-t", 3, *LOSSLESS, source)
            print(row("the input itself", evaluator(source, source)))
            options = EditOptions(emotion="happy", crf=0, overwrite=True)
            editor.edit(source, None, edit, options=options)
            for how in SPOILT:
                spoilt = Path(folder) / "spoilt.mkv"
                spoil(edit, how, spoilt)
                print(row(how, evaluator(source, spoilt, "happy")), flush=True)


if __name__ == "__main__":
    main()
