"""Names, things that are no files, and media that no sane encoder makes."""

from __future__ import annotations

import os
import random
import struct
import threading
import zlib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from arena import Box
from cases import Allowed, Attack, Case, Command, Plan

# ---------------------------------------------------------------- names

NAMES: tuple[bytes, ...] = (
    b"with space", b"it's", b'"quoted"', b"two\nlines", b"tab\tand\rreturn", b"-dash", b"--help",
    b"-", b"caf\xe9", b"\xff\xfe", "\u00fc\U0001f600".encode(), b"a:b", b"%03d", b"$(touch x)",
    b";touch x", b"`touch x`", b"[red]bold", b"\x1b[31mred", b"*?", b"back\\slash", b"{}",
    b"x" * 240, "\u202egnp".encode(), b"a" + b".b" * 60, b"concat:a|b", b"pipe:0", b"file:x",
)  # fmt: skip
ROLES = ("video", "emotion_audio", "output", "faces", "preview")


def _named(name: bytes, role: str) -> Callable[[Box, random.Random], Plan]:
    def prepare(box: Box, rng: random.Random) -> Plan:
        suffix = {"emotion_audio": b".wav", "preview": b".png"}.get(role, b".mp4")
        path = Path(os.fsdecode(name[: 250 - len(suffix)] + suffix))
        good = box.materials.voice if role == "emotion_audio" else box.materials.clips["mp4"]
        if role in ("output", "preview"):
            more = ["--preview=2"] if role == "preview" else []
            return Plan([Command([*box.edit(output=path), *more])], Allowed((str(path),)))
        # Relative, so that a dash stays in front.
        (box.out / path).write_bytes(good.read_bytes())
        if role == "faces":
            argv = ["faces", "--face-detector=none", "-o", "out.png", "--", path]
            return Plan([Command(argv)], Allowed(("out.png",)))
        quiet = [w for w in box.edit(**{role: path}) if w != "--json"]  # as people read it
        return Plan([Command(quiet)])

    return prepare


def names(count: int) -> list[Case]:
    # Every name in two roles, every role with many names.
    pairs = [(n, ROLES[(i + k) % len(ROLES)]) for k in (0, 2) for i, n in enumerate(NAMES)]
    random.Random(0).shuffle(pairs)
    return [Case(f"{role} {name!r}", _named(name, role)) for name, role in pairs]


# ---------------------------------------------------------------- what is no file


def _fifo(box: Box, suffix: str) -> Path:
    path = box.inputs / f"pipe{suffix}"
    os.mkfifo(path)
    return path


def _link(box: Box, suffix: str, target: str) -> Path:
    path = box.inputs / f"link{suffix}"
    path.symlink_to(target.format(suffix=suffix))
    return path


def _folder(box: Box, suffix: str) -> Path:
    path = box.inputs / f"folder{suffix}"
    path.mkdir()
    return path


NO_FILES: dict[str, Callable[[Box, str], Path]] = {
    "FIFO": _fifo,
    "folder": _folder,
    "device": lambda box, suffix: Path("/dev/zero"),
    "null device": lambda box, suffix: Path("/dev/null"),
    "terminal": lambda box, suffix: Path("/dev/tty"),
    "symlink loop": lambda box, suffix: _link(box, suffix, "link{suffix}"),
    "dangling symlink": lambda box, suffix: _link(box, suffix, "nowhere{suffix}"),
    "too long": lambda box, suffix: box.inputs / ("x" * 300 + suffix),
    "below a file": lambda box, suffix: box.put("file", b"x") / f"y{suffix}",
    "empty": lambda box, suffix: box.put(f"empty{suffix}", b""),
    "/proc/self/mem": lambda box, suffix: Path("/proc/self/mem"),
}
PLACES = ("video", "emotion_audio", "neutral_audio", "feature", "weights_dir", "output", "faces",
          "manifest", "config", "codes", "speech", "identity_image")  # fmt: skip


def _no_file(kind: str, place: str) -> Callable[[Box, random.Random], Plan]:
    def prepare(box: Box, rng: random.Random) -> Plan:
        suffixes = {"emotion_audio": ".wav", "neutral_audio": ".wav", "feature": ".npy",
                    "weights_dir": "", "manifest": ".csv", "codes": ".npz",
                    "speech": ".wav", "identity_image": ".png"}  # fmt: skip
        path = NO_FILES[kind](box, suffixes.get(place, ".mp4"))
        if place == "faces":
            return Plan([Command(["faces", "-o", "out.png", path])], Allowed(("out.png",)))
        if place == "manifest":
            argv = ["batch", path, "--dry-run", "--weights-dir", box.materials.weights]
            return Plan([Command(argv)], Allowed(()))
        if place == "config":
            weights = box.inputs / "weights"
            weights.mkdir()
            for file in box.materials.weights.glob("*.safetensors"):
                (weights / file.name).write_bytes(file.read_bytes())
            (weights / "config.json").symlink_to(path)
            return Plan([Command(box.edit(weights_dir=weights))])
        flag = {"feature": "emotion_audio", "codes": "save_codes"}.get(place, place)
        outputs = ("out.mp4",) if place != "output" else ()
        return Plan([Command(box.edit(**{flag: path}))], Allowed(outputs))

    return prepare


