"""Seeded damage to files: cut, flipped, overwritten, with holes, with numbers made huge."""

from __future__ import annotations

import random


def mutated(data: bytes, seed: int) -> bytes:
    """The same file, broken in one of the ways that disks, networks and people have."""
    rng = random.Random(seed)
    content = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 5])):
        at = rng.randrange(min(len(content), rng.choice([64, 1024, len(content)])) or 1)
        kind = rng.choice(["cut", "flip", "hole", "huge", "insert", "repeat"])
        if kind == "cut":
            del content[max(at, 1) :]
        elif kind == "flip":
            content[at % len(content)] ^= 1 << rng.randrange(8)
        elif kind == "hole":
            content[at : at + rng.randrange(1, 64)] = b""
        elif kind == "huge":
            content[at : at + 8] = rng.choice([b"\xff" * 8, b"\xff" * 7 + b"\x7f", b"99999999"])
        elif kind == "insert":
            content[at:at] = rng.randbytes(rng.randrange(1, 32))
        else:
            content[at:at] = content[at : at + 64]
        content = content or bytearray(b"\0")
    return bytes(content)
