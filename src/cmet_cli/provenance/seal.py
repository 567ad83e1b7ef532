"""The last step of an edit: what was done is written into the result, and beside it."""

from __future__ import annotations

from pathlib import Path

from .credentials import Signer, sign
from .statement import Done, statement, write_sidecar


def seal(done: Done, part: Path, sidecar: Path | None, signer: Signer | None) -> None:
    """part: the finished file under its temporary name; sidecar: the same of the statement beside
    it, None for none."""
    said = statement(done)
    if signer is not None:
        sign(part, done.original, said, signer)
    if sidecar is not None:
        write_sidecar(said, part, sidecar)