def no_files(count: int) -> list[Case]:
    pairs = [(k, p) for p in PLACES for k in NO_FILES]
    random.Random(0).shuffle(pairs)
    return [Case(f"{kind} as {place}", _no_file(kind, place)) for kind, place in pairs]


# ---------------------------------------------------------------- odd media


def claims(kind: str, side: int) -> bytes:
    """A picture of a few bytes that claims ``side`` x ``side`` pixels."""
    if kind == "png":
        parts = [(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))]
        parts += [(b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
        chunks = [n + d for n, d in parts]
        return b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in chunks
        )
    if kind == "bmp":
        head = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 24, 0, 0, 0, 0, 0, 0)
        return b"BM" + struct.pack("<IHHI", 1 << 20, 0, 0, 54) + head + bytes(1000)
    if kind == "gif":
        return b"GIF89a" + struct.pack("<HHBBB", side, side, 0x80, 0, 0) + bytes(1000)
    return b"P6 %d %d 255\n" % (side, side) + bytes(1000)


_PICTURE = "-f lavfi -i testsrc2=s=64x64:r=25:d={d}"
_SOUND = "-f lavfi -i sine=f=220:r=16000:d={d}"
_CODECS = "-c:v libx264 -preset ultrafast -bf 2 -pix_fmt yuv420p -c:a aac"


def _times(expression: str) -> str:
    bsf = f"setts=pts={expression.replace('T', 'PTS')}:dts={expression.replace('T', 'DTS')}"
    return f"-i {{clip}} -c copy -bsf:v {bsf.replace(',', chr(92) + ',')}"


ODD_MEDIA: dict[str, tuple[str, str]] = {
    "one frame": ("one.mp4", f"{_PICTURE.format(d=0.04)} {_CODECS}"),
    "one frame, long sound": (
        "one_long.mp4", f"{_PICTURE.format(d=0.04)} {_SOUND.format(d=30)} {_CODECS}"
    ),
    "no key frame": ("nokey.mkv", "-i {clip} -c copy -bsf:v noise=drop=eq(n\\,0)"),
    "late key frame": ("latekey.mkv", "-i {long} -c copy -bsf:v noise=drop=lt(n\\,3)"),
    "times from before zero": ("negative.mkv", "-i {clip} -c copy -output_ts_offset -1"),
    "times negative": ("negative.nut", _times("T-20")),
    "times jump ahead": ("ahead.mkv", _times("T+if(gte(T,200),3000,0)")),
    "times jump hours": ("hours.mkv", _times("T+if(gte(T,200),9000000,0)")),
    "times jump back": ("back.nut", "-i {clip} -c copy -bsf:v setts=ts=mod(N\\,5)*40"),
    "times all equal": ("equal.mkv", "-i {clip} -c copy -bsf:v setts=ts=0"),
    "sound far longer": (
        "longer.mp4", f"{_PICTURE.format(d=0.4)} {_SOUND.format(d=120)} {_CODECS}"
    ),
    "sound far shorter": (
        "shorter.mp4", f"{_PICTURE.format(d=4)} {_SOUND.format(d=0.05)} {_CODECS}"
    ),
    "sound only": ("sound.mp4", f"{_SOUND.format(d=1)} -c:a aac"),
    "picture of a song": (
        "song.m4a", f"{_SOUND.format(d=1)} {_PICTURE.format(d=0.04)} -c:a aac -c:v mjpeg "
        "-disposition:v attached_pic"
    ),
    "two pixels": ("two.mkv", "-f lavfi -i testsrc2=s=2x2:r=25:d=0.4 -c:v libx264"),
    "a thin strip": ("thin.mkv", "-f lavfi -i testsrc2=s=4x1000:r=25:d=0.2 -c:v libx264"),
    "a thousand a second": ("fast.mkv", "-f lavfi -i testsrc2=s=64x64:r=1000:d=0.1 -c:v libx264"),
    "one a minute": ("slow.mkv", "-f lavfi -i testsrc2=s=64x64:r=1/60:d=180 -c:v libx264"),
    "resolution changes": ("changes.h264", f"{_PICTURE.format(d=0.2)} -c:v libx264"),
}  # fmt: skip


