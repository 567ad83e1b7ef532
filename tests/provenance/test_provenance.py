"""Signing with a self-made authority, checking, and the statement beside a result."""

from __future__ import annotations

import datetime
import http.server
import json
import os
import struct
import subprocess
import threading
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cmet_cli import EditOptions, EmotionEditor
from cmet_cli.errors import MediaError, UsageError
from cmet_cli.media.program import bundled_ffmpeg
from cmet_cli.provenance import credentials, seal
from cmet_cli.provenance.credentials import Signer, read_credentials, sign
from cmet_cli.provenance.statement import MOST_BYTES, SOURCE_TYPE, read_sidecar
from cmet_cli.weights.record import sha256_of

EXAMPLE = Path(__file__).parents[2] / "examples" / "neutral.mp4"
#: On prime239v1, which the package cryptography does not have.
ODD_KEY = """-----BEGIN PRIVATE KEY-----
MIGBAgEAMBMGByqGSM49AgEGCCqGSM49AwEEBGcwZQIBAQQeYOS+CpmCVpNYqaw6
akKY7/ijWb6uALRHStUOiQrsoUADPgAECY0nMfSWev6D6lCH9D6denisVk1FZgF5
c8z7WvEcXjrHqSnp4zX3KC/KppcIZlmgohWfVPpF9K+rAjlm
-----END PRIVATE KEY-----
"""
ODD_CERTIFICATE = """-----BEGIN CERTIFICATE-----
MIIBajCCARWgAwIBAgIUQIxTCP0+CiKR15yzM8cND6uJA5kwCgYIKoZIzj0EAwIw
DjEMMAoGA1UEAwwDb2RkMCAXDTI2MTEyODE0MDA1OVoYDzIxMjYxMTA0MTQwMDU5
WjAOMQwwCgYDVQQDDANvZGQwVTATBgcqhkjOPQIBBggqhkjOPQMBBAM+AAQJjScx
9JZ6/oPqUIf0Pp16eKxWTUVmAXlzzPta8RxeOsepKenjNfcoL8qmlwhmWaCiFZ9U
+kX0r6sCOWajUzBRMB0GA1UdDgQWBBT8Qrxpcw26v+YJwWPAkdaNBQm/TDAfBgNV
HSMEGDAWgBT8Qrxpcw26v+YJwWPAkdaNBQm/TDAPBgNVHRMBAf8EBTADAQH/MAoG
CCqGSM49BAMCA0MAMEACHghFHHijOLBji//wdWHgWTZV4iHFOVDdesfhYm6JBAIe
eqnM2M+TiAd7/mNruk3q8ihSmC7OPd7MtSRQVs2x
-----END CERTIFICATE-----
"""
_PEM, _DAY = serialization.Encoding.PEM, datetime.timedelta(days=1)


def named(common: str) -> x509.Name:
    pairs = ((NameOID.ORGANIZATION_NAME, "studio"), (NameOID.COMMON_NAME, common))
    return x509.Name([x509.NameAttribute(*pair) for pair in pairs])


def certificate(common, issuer=None, days=30):
    """A certificate and its key; issuer: the same of its authority (None: it is one)."""
    key, authority = ec.generate_private_key(ec.SECP256R1()), issuer is None
    above, above_key = issuer or (None, key)
    now = datetime.datetime.now(datetime.timezone.utc)
    names = [
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "encipher_only",
        "decipher_only",
    ]
    usage = x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        **dict.fromkeys(names, False),
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(named(common))
        .issuer_name(above.subject if above else named(common))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 9 * _DAY)
        .not_valid_after(now + days * _DAY)
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(above_key.public_key()),
            critical=False,
        )
    )
    if not authority:
        wanted = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(wanted, critical=False)
    return builder.sign(above_key, hashes.SHA256()), key


