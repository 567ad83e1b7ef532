"""A torchaudio built for another torch: one line that says which two, and what to do."""

import importlib.metadata
import subprocess
import sys

import pytest

# What the loader says of torchaudio 2.11.1 beside torch 2.11.0.
BUILT_FOR_ANOTHER = """
import sys
class Another:
    def find_spec(self, name, *_):
        if name == "torchaudio":
            raise OSError("Could not load this library: libtorchaudio.so")
sys.meta_path.insert(0, Another())
from cmet_cli.errors import CmetError
try:
    {code}
except CmetError as error:
    print(error.message, error.hint, sep="\\n")
"""


@pytest.mark.parametrize(
    "code",
    [
        "import cmet_cli.media.mel",
        "from cmet_cli.emotion.speech.emotion2vec import _auto_model_class as c; c()",
        "from cmet_cli.doctor import _torch; _torch()",
    ],
    ids=["spectrogram", "FunASR", "doctor"],
)
def test_both_are_named(code):
    run = subprocess.run(
        [sys.executable, "-c", BUILT_FOR_ANOTHER.format(code=code)],
        capture_output=True,
        text=True,
        check=True,
    )
    what, todo = run.stdout.splitlines()
    for name in ("torch", "torchaudio"):
        assert f"{name} {importlib.metadata.version(name)}" in what
    assert "libtorchaudio.so" in what
    pinned = [r for r in importlib.metadata.requires("cmet-cli") if r.startswith("torchaudio")]
    assert pinned[0] in todo, "what is advised is what the package asks for"
