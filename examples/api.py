"""The Python API in ten lines: ``python examples/api.py`` from anywhere."""

from pathlib import Path

from cmet_cli import EditOptions, EmotionEditor

here = Path(__file__).parent
editor = EmotionEditor.from_weights(model="mini")  # the networks load once
for emotion in ("happy", "sarcastic"):
    result = editor.edit(
        here / "neutral.mp4",
        emotion=here / "voices" / f"{emotion}.wav",
        output=f"neutral_{emotion}.mp4",
        options=EditOptions(intensity=1.0, overwrite=True),
    )
    print(result.output, f"{result.frames} frames in {result.elapsed_s:.1f} s")
