"""A Hub that lies, never stops, or is no Hub: one line, an end, and nothing left behind."""

from __future__ import annotations

import io
import json
import time

import numpy as np
import pytest
import standin
import torch
from hub_server import HTML, HubServer, answer, endless, is_download

from cmet_cli.errors import CheckpointError, HubError, UsageError, WeightsError
from cmet_cli.weights import download as library
from cmet_cli.weights import hub_bounds, receive
from cmet_cli.weights.hub import RemoteFile, fetch, list_files
from cmet_cli.weights.registry import CMET_REPO, NEUTRAL_PRESET

AUDIO2LIP = "pretrained_weights/Audio2Lip.pt"
PRESET = f"{NEUTRAL_PRESET}/M003_001.npy"


@pytest.fixture(scope="module")
def published():
    buffer, feature = io.BytesIO(), io.BytesIO()
    torch.save(standin.checkpoint("audio2lip"), buffer)
    np.save(feature, np.ones(1024, np.float32))
    return {
        ("model", CMET_REPO, AUDIO2LIP): buffer.getvalue(),
        ("space", CMET_REPO, PRESET): feature.getvalue(),
    }


@pytest.fixture(autouse=True)
def no_cache(monkeypatch):
    monkeypatch.setattr(receive, "cached_file", lambda entry, revision: None)


def download(hub, folder, only="audio2lip"):
    return library.download_weights(folder, only=(only,), endpoint=hub.url)


def refuses(published, folder, hostile, only="audio2lip", **server):
    """The error of a download; checked to be one line, soon, with nothing left."""
    start = time.monotonic()
    with HubServer(published, hostile=hostile, **server) as hub, pytest.raises(WeightsError) as e:
        download(hub, folder, only)
    assert time.monotonic() - start < 60
    assert not [p for p in folder.rglob("*") if p.is_file()]
    assert not (folder / ".incoming").exists()
    assert "\n" not in e.value.message
    assert e.value.hint
    return e.value.message


def test_a_login_page_instead_of_a_hub(published, tmp_path):
    def page(handler):
        return answer(handler, body=HTML, Content_Type="text/html", ETag='"x"')

    assert "did not answer as a Hub" in refuses(published, tmp_path, page)
    assert "did not answer as a Hub" in refuses(published, tmp_path, page, "presets")


def test_a_page_in_place_of_the_file(published, tmp_path):
    data = published["model", CMET_REPO, AUDIO2LIP]

    def page(handler):
        same_length = HTML * (len(data) // len(HTML) + 1)
        return is_download(handler) and answer(handler, body=same_length[: len(data)])

    assert "not what was published" in refuses(published, tmp_path, page)


def test_small_files_are_held_to_gits_own_digest(published, tmp_path):
    """Presets carry no sha256, but git's name for their content."""
    other = published["space", CMET_REPO, PRESET][:-1] + b"\1"

    def swapped(handler):
        return is_download(handler) and answer(handler, body=other)

    assert "not what was published" in refuses(published, tmp_path, swapped, "presets")


def test_bytes_without_end(published, tmp_path):
    def stream(handler):
        return is_download(handler) and endless(handler)

    assert "sends more than it announced" in refuses(published, tmp_path, stream)
    assert "sends more than it announced" in refuses(published, tmp_path, stream, "presets")


def test_a_listing_without_end(published, tmp_path):
    def stream(handler):
        return "/api/" in handler.path and endless(handler, b'{"id": ' + b" " * 65536)

    assert "sends more than it announced" in refuses(published, tmp_path, stream, "presets")


def test_a_listing_of_endless_pages(published, tmp_path):
    def pages(handler):
        if "/tree/" not in handler.path:
            return False
        again = f'<http://{handler.headers["Host"]}{handler.path}>; rel="next"'
        return answer(handler, body=b"[]", Link=again)

    assert "elsewhere" in refuses(published, tmp_path, pages, "presets")


def test_a_compressed_listing_that_unpacks_to_gigabytes(published, tmp_path):
    import zlib

    packer = zlib.compressobj(9, wbits=31)
    bomb = packer.compress(b"[" + b" " * (1 << 20))
    bomb += b"".join(packer.compress(b" " * (1 << 20)) for _ in range(400)) + packer.flush()

    def squeezed(handler):
        return "/api/" in handler.path and answer(handler, body=bomb, Content_Encoding="gzip")

    assert "sends more than it announced" in refuses(published, tmp_path, squeezed, "presets")


def test_a_trickle_is_given_up(published, tmp_path, monkeypatch):
    monkeypatch.setattr(hub_bounds, "PATIENCE_S", 0.5)

    def trickle(handler):
        return is_download(handler) and endless(handler, b"\0", 0.05)

    assert "too slowly" in refuses(published, tmp_path, trickle)


@pytest.mark.parametrize("stated", [-5, 10**6, 10**18])
def test_a_wrong_size_is_noticed(published, tmp_path, stated):
    """Fewer bytes than stated, or more than anyone has room for."""

    def wrong(handler):
        return handler.command == "HEAD" and answer(
            handler,
            X_Repo_Commit=handler.hub.commit,
            ETag='"' + "0" * 64 + '"',
            X_Linked_Size=str(stated),
        )

    message = refuses(published, tmp_path, wrong)
    assert any(w in message for w in ("size", "expected", "as a Hub", "more than"))


def test_a_body_shorter_than_announced(published, tmp_path):
    def short(handler):
        return is_download(handler) and answer(handler, body=b"PK\3\4")

    assert "not of the stated size" in refuses(published, tmp_path, short)


def test_a_download_that_starts_again_and_again(published, tmp_path):
    """Breaks off after the first chunk, and does not know ranges."""
    data = published["model", CMET_REPO, AUDIO2LIP] + b"\0" * (25 << 20)
    published = published | {("model", CMET_REPO, AUDIO2LIP): data}

    def broken(handler):
        if not is_download(handler):
            return False
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data[: 11 << 20])
        handler.wfile.flush()
        handler.connection.shutdown(2)
        handler.close_connection = True
        return True

    assert "sends more than it announced" in refuses(published, tmp_path, broken)


