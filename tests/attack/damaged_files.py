"""Mutated files in every role: cut, flipped, with holes, with atoms rewritten."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

from arena import Box
from cases import Allowed, Attack, Case, Command, Plan, old_output
from mutations import mutated

#: Names that a container's parts are found by; the numbers around them are sizes and counts.
MARKS = {
    "mp4": b"ftyp moov mvhd trak tkhd edts elst mdia mdhd hdlr minf stbl stsd avc1 avcC stts ctts "
    b"stss stsc stsz stco mp4a esds mdat udta".split(),
    "mkv": [
        # EBML, Segment, Info, TimestampScale, Duration, Tracks, TrackEntry and its parts
        b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67", b"\x15\x49\xa9\x66", b"\x2a\xd7\xb1",
        b"\x44\x89", b"\x16\x54\xae\x6b", b"\xae", b"\xd7", b"\x83", b"\x86", b"\x63\xa2",
        # Video and its width and height, Audio, Cluster, Timestamp, SimpleBlock, Cues
        b"\xe0", b"\xb0", b"\xba", b"\xe1", b"\xb5", b"\x1f\x43\xb6\x75", b"\xe7", b"\xa3",
        b"\x1c\x53\xbb\x6b",
    ],
    "wav": [b"RIFF", b"WAVE", b"fmt ", b"LIST", b"data"],
    "npy": [b"NUMPY", b"descr", b"'<f4'", b"order", b"shape", b"(12"],
    "safetensors": [b"dtype", b"shape", b"offsets", b"F32", b"[", b"0,"],
    "csv": [b"video", b",", b"\n", b"out", b"1.0", b"false"],
}  # fmt: skip
MARKS["webm"] = MARKS["mkv"]
EXTREMES = (b"\0" * 4, b"\xff" * 4, b"\x7f" + b"\xff" * 3, b"\0\0\0\1", b"\x80\0\0\0", b"9999")


def cut(data: bytes, rng: random.Random, suffix: str) -> bytes:
    return data[: rng.randrange(len(data))]


def flipped(data: bytes, rng: random.Random, suffix: str) -> bytes:
    content = bytearray(data)
    for _ in range(rng.choice([1, 4, 32])):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return bytes(content)


def holed(data: bytes, rng: random.Random, suffix: str) -> bytes:
    """Blocks that were never written, as after a crash."""
    size = rng.choice([16, 512, 4096])
    at = rng.randrange(max(1, len(data) - size))
    return data[:at] + bytes(min(size, len(data) - at)) + data[at + size :]


def rewritten(data: bytes, rng: random.Random, suffix: str) -> bytes:
    """The numbers beside a part's name made extreme, or the part given another's name."""
    present = [mark for mark in MARKS[suffix] if mark in data]
    mark = rng.choice(present)
    places = [i for i in range(len(data)) if data.startswith(mark, i)]
    at = rng.choice(places)
    if rng.random() < 0.2:
        other = rng.choice(present)
        return data[:at] + other + data[at + len(mark) :]
    before = suffix == "mp4" and rng.random() < 0.5  # a box's size stands before its name
    start = max(0, at - 4) if before else at + len(mark) + rng.randrange(0, 24)
    return data[:start] + rng.choice(EXTREMES) + data[start + 4 :]


def mixed(data: bytes, rng: random.Random, suffix: str) -> bytes:
    return mutated(data, rng.randrange(1 << 30))


KINDS: tuple[Callable[[bytes, random.Random, str], bytes], ...] = (
    cut, flipped, holed, rewritten, mixed
)  # fmt: skip
SUFFIXES = ("mp4", "mkv", "webm", "mp4", "wav", "mp4", "npy", "mkv", "safetensors", "csv")


def damage(count: int) -> list[Case]:
    cases = []
    for i in range(count):
        suffix, kind = SUFFIXES[i % len(SUFFIXES)], KINDS[(i // len(SUFFIXES)) % len(KINDS)]
        cases.append(Case(f"{i} {kind.__name__} {suffix}", _preparer(suffix, kind)))
    return cases


def _preparer(suffix: str, kind: Callable[..., bytes]) -> Callable[[Box, random.Random], Plan]:
    def prepare(box: Box, rng: random.Random) -> Plan:
        if suffix == "csv":
            return _manifest(box, rng, kind)
        if suffix == "safetensors":
            return _weights(box, rng, kind)
        source = {"wav": box.materials.voice, "npy": box.materials.feature}
        good = source.get(suffix) or box.materials.clips[suffix]
        bad = box.put(f"bad.{suffix}", kind(good.read_bytes(), rng, suffix))
        roles = ["emotion_audio", "neutral_audio"]
        if suffix not in source:
            roles += ["video"] * 6
            if rng.random() < 0.1:
                return _sheet(box, bad)
        changes = old_output(box, rng) | {rng.choice(roles): bad}
        return Plan([Command(_edit(box, changes))])

    return prepare


def _edit(box: Box, changes: dict[str, object]) -> list[object]:
    overwrite = ["--overwrite"] if changes.pop("overwrite", False) else []
    return [*box.edit(**changes), *overwrite]


def _sheet(box: Box, video: Path) -> Plan:
    argv = ["faces", "--json", "--face-detector", "none", "-o", "out.png", video]
    return Plan([Command(argv)], Allowed(("out.png",)))


def _weights(box: Box, rng: random.Random, kind: Callable[..., bytes]) -> Plan:
    folder = box.inputs / "weights"
    shutil.copytree(box.materials.weights, folder)
    name = rng.choice(["edtalk", "audio2lip", "connector", "speech", "config"])
    bad = folder / ("config.json" if name == "config" else f"{name}.safetensors")
    bad.write_bytes(kind(bad.read_bytes(), rng, "csv" if name == "config" else "safetensors"))
    return Plan([Command(box.edit(weights_dir=folder, emotion_audio=box.materials.voice))])


def _manifest(box: Box, rng: random.Random, kind: Callable[..., bytes]) -> Plan:
    """Only judged: what a batch does with rows is for its own attacks."""
    rows = "video,emotion_audio,output,intensity,overwrite\n"
    rows += f"{box.materials.clips['mp4']},{box.materials.voice},out1.mp4,1.0,false\n" * 2
    bad = box.put("rows.csv", kind(rows.encode(), rng, "csv"))
    argv = ["batch", bad, "--dry-run", "--json", "--weights-dir", box.materials.weights]
    return Plan([Command(argv)], Allowed(()))


ATTACKS = [Attack("mutated files", damage, count=500, sample=10, weight=100)]