def key_pem(key, password=None):
    locked = serialization.BestAvailableEncryption(password) if password else None
    return key.private_bytes(
        _PEM, serialization.PrivateFormat.PKCS8, locked or serialization.NoEncryption()
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """ca.pem, cert.pem, key.pem, other.pem (another authority), and a second of the example."""
    folder = tmp_path_factory.mktemp("provenance")
    authority = certificate("authority")
    signer = certificate("signer", authority)
    chain = [one.public_bytes(_PEM) for one in (signer[0], authority[0])]
    (folder / "ca.pem").write_bytes(chain[1])
    (folder / "cert.pem").write_bytes(b"".join(chain))
    (folder / "key.pem").write_bytes(key_pem(signer[1]))
    (folder / "locked.pem").write_bytes(key_pem(signer[1], b"secret"))
    (folder / "other.pem").write_bytes(certificate("stranger")[0].public_bytes(_PEM))
    old = certificate("old", authority, days=-2)
    (folder / "old.pem").write_bytes(old[0].public_bytes(_PEM))
    (folder / "old_key.pem").write_bytes(key_pem(old[1]))
    root = certificate("root")  # signs for itself, which C2PA does not take
    (folder / "root.pem").write_bytes(root[0].public_bytes(_PEM))
    (folder / "root_key.pem").write_bytes(key_pem(root[1]))
    (folder / "odd_key.pem").write_text(ODD_KEY)
    (folder / "odd.pem").write_text(ODD_CERTIFICATE)
    (folder / "wrong.pem").write_bytes(key_pem(ec.generate_private_key(ec.SECP256R1())))
    command = [bundled_ffmpeg(), "-loglevel", "error", "-i", str(EXAMPLE), "-t", "1"]
    subprocess.run([*command, "-c:a", "copy", str(folder / "in.mp4")], check=True)
    return folder


@pytest.fixture(scope="module")
def editor():
    return EmotionEditor.from_weights(model="mini")


def edited(editor, folder, name, **options):
    options = {"sign_cert": folder / "cert.pem", "sign_key": folder / "key.pem", **options}
    chosen = EditOptions(emotion="happy", overwrite=True, **options)
    editor.edit(folder / "in.mp4", None, folder / name, options=chosen)
    return folder / name


@pytest.fixture(scope="module")
def signed(editor, folder):
    return edited(editor, folder, "signed.mp4", intensity=0.8, ease_in=0.4)


def test_a_signed_result_is_valid_and_by_its_authority_trusted(folder, signed):
    found = read_credentials(signed)
    assert (found.state, found.problems) == ("valid", ())
    assert found.signer == "signer, studio"
    assert found.tool.startswith("cmet ")
    assert found.parent == "in.mp4"
    assert read_credentials(signed, folder / "ca.pem").state == "trusted"
    assert read_credentials(signed, folder / "other.pem").state != "trusted"


def test_it_says_what_was_done(folder, signed):
    import c2pa

    said = read_credentials(signed).said
    assert said["prompt"] == "happy"
    assert said["intensity"] == 0.8
    assert said["original"] == {"file": "in.mp4", "sha256": sha256_of(folder / "in.mp4")}
    assert set(said["models"]["sha256"]) >= {"edtalk.safetensors", "connector.safetensors"}
    (span,) = said["edited_s"]
    assert 0 < span[0] < 0.2  # it eases in
    assert span[1] > 0.9
    with signed.open("rb") as file, c2pa.Reader("video/mp4", file) as reader:
        manifest = reader.get_active_manifest()
    (actions,) = [a["data"]["actions"] for a in manifest["assertions"] if "actions" in a["label"]]
    assert [action["action"] for action in actions] == ["c2pa.opened", "c2pa.edited"]
    assert actions[1]["digitalSourceType"] == SOURCE_TYPE
    assert [i["relationship"] for i in manifest["ingredients"]] == ["parentOf"]


def test_a_touched_file_is_invalid(folder, signed):
    data = bytearray(signed.read_bytes())
    data[-2000] ^= 1
    touched = folder / "touched.mp4"
    touched.write_bytes(data)
    found = read_credentials(touched, folder / "ca.pem")
    assert found.state == "invalid"
    assert any("hash" in problem.lower() for problem in found.problems)


def test_pictures_and_sound_are_as_without(editor, folder, signed):
    plain = edited(
        editor, folder, "plain.mp4", sign_cert=None, sign_key=None, intensity=0.8, ease_in=0.4
    )
    command = [bundled_ffmpeg(), "-loglevel", "error", "-i"]
    hashes = [
        subprocess.run([*command, str(p), "-f", "streamhash", "-"], capture_output=True, check=True)
        for p in (plain, signed)
    ]
    assert hashes[0].stdout == hashes[1].stdout
    assert read_credentials(plain) is None


def test_an_original_with_a_manifest_of_its_own_stays_inside(editor, folder, signed):
    again = folder / "again.mov"
    options = EditOptions(
        emotion="sad", sign_cert=folder / "cert.pem", sign_key=folder / "key.pem", overwrite=True
    )
    editor.edit(signed, None, again, options=options)
    found = read_credentials(again, folder / "ca.pem")
    assert (found.state, found.parent) == ("trusted", "signed.mp4")
    assert found.said["prompt"] == "sad"


def test_a_sidecar_says_the_same_and_of_which_file(editor, folder):
    output = edited(editor, folder, "beside.mkv", sign_cert=None, sign_key=None, sidecar=True)
    said, same = read_sidecar(output)
    assert same
    assert said["prompt"] == "happy"
    assert said["edited_s"] == [[0.0, pytest.approx(1.0)]]
    assert json.loads((folder / "beside.mkv.cmet.json").read_text()) == said
    output.write_bytes(output.read_bytes() + b"\0")
    assert read_sidecar(output)[1] is False
    (folder / "beside.mkv.cmet.json").write_text("[")
    assert read_sidecar(output) is None


@pytest.mark.parametrize(
    ("certificate_file", "key_file", "said"),
    [
        ("cert.pem", None, "both needed"),
        (None, "key.pem", "both needed"),
        ("cert.pem", "locked.pem", "locked"),
        ("cert.pem", "cert.pem", "no private key"),
        ("key.pem", "key.pem", "no certificate"),
        ("cert.pem", "wrong.pem", "not the key of the certificate"),
        ("old.pem", "old_key.pem", "not valid now"),
        ("root.pem", "root_key.pem", "cannot be signed with"),
        ("none.pem", "key.pem", "not found"),
        ("cert.pem", "odd_key.pem", "a kind of key that is not known"),
        ("odd.pem", "key.pem", "a certificate of a kind of key that is not known"),
    ],
)
def test_what_cannot_sign_is_told_before_work_begins(
    editor, folder, certificate_file, key_file, said
):
    files = {"sign_cert": certificate_file, "sign_key": key_file}
    options = {name: folder / file for name, file in files.items() if file}
    with pytest.raises(UsageError, match=said):
        editor.edit(
            folder / "in.mp4",
            None,
            folder / "no.mp4",
            options=EditOptions(emotion="happy", **options),
        )
    assert not list(folder.glob("no*"))


def test_a_container_without_room_for_a_manifest_is_refused(editor, folder):
    with pytest.raises(UsageError, match=r"\.mkv cannot hold"):
        edited(editor, folder, "no.mkv")
    assert not list(folder.glob("no*"))


def test_a_kind_of_key_that_c2pa_does_not_know(tmp_path, folder):
    path = tmp_path / "key.pem"
    path.write_bytes(key_pem(ec.generate_private_key(ec.SECP256K1())))
    with pytest.raises(UsageError, match="does not know"):
        Signer.of(folder / "cert.pem", path)


def test_the_command(cmet, folder, signed, tmp_path):
    run = cmet("verify", signed, "--anchors", folder / "ca.pem")
    assert run.returncode == 0, run.stderr
    assert "trusted: untouched since it was signed, by somebody you trust" in run.stdout
    assert "signed by: signer, studio" in run.stderr
    stranger = cmet("verify", signed, "--anchors", folder / "other.pem")
    assert stranger.returncode == 1
    nothing = cmet("verify", folder / "in.mp4", "--json")
    assert nothing.returncode == 1
    assert json.loads(nothing.stdout) == {"manifest": None, "sidecar": None}
    made = cmet(
        "edit", "-v", folder / "in.mp4", "--emotion", "happy", "--sidecar", "-q",
        "--sign", folder / "cert.pem", folder / "key.pem", "-o", "out.mp4",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    told = json.loads(cmet("verify", "out.mp4", "--json").stdout)
    assert told["manifest"]["state"] == "valid"
    assert told["sidecar"]["same_file"] is True
    assert "not found" in cmet("verify", "none.mp4").stderr
    assert {p.name for p in tmp_path.glob("out*")} == {"out.mp4", "out.mp4.cmet.json"}


@pytest.mark.parametrize(
    ("asked", "whole"),
    [
        ({"detail": "render", "intensity": 0.0}, True),
        ({"detail": "render", "emotion": "", "timeline": "plan.csv"}, True),
        ({"intensity": 0.0}, False),
        ({"emotion": "", "timeline": "plan.csv"}, False),
    ],
)
def test_a_face_that_is_drawn_counts_as_edited(editor, folder, asked, whole):
    """Also where no number of its expression changes."""
    (folder / "plan.csv").write_text("start,end,emotion,ease\n0.2,0.4,happy,0\n")
    if "timeline" in asked:
        asked = {**asked, "timeline": folder / "plan.csv"}
    options = EditOptions(**{"emotion": "happy", "overwrite": True, "sidecar": True, **asked})
    editor.edit(folder / "in.mp4", None, folder / "drawn.mp4", options=options)
    said, _ = read_sidecar(folder / "drawn.mp4")
    assert (said["edited_s"] == [[0.0, pytest.approx(1.0)]]) is whole


def test_whose_face_and_whose_words_are_told_by_content(editor, folder):
    picture, speech = folder / "face.png", EXAMPLE.parent / "voices" / "happy.wav"
    command = [bundled_ffmpeg(), "-loglevel", "error", "-y", "-i", str(EXAMPLE)]
    subprocess.run([*command, "-frames:v", "1", str(picture)], check=True)
    part = speech.with_name("happy.wav@0-0.8")
    options = EditOptions(identity_image=picture, speech=part, overwrite=True, sidecar=True)
    editor.edit(None, None, folder / "talks.mp4", options=options)
    said, _ = read_sidecar(folder / "talks.mp4")
    for name, path in (("identity_image", picture), ("speech_replaced_by", speech)):
        assert said[name] == {"file": path.name, "sha256": sha256_of(path)}


@pytest.fixture
def tracking(tmp_path):
    """A picture that says its manifest lies on a server, and what that was asked for."""
    asked = list[str]()

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_):
            pass

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    with http.server.HTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        place = f"http://127.0.0.1:{server.server_port}/m.c2pa"
        packet = (
            '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
            'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
            f'xmlns:dcterms="http://purl.org/dc/terms/" dcterms:provenance="{place}"/>'
            "</rdf:RDF></x:xmpmeta>"
        )
        plain = cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
        head = 8 + 25  # signature and header
        said = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet.encode())
        path = tmp_path / "tracking.png"
        path.write_bytes(plain[:head] + said + plain[head:])
        yield path, asked
        server.shutdown()