@pytest.mark.parametrize("where", ["itself", "file:///etc/passwd", "other"])
def test_redirects_elsewhere(published, tmp_path, monkeypatch, where):
    """In a circle, to a local file, to another machine that has other content."""
    monkeypatch.setenv("HF_TOKEN", "secret")
    lure = {("model", CMET_REPO, AUDIO2LIP): b"\0" * len(published["model", CMET_REPO, AUDIO2LIP])}
    with HubServer(lure) as other:

        def redirect(handler):
            target = {"itself": handler.path, "other": other.url + handler.path}.get(where, where)
            return is_download(handler) and answer(handler, 302, Location=target)

        message = refuses(published, tmp_path, redirect)
        assert "secret" not in "".join(other.authorised)
        assert other.requests == (where == "other")
    assert "cannot be reached" in message or "not what was published" in message


def test_metadata_redirected_to_a_page(published, tmp_path):
    def redirect(handler):
        return handler.command == "HEAD" and answer(handler, 302, Location="http://127.0.0.1:9/")

    assert "did not answer as a Hub" in refuses(published, tmp_path, redirect)


@pytest.mark.parametrize(
    "path",
    [
        "audios/x/emotion2vec+large_features/../../../../escaped.npy",
        "/tmp/emotion2vec+large_features/escaped.npy",
        "audios/emotion2vec+large_features/a\n.npy",
    ],
)
def test_listed_names_stay_inside_the_folder(published, tmp_path, path):
    def listing(handler):
        if "/tree/" not in handler.path:
            return False
        rows = [{"type": "file", "oid": "0" * 40, "size": 4, "path": path}]
        return answer(handler, body=json.dumps(rows).encode(), Content_Type="application/json")

    folder = tmp_path / "a/b/c/d"
    refuses(published, folder, listing, "presets")
    assert not list(tmp_path.rglob("escaped*"))


@pytest.mark.parametrize("body", [b"", b"[", b"[]", b"null", b"5", b'{"sha": 5}', b'[{"a": 1}]'])
def test_any_json(published, tmp_path, body):
    def odd(handler):
        return "/api/" in handler.path and answer(handler, body=body)

    with HubServer(published, hostile=odd) as hub, pytest.raises(HubError):
        list_files(CMET_REPO, "audios", "space", hub.url)


def test_a_file_that_is_refused_at_conversion_leaves_nothing(published, tmp_path):
    buffer = io.BytesIO()
    torch.save({"audio2lip": {"w": 5}}, buffer)
    files = {("model", CMET_REPO, AUDIO2LIP): buffer.getvalue()}
    with HubServer(files) as hub, pytest.raises(CheckpointError):
        download(hub, tmp_path)
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


def test_presets_come_all_or_none(published, tmp_path):
    files = published | {("space", CMET_REPO, f"{NEUTRAL_PRESET}/M003_002.npy"): b"second"}

    def missing(handler):
        return is_download(handler) and "002" in handler.path and answer(handler, 404)

    refuses(files, tmp_path, missing, "presets")


def test_two_downloads_into_one_folder(published, tmp_path):
    with HubServer(published) as hub, library._incoming(tmp_path):
        with pytest.raises(UsageError, match="another download"):
            download(hub, tmp_path)
        assert (tmp_path / ".incoming").exists()  # the other one's


def test_the_bounds_leave_other_requests_alone(published, tmp_path):
    from huggingface_hub.utils import get_session

    with HubServer(published) as hub:
        data = published["model", CMET_REPO, AUDIO2LIP]
        remote = RemoteFile(CMET_REPO, "model", AUDIO2LIP, hub.commit, len(data))
        assert fetch(remote, tmp_path, lambda *_: None, hub.url).read_bytes() == data
    assert get_session().event_hooks["response"] == []
