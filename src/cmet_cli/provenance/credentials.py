"""C2PA manifests, signed into a finished file and read from one; by the extra ``provenance``."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from .._version import __version__
from ..errors import MediaError, UsageError
from ..log import log
from .statement import SOURCE_TYPE, as_text, is_statement

#: Containers that can hold a manifest.
MIME = {".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime"}
#: What an original may be for its own manifest, if it has one, to be kept inside the new one.
ORIGINALS = {**MIME, ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png"}
LABEL = "org.cmet.edit"
_ORIGINAL = "original"
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
ES256_IS_USUAL = "ES256 is the usual one"
FIT = (
    "C2PA wants a certificate from an authority, with key usage digitalSignature, an extended key "
    "usage such as emailProtection, and key identifiers; above it in the file the authority's"
)
#: Whoever wrote a file is not to learn who looks at it, or to choose what is asked for.
OFFLINE = {"remote_manifest_fetch": False}
ELSEWHERE = "its manifest lies elsewhere, and nothing is fetched"
INSTALL = "pip install 'cmet-cli[provenance]'"


def _c2pa() -> Any:
    try:
        import c2pa
    except (ImportError, OSError) as error:
        raise UsageError(f"signing needs the package c2pa-python ({error})", INSTALL) from error
    return c2pa


@dataclass(frozen=True, eq=False)
class Signer:
    """A certificate chain and its key, found fit to sign with."""

    certificate: bytes
    key: bytes
    algorithm: str

    @classmethod
    def of(cls, certificate: Path, key: Path) -> Signer:
        """PEM files: the signer's certificate and those above it; its key, not locked. Raises
        :class:`UsageError`."""
        c2pa = _c2pa()
        try:
            chain, secret = certificate.read_bytes(), key.read_bytes()
        except OSError as error:
            raise UsageError(f"{error.filename}: {error.strerror}") from error
        signer = cls(chain, secret, _algorithm(secret, key))
        _check_pair(chain, secret, certificate, key)
        try:
            _try(c2pa, signer)
        except c2pa.C2paError as error:
            words = f"{certificate}, {key}: cannot be signed with ({error})"
            raise UsageError(words, FIT) from error
        return signer

    def opened(self) -> Any:
        c2pa = _c2pa()
        algorithm = getattr(c2pa.C2paSigningAlg, self.algorithm)
        info = c2pa.C2paSignerInfo(algorithm, self.certificate, self.key, None)
        return c2pa.Signer.from_info(info)


def _algorithm(pem: bytes, path: Path) -> str:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem, None)
    except TypeError as error:
        raise UsageError(f"{path}: the key is locked", "give one without a passphrase") from error
    except ValueError as error:
        raise UsageError(f"{path}: no private key in PEM form") from error
    except UnsupportedAlgorithm as error:
        raise UsageError(f"{path}: a kind of key that is not known", ES256_IS_USUAL) from error
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    if isinstance(key, rsa.RSAPrivateKey):
        return "PS256"
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ED25519"
    raise UsageError(f"{path}: a kind of key that C2PA does not know", ES256_IS_USUAL)


def _offline_builder(c2pa: Any, manifest: str) -> Any:
    return c2pa.Builder(manifest, context=c2pa.Context.from_dict({"verify": OFFLINE}))


def _try(c2pa: Any, signer: Signer) -> None:
    """Sign a picture of one pixel: certificates that C2PA does not take are told only then."""
    _, pixel = cv2.imencode(".png", np.zeros((1, 1, 3), np.uint8))
    manifest = json.dumps({"claim_generator_info": [{"name": "cmet"}], "assertions": []})
    with _offline_builder(c2pa, manifest) as builder, signer.opened() as opened:
        builder.set_intent(
            c2pa.C2paBuilderIntent.CREATE, c2pa.C2paDigitalSourceType.DIGITAL_CREATION
        )
        builder.sign(opened, "image/png", io.BytesIO(pixel.tobytes()), io.BytesIO())


def _check_pair(chain: bytes, secret: bytes, certificate: Path, key: Path) -> None:
    """What C2PA itself would find out only at the very end."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from cryptography.x509 import load_pem_x509_certificates

    try:
        first = load_pem_x509_certificates(chain)[0]
        public = first.public_key()
    except (ValueError, IndexError) as error:
        raise UsageError(f"{certificate}: no certificate in PEM form") from error
    except UnsupportedAlgorithm as error:
        words = f"{certificate}: a certificate of a kind of key that is not known"
        raise UsageError(words, ES256_IS_USUAL) from error
    if public != load_pem_private_key(secret, None).public_key():
        raise UsageError(f"{key}: not the key of the certificate {certificate}")
    now = datetime.now(timezone.utc)
    if not first.not_valid_before_utc <= now <= first.not_valid_after_utc:
        until = f"{first.not_valid_after_utc:%Y-%m-%d}"
        raise UsageError(f"{certificate}: not valid now (until {until})", "get a new one")


def check_signable(output: Path) -> None:
    """Raises :class:`UsageError` for a container that cannot hold a manifest."""
    if output.suffix.lower() not in MIME:
        raise UsageError(
            f"{output.suffix} cannot hold a signed manifest: {output}", "write .mp4 or .mov"
        )