def test_nobody_is_asked_for_a_manifest(folder, signed, tracking, tmp_path):
    """Whoever made a file would learn who reads it, or signs an edit of it."""
    picture, asked = tracking
    found = read_credentials(picture)
    assert found.state == "invalid"
    assert "lies elsewhere" in found.problems[0]
    result = tmp_path / "again.mp4"
    result.write_bytes((folder / "in.mp4").read_bytes())
    said = read_credentials(signed).said
    sign(result, picture, said, Signer.of(folder / "cert.pem", folder / "key.pem"))
    assert read_credentials(result).parent == "tracking.png"
    assert asked == []


# ---------------------------------------------------------------- odd files


def made_by_ffmpeg(path, *words):
    subprocess.run(
        [bundled_ffmpeg(), "-loglevel", "error", "-y", "-i", EXAMPLE, *words, path], check=True
    )
    return path


@pytest.fixture(scope="module")
def signer(folder):
    return Signer.of(folder / "cert.pem", folder / "key.pem")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("matroska.mp4", "-t 0.4 -f matroska"),
        ("stream.mp4", "-t 0.4 -f mpegts"),
        ("png.jpg", "-frames:v 1 -c:v png -f image2pipe"),
    ],
)
def test_an_original_that_is_not_what_its_name_says(folder, signed, signer, tmp_path, name, words):
    original = made_by_ffmpeg(tmp_path / name, *words.split())
    result = tmp_path / "result.mp4"
    result.write_bytes((folder / "in.mp4").read_bytes())
    sign(result, original, read_credentials(signed).said, signer)
    found = read_credentials(result, folder / "ca.pem")
    assert (found.state, found.parent) == ("trusted", name)


