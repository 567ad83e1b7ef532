"""A Hub that lies, met by the command line; and code hidden in models."""

from __future__ import annotations

import functools
import io
import os
import pickle
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from arena import Box
from cases import Allowed, Attack, Case, Command, Plan
from hub_server import HTML, HubServer, answer, endless, is_download

Prepare = Callable[[Box, random.Random], Plan]
AUDIO2LIP = "pretrained_weights/Audio2Lip.pt"


@functools.cache
def published() -> dict[tuple[str, str, str], bytes]:
    """The one file that is asked for, in its published size, filled with figures."""
    import standin
    import torch

    from cmet_cli.weights.registry import CMET_REPO

    buffer = io.BytesIO()
    torch.save(standin.checkpoint("audio2lip"), buffer)
    return {("model", CMET_REPO, AUDIO2LIP): buffer.getvalue()}


def download(hub: HubServer) -> dict[str, Any]:
    """A command's parts."""
    argv = ["download-weights", "--dir", "weights", "--only", "audio2lip", "--quiet"]
    return {"argv": argv, "environment": {"HF_ENDPOINT": hub.url, "HF_TOKEN": "secret"}}


def _page(handler) -> bool:
    return answer(handler, body=HTML, Content_Type="text/html", ETag='"x"')


def _page_for_file(handler) -> bool:
    size = len(next(iter(published().values())))
    body = (HTML * (size // len(HTML) + 1))[:size]
    return is_download(handler) and answer(handler, body=body)


def _endless(handler) -> bool:
    return is_download(handler) and endless(handler)


def _short(handler) -> bool:
    return is_download(handler) and answer(handler, body=b"PK\3\4")


def _stated(size: int) -> Callable[..., bool]:
    def wrong(handler) -> bool:
        return handler.command == "HEAD" and answer(
            handler, X_Repo_Commit=handler.hub.commit, ETag=f'"{"0" * 64}"',
            X_Linked_Size=str(size),
        )  # fmt: skip

    return wrong


def _redirect(where: str) -> Callable[..., bool]:
    def redirect(handler) -> bool:
        target = where or handler.path
        return is_download(handler) and answer(handler, 302, Location=target)

    return redirect


def _garbage(handler) -> bool:
    handler.wfile.write(os.urandom(4096))
    handler.close_connection = True
    return True


def _hang_up(handler) -> bool:
    handler.connection.shutdown(2)
    handler.close_connection = True
    return True


def _status(code: int) -> Callable[..., bool]:
    return lambda handler: answer(handler, code)


HUBS: dict[str, Callable[..., bool]] = {
    "HTML everywhere": _page,
    "HTML for the file": _page_for_file,
    "endless bytes": _endless,
    "few bytes": _short,
    "a negative size": _stated(-5),
    "a size of no disk": _stated(10**18),
    "another size": _stated(10**6),
    "a redirect to itself": _redirect(""),
    "a redirect to a file": _redirect("file:///etc/passwd"),
    "a redirect to nobody": _redirect("http://127.0.0.1:9/x"),
    "garbage": _garbage,
    "no answer but an end": _hang_up,
    "500": _status(500), "429": _status(429), "403": _status(403), "404": _status(404),
    "204": _status(204), "304": _status(304),
}  # fmt: skip


def _hub(name: str) -> Prepare:
    def prepare(box: Box, rng: random.Random) -> Plan:
        hub = box.closing.enter_context(HubServer(published(), hostile=HUBS[name]))
        return Plan([Command(**download(hub))], Allowed(()))

    return prepare


def _evil_hub(box: Box, rng: random.Random) -> Plan:
    """The right digest, and code in the pickle."""
    from cmet_cli.weights.registry import CMET_REPO

    files = {("model", CMET_REPO, AUDIO2LIP): pickled(box, "audio2lip", old=False)}
    hub = box.closing.enter_context(HubServer(files))
    return Plan([Command(**download(hub))], Allowed(()))


def hubs(count: int) -> list[Case]:
    cases = [Case(name, _hub(name)) for name in HUBS]
    return [Case("a pickle with code", _evil_hub), *cases]


# ---------------------------------------------------------------- payloads


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, call: Callable[..., object], *words: object) -> None:
        self._call, self._words = call, words

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self._call, self._words


def payloads(box: Box) -> list[Payload]:
    touch = f"open({str(box.payload)!r}, 'w')"
    return [
        Payload(os.system, f"touch {box.payload}"),
        Payload(eval, touch),
        Payload(exec, touch),
        Payload(open, str(box.payload), "w"),
        Payload(getattr, Payload(__import__, "os"), "getcwd"),
        Payload(Path.touch, box.payload),
    ]


def pickled(box: Box, key: str, *, old: bool, which: int = 0) -> bytes:
    import torch

    buffer = io.BytesIO()
    content = {key: {"w": torch.zeros(2), "x": payloads(box)[which]}, "args": payloads(box)[0]}
    torch.save(content, buffer, _use_new_zipfile_serialization=not old)
    return buffer.getvalue()


PICKLES = {"edtalk": ("pretrained_weights/EDTalk.pt", "gen"),
           "audio2lip": (AUDIO2LIP, "audio2lip"),
           "connector": ("checkpoints/_epoch_2105_checkpoint_step000200000.pth", "state_dict"),
           }  # fmt: skip
YAMLS = (
    "",  # the published one, see _real
    '!!python/object/apply:os.system ["touch {payload}"]\n',
    "model: !!python/object/apply:builtins.open [{payload}, w]\nmodel_conf: {{}}\n",
    "model: Emotion2vec\nmodel_conf: ${{oc.create:${{oc.env:HOME}}}}\n",
    "model: Emotion2vec\ninit_param: {payload}\nmodel_conf:\n  modalities:\n    audio:\n"
    "      feature_encoder_spec: open('{payload}', 'w') and [(512, 10, 5)]\n",
    "model: Emotion2vec\nhub: ms\ntrust_remote_code: true\nremote_code: {payload}.py\n",
    "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n"
    "d: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nmodel: [*e,*e,*e,*e,*e]\n",
)


def _real(box: Box) -> str:
    """The published configuration, with code where FunASR evaluates it."""
    import standin

    code = f"open('{box.payload}', 'w') and [(512, 10, 5)]"
    text, times = re.subn(
        r"feature_encoder_spec: *.*", lambda _: f'feature_encoder_spec: "{code}"',
        standin.CONFIG.read_text(),
    )  # fmt: skip
    assert times
    return text


def _weights(box: Box, without: str) -> Path:
    folder = box.inputs / "weights"
    shutil.copytree(box.materials.weights, folder)
    for name in without.split():
        (folder / name).unlink()
    return folder


def _pickle(name: str, old: bool, which: int) -> Prepare:
    def prepare(box: Box, rng: random.Random) -> Plan:
        folder = _weights(box, f"{name}.safetensors")
        path, key = PICKLES[name]
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(pickled(box, key, old=old, which=which))
        return Plan([Command(box.edit(weights_dir=folder, emotion_audio=box.materials.voice))])

    return prepare


def _npy(which: int, suffix: str) -> Prepare:
    def prepare(box: Box, rng: random.Random) -> Plan:
        buffer = io.BytesIO()
        evil = np.empty(12, object)
        evil[:] = [payloads(box)[which]] * 12
        if suffix == ".pkl":  # NumPy takes a bare pickle for an array file too
            buffer.write(pickle.dumps(evil))
        else:
            np.save(buffer, evil, allow_pickle=True)
        return Plan([Command(box.edit(emotion_audio=box.put("evil.npy", buffer.getvalue())))])

    return prepare


def _speech(text: str, evil: bool) -> Prepare:
    """A model of ours without its own speech encoder, so that FunASR's folder is read."""

    def prepare(box: Box, rng: random.Random) -> Plan:
        import json

        from cmet_cli.weights.registry import SPEECH_FOLDER

        folder = _weights(box, "speech.safetensors")
        config = json.loads((folder / "config.json").read_text())
        config.pop("speech")
        (folder / "config.json").write_text(json.dumps(config))
        speech = folder / SPEECH_FOLDER
        speech.mkdir(parents=True)
        (speech / "config.yaml").write_text(text.format(payload=box.payload) or _real(box))
        (speech / "model.pt").write_bytes(pickled(box, "model", old=evil))
        return Plan([Command(box.edit(weights_dir=folder, emotion_audio=box.materials.voice))])

    return prepare


def payload_cases(count: int) -> list[Case]:
    cases = [Case(f"{n}{' (old format)' * old}, {w}", _pickle(n, bool(old), w))
             for n in PICKLES for old in (0, 1) for w in range(6)]  # fmt: skip
    cases += [Case(f"objects in {s}, {w}", _npy(w, s)) for s in (".npy", ".pkl") for w in range(6)]
    cases += [Case(f"YAML {i}", _speech(text, True)) for i, text in enumerate(YAMLS)]
    random.Random(0).shuffle(cases)
    return cases


# ---------------------------------------------------------------- rows

CELLS = ("", "..", "/etc/passwd", "../../x.mp4", "a\0b", "\x1b[31m", "=cmd|' /C calc'!A0", "nan",
         "1e999", "-" * 300, "true", "all", "'; drop table rows; --", "\u202e", "$(touch x)", '"""',
         "NULL", "{{7*7}}", "<script>alert(1)</script>", "http://127.0.0.1:9/x", "s3://a/b",
         "/dev/zero", "CON", "%s%n", "\ud7ff\uffff", "out.mp4", "v.mp4")  # fmt: skip


def _rows(rows: int, suffix: str, dry: bool) -> Prepare:
    def prepare(box: Box, rng: random.Random) -> Plan:
        import csv
        import json

        names = ["video", "emotion_audio", "neutral_audio", "output", "intensity", "face", "crf",
                 "paste", "save_codes", "lips"]  # fmt: skip
        table = ({n: rng.choice(CELLS) for n in names} for _ in range(rows))
        path = box.inputs / f"rows{suffix}"
        with path.open("w", encoding="utf-8", newline="") as file:
            if suffix == ".jsonl":
                file.writelines(json.dumps(row) + "\n" for row in table)
            else:
                writer = csv.DictWriter(file, names, delimiter="\t" if suffix == ".tsv" else ",")
                writer.writeheader()
                writer.writerows(table)
        argv = ["batch", path, "--weights-dir", box.materials.weights, "--output-dir", "made"]
        argv += ["--dry-run"] if dry else []
        return Plan([Command(argv)], Allowed(()))

    return prepare


def manifests(count: int) -> list[Case]:
    cases = [
        Case(f"200 rows, {i}", _rows(200, suffix, dry))
        for i, (suffix, dry) in enumerate([(".csv", True), (".tsv", False), (".jsonl", False)])
    ]
    return [*cases, Case("100,000 rows", _rows(100_000, ".csv", False))]


ATTACKS = [
    Attack("a hostile Hub", hubs, count=len(HUBS) + 1, sample=2, weight=22),
    Attack("code in models", payload_cases, count=55, sample=4, weight=32),
    Attack("hostile manifests", manifests, count=4, sample=1, weight=25),
]
