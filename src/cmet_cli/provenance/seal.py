"""The last step of an edit: what was done is written into the result, and beside it."""

from __future__ import annotations

from pathlib import Path

from .credentials import Signer, sign
from .statement import Done, statement, write_sidecar


def seal(done: Done, part: Path, output: Path, signer: Signer | None) -> None:
    """part: the finished file under its temporary name; output: the name it will get."""
    said = statement(done)
    if signer is not None:
        sign(part, done.original, said, signer)
    if done.options.sidecar:
        write_sidecar(said, part, output, overwrite=done.options.overwrite)