def test_an_edit_of_a_file_whose_name_is_no_text(editor, folder, tmp_path):
    video = tmp_path / os.fsdecode(b"in\xff.mp4")
    video.write_bytes((folder / "in.mp4").read_bytes())
    options = EditOptions(
        emotion="happy", sign_cert=folder / "cert.pem", sign_key=folder / "key.pem", sidecar=True
    )
    editor.edit(video, None, tmp_path / "out.mp4", options=options)
    found = read_credentials(tmp_path / "out.mp4")
    assert (found.state, found.parent) == ("valid", "in?.mp4")
    assert read_sidecar(tmp_path / "out.mp4")[0]["original"]["file"] == "in?.mp4"


@pytest.mark.parametrize("appears", ["", "out.mp4"])
def test_nothing_stays_of_an_edit_that_fails_last(editor, folder, tmp_path, monkeypatch, appears):
    """In signing, or because somebody has made a file of that name meanwhile."""

    def last(*_):
        if not appears:
            raise MediaError("signing failed")
        (tmp_path / appears).write_bytes(b"theirs")

    monkeypatch.setattr(seal, "sign", last)
    options = EditOptions(
        emotion="happy",
        sign_cert=folder / "cert.pem",
        sign_key=folder / "key.pem",
        save_codes=tmp_path / "codes.npz",
        sidecar=True,
    )
    with pytest.raises((MediaError, UsageError), match=r"signing failed|output exists"):
        editor.edit(folder / "in.mp4", None, tmp_path / "out.mp4", options=options)
    assert [p.name for p in tmp_path.iterdir()] == ([appears] if appears else [])
    assert not appears or (tmp_path / appears).read_bytes() == b"theirs"