#: How an odd file is used: as the video of an edit or a preview, as a dub's, as its speech, as the
#: face to move.
USES = ("edit", "preview", "dubbed", "as speech", "as a face")


def _odd(name: str, use: str) -> Callable[[Box, random.Random], Plan]:
    def prepare(box: Box, rng: random.Random) -> Plan:
        file, arguments = ODD_MEDIA[name]
        made = box.materials.folder / file
        if not made.exists():
            long = box.materials.make("long.mp4", f"{_PICTURE.format(d=2)} {_CODECS} -g 10")
            clip = box.materials.clips["mp4"]
            box.materials.make(file, arguments.format(clip=clip, long=long))
        video = box.put(file, made)
        if name == "resolution changes":
            box.materials.make("other.h264", "-f lavfi -i testsrc2=s=96x48:d=0.2 -c:v libx264")
            other = box.materials.folder / "other.h264"
            video = box.put(file, made.read_bytes() + other.read_bytes())
        voice, neutral = box.materials.voice, box.materials.feature
        if use == "dubbed":
            fit = rng.choice(["video", "loop", "bounce", "hold", "cut"])
            argv = box.edit(video=video, speech=voice, fit=fit, neutral_audio=neutral)
            return Plan([Command(argv)])
        if use == "as speech":
            return Plan([Command(box.edit(speech=video, fit="hold", neutral_audio=neutral))])
        if use == "as a face":
            argv = box.edit(video=None, identity_image=video, speech=voice, neutral_audio=neutral)
            return Plan([Command(argv)])
        if use == "preview":
            argv = box.edit(video=video, output="out.png")
            return Plan([Command([*argv, "--preview=3"])], Allowed(("out.png",)))
        return Plan([Command(box.edit(video=video, neutral_audio=box.materials.feature))])

    return prepare


def _claim(kind: str, name: str) -> Callable[[Box, random.Random], Plan]:
    def prepare(box: Box, rng: random.Random) -> Plan:
        return Plan([Command(box.edit(video=box.put(name, claims(kind, 60_000))))])

    return prepare


class _Listener(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.payload.touch()  # type: ignore[attr-defined]
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


def _playlist(text: str, name: str) -> Callable[[Box, random.Random], Plan]:
    """A text that makes a player open other files, or addresses: none may be asked."""

    def prepare(box: Box, rng: random.Random) -> Plan:
        server = HTTPServer(("127.0.0.1", 0), _Listener)
        server.payload = box.payload  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        box.closing.callback(server.server_close)
        box.closing.callback(server.shutdown)
        url = f"http://127.0.0.1:{server.server_address[1]}/x.ts"
        return Plan([Command(box.edit(video=box.put(name, text.format(url=url).encode())))])

    return prepare


PLAYLISTS = {
    "HLS to an address": ("#EXTM3U\n#EXTINF:1,\n{url}\n#EXT-X-ENDLIST\n", "v.m3u8"),
    "HLS called mp4": ("#EXTM3U\n#EXTINF:1,\n{url}\n#EXT-X-ENDLIST\n", "v.mp4"),
    "concat to an address": ("ffconcat version 1.0\nfile {url}\n", "v.ffconcat"),
    "concat of a system file": ("ffconcat version 1.0\nfile /etc/passwd\n", "v.mp4"),
    "SDP": ("v=0\nc=IN IP4 127.0.0.1\nm=video 9999 RTP/AVP 96\na=rtpmap:96 H264/90000\n", "v.sdp"),
    "DASH to an address": (
        '<?xml version="1.0"?><MPD type="static" mediaPresentationDuration="PT1S"><Period>'
        '<AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1">'
        "<BaseURL>{url}</BaseURL></Representation></AdaptationSet></Period></MPD>", "v.mpd"),
}  # fmt: skip


def odd_media(count: int) -> list[Case]:
    cases = [Case(f"{kind} that claims 60,000 x 60,000", _claim(kind, f"huge.{kind}"))
             for kind in ("png", "bmp", "gif", "ppm")]  # fmt: skip
    cases += [Case("huge PNG called mp4", _claim("png", "huge.mp4"))]
    cases += [Case(name, _playlist(*PLAYLISTS[name])) for name in PLAYLISTS]
    cases += [Case(f"{name}, {use}", _odd(name, use)) for use in USES for name in ODD_MEDIA]
    random.Random(0).shuffle(cases)
    return cases


ATTACKS = [
    Attack("odd names", names, count=2 * len(NAMES), sample=4, weight=40),
    Attack("no files", no_files, count=len(NO_FILES) * len(PLACES), sample=5, weight=35),
    Attack("odd media", odd_media, count=100, sample=3, weight=35),
]