def sign(result: Path, original: Path, said: dict[str, Any], signer: Signer) -> None:
    """Sign a finished file in place. said: the statement; original: becomes the manifest's parent
    (otherwise the unsigned rendering would be its own). Raises :class:`MediaError`."""
    c2pa, mime = _c2pa(), MIME[result.suffix.lower()]
    signed = result.with_name(f"{result.stem}.signed{result.suffix}")
    try:
        with (
            _builder(c2pa, original, said, mime) as builder,
            signer.opened() as opened,
            result.open("rb") as source,
            signed.open("w+b") as target,
        ):
            builder.sign(opened, mime, source, target)
        signed.replace(result)
    except c2pa.C2paError as error:
        raise MediaError(f"signing failed: {error}") from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            signed.unlink()


@contextlib.contextmanager
def _builder(c2pa: Any, original: Path, said: dict[str, Any], mime: str) -> Iterator[Any]:
    """A manifest with the original as its parent: with a manifest of its own inside, where what
    the original holds can be looked into, and else by name."""
    parent = {"title": as_text(original.name), "relationship": "parentOf", "label": _ORIGINAL}
    kind, manifest = ORIGINALS.get(original.suffix.lower()), _manifest(said, mime)
    if kind is not None:
        with _offline_builder(c2pa, json.dumps(manifest)) as builder:
            if _add_looked_into(c2pa, builder, parent, kind, original):
                yield builder
                return
    manifest["ingredients"] = [{**parent, "format": "application/octet-stream"}]
    with _offline_builder(c2pa, json.dumps(manifest)) as builder:
        yield builder


def _add_looked_into(
    c2pa: Any, builder: Any, parent: dict[str, str], kind: str, original: Path
) -> bool:
    """Whether it could be: what a file holds need not be what its suffix says, nor be whole."""
    try:
        with original.open("rb") as file:
            builder.add_ingredient(json.dumps(parent), kind, file)
    except c2pa.C2paError as error:
        log.warning("%s: named in the manifest, but not looked into (%s)", original, error)
        return False
    return True


def _manifest(said: dict[str, Any], mime: str) -> dict[str, Any]:
    agent = {"name": "cmet", "version": __version__}
    edited = {
        "action": "c2pa.edited",
        "digitalSourceType": SOURCE_TYPE,
        "softwareAgent": agent,
        "description": f"{said['notice']} Asked for: {said['prompt']}.",
        "changes": [{"region": [_stretch(*span)]} for span in said["edited_s"]],
    }
    opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": [_ORIGINAL]}}
    return {
        "claim_generator_info": [agent],
        "title": said["original"]["file"],
        "format": mime,
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [opened, edited]}},
            {"label": LABEL, "data": said},
        ],
    }


def _stretch(start_s: float, end_s: float) -> dict[str, Any]:
    times = {"type": "npt", "start": str(start_s), "end": str(end_s)}
    return {"type": "temporal", "time": times}


@dataclass(frozen=True)
class Credentials:
    """A manifest as it was read. state: ``trusted`` (signed by somebody the anchors vouch for),
    ``valid`` (untouched since it was signed, by whoever) or ``invalid``; problems: why it is so;
    said: our own statement, empty for another tool's manifest."""

    state: str
    signer: str
    tool: str
    parent: str
    said: dict[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def read_credentials(path: Path, anchors: Path | None = None) -> Credentials | None:
    """The active manifest of a file, checked offline; None where there is none.

    anchors: PEM certificates of the authorities to trust. Raises :class:`UsageError`.
    """
    c2pa, mime = _c2pa(), ORIGINALS.get(path.suffix.lower())
    if mime is None:
        return None
    settings: dict[str, Any] = {"verify": {**OFFLINE, "verify_trust": anchors is not None}}
    if anchors is not None:
        settings["trust"] = {"trust_anchors": anchors.read_text("utf-8", "replace")}
    try:
        context = c2pa.Context.from_dict(settings)
    except c2pa.C2paError as error:
        raise UsageError(f"{anchors}: no certificates to trust ({error})") from error
    try:
        with path.open("rb") as file, c2pa.Reader(mime, file, context=context) as reader:
            manifest = reader.get_active_manifest() or {}
            state = str(reader.get_validation_state() or "invalid").lower()
            results = reader.get_validation_results() or {}
    except c2pa.C2paError.ManifestNotFound:
        return None
    except c2pa.C2paError as error:
        elsewhere = str(error).startswith("Remote:")
        problem = ELSEWHERE if elsewhere else str(error)
        return Credentials("invalid", "", "", "", problems=(problem,))
    failures = results.get("activeManifest", {}).get("failure", [])
    signed, generators = manifest.get("signature_info", {}), manifest.get("claim_generator_info")
    parents = [i for i in manifest.get("ingredients", []) if i.get("relationship") == "parentOf"]
    claims = [a.get("data") for a in manifest.get("assertions", []) if a.get("label") == LABEL]
    ours = [said for said in claims if is_statement(said)]  # whoever signs may say anything there
    tool = (generators or [{}])[0]
    return Credentials(
        state=state,
        signer=", ".join(filter(None, (signed.get("common_name"), signed.get("issuer")))),
        tool=f"{tool.get('name', '')} {tool.get('version', '')}".strip(),
        parent=parents[0].get("title", "") if parents else "",
        said=ours[0] if ours else {},
        problems=tuple(f"{one.get('code')}: {one.get('explanation', '')}" for one in failures),
    )