DEEP = '{"notice": "", "prompt": "", "intensity": 1, "edited_s": [], "more": %s}'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty"),
        ("[", "cannot be read"),
        ("[" * 200_000, "cannot be read"),
        ("\0" * (MOST_BYTES + 1), "is larger than 16 MiB"),
        ('{"notice": "yes", "result": {"sha256": ""}}', "not a statement"),
        (DEEP % ("[" * 300 + "]" * 300), "not a statement"),
    ],
)
def test_a_sidecar_that_cannot_be_read_is_none(tmp_path, text, why):
    result, told = tmp_path / "v.mp4", list[str]()
    result.write_bytes(b"video")
    result.with_name("v.mp4.cmet.json").write_text(text)
    assert read_sidecar(result, told.append) is None
    (line,) = told
    assert why in line
    assert "taken as none" in line
    assert len(line) <= 300


def test_no_sidecar_is_not_worth_a_word(tmp_path):
    told = list[str]()
    assert read_sidecar(tmp_path / ("v" * 251 + ".mp4"), told.append) is None
    assert told == []


def test_a_manifest_is_told_beside_a_sidecar_that_cannot_be_read(cmet, signed, tmp_path):
    (tmp_path / "v.mp4").write_bytes(signed.read_bytes())
    (tmp_path / "v.mp4.cmet.json").touch()
    run = cmet("verify", "v.mp4")
    assert run.returncode == 0, run.stderr
    assert "valid: untouched" in run.stdout
    assert "sidecar is empty: v.mp4.cmet.json; taken as none" in run.stderr


SAID = {"notice": "n", "prompt": "p", "intensity": 1.0, "edited_s": [[0.0, 1.0]]}


@pytest.mark.parametrize(
    "claimed",
    [
        ["notice", "prompt"],
        {"notice": "n"},
        SAID | {"intensity": "much"},
        SAID | {"edited_s": [1]},
        SAID | {"notice": ["n"]},
    ],
)
def test_whoever_signs_may_say_anything(folder, signer, tmp_path, monkeypatch, claimed):
    real = credentials._manifest

    def hostile(said, mime):
        manifest = real(said, mime)
        manifest["assertions"][1]["data"] = claimed
        return manifest

    result = tmp_path / "result.mp4"
    result.write_bytes((folder / "in.mp4").read_bytes())
    monkeypatch.setattr(credentials, "_manifest", hostile)
    sign(result, folder / "in.mp4", SAID | {"original": {"file": "in.mp4"}}, signer)
    found = read_credentials(result)
    assert (found.state, found.said) == ("valid", {})


def test_what_a_stranger_says_does_not_paint_the_terminal(folder, signer, tmp_path, cmet):
    result = tmp_path / "v.mp4"
    result.write_bytes((folder / "in.mp4").read_bytes())
    said = SAID | {"original": {"file": "in.mp4"}, "notice": "\x1b[2Ktrusted"}
    sign(result, folder / "in.mp4", said, signer)
    run = cmet("verify", "v.mp4")
    assert "notice:  [2Ktrusted" in run.stderr
    assert "\x1b" not in run.stderr
