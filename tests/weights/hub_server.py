"""A loopback server that speaks the Hub's protocol, and misbehaves on request."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "c0ffee" + "0" * 34


@dataclass
class HubServer:
    """Serves ``files``: ``(repo type, repo, path) -> bytes`` at one commit.

    cut_after: bytes after which the first download of a path breaks off; corrupt: paths served with
    a flipped byte but the true digest; status: an answer for everything; silent: never answers;
    hostile: asked first, with the request's handler; ``True`` where it has answered itself.
    """

    files: dict[tuple[str, str, str], bytes]
    cut_after: dict[str, int] = field(default_factory=dict)
    corrupt: set[str] = field(default_factory=set)
    status: int = 0
    silent: bool = False
    token: str = ""
    gets: Counter[str] = field(default_factory=Counter)
    ranges: list[str] = field(default_factory=list)
    requests: int = 0
    commit: str = COMMIT
    hostile: Callable[[BaseHTTPRequestHandler], bool] | None = None
    authorised: list[str] = field(default_factory=list)

    def __enter__(self) -> HubServer:
        handler = type("Handler", (_Handler,), {"hub": self})
        self._stop = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # a client that goes away is no news
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    hub: HubServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        hub = self.hub
        hub.requests += 1
        hub.authorised.append(self.headers.get("Authorization", ""))
        if hub.hostile and hub.hostile(self):
            return None
        if hub.silent:
            hub._stop.wait(60)
            return
        if hub.status:
            return self._error(hub.status)
        if hub.token and self.headers.get("Authorization") != f"Bearer {hub.token}":
            return self._error(401)
        path = unquote(urlsplit(self.path).path).lstrip("/")
        if path.startswith("api/"):
            return self._api(path[4:])
        return self._resolve(path, body)

    def _error(self, status: int, code: str = "") -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _api(self, path: str) -> None:
        kind, owner, name, *rest = path.split("/")
        kind, repo = kind.rstrip("s"), f"{owner}/{name}"
        paths = [p for k, r, p in self.hub.files if (k, r) == (kind, repo)]
        if not paths:
            return self._error(404, "RepoNotFound")
        if not rest or rest[0] == "revision":
            return self._json({"id": repo, "sha": self.hub.commit, "siblings": []})
        folder = "/".join(rest[2:])
        rows = []
        for p in paths:
            if p.startswith(folder + "/"):
                data = self.hub.files[kind, repo, p]
                oid = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
                rows.append({"type": "file", "oid": oid, "size": len(data), "path": p})
        return self._json(rows) if rows else self._error(404, "EntryNotFound")

    def _json(self, value: object) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _resolve(self, path: str, body: bool) -> None:
        kind = "space" if path.startswith("spaces/") else "model"
        owner, name, _, _revision, *rest = path.removeprefix("spaces/").split("/")
        file = "/".join(rest)
        data = self.hub.files.get((kind, f"{owner}/{name}", file))
        if data is None:
            known = any(r == f"{owner}/{name}" for _, r, _ in self.hub.files)
            return self._error(404, "EntryNotFound" if known else "RepoNotFound")
        digest = hashlib.sha256(data).hexdigest()
        if file in self.hub.corrupt:
            data = data[:-1] + bytes([data[-1] ^ 1])
        start = 0
        wanted = self.headers.get("Range", "")
        if body and wanted.startswith("bytes="):
            self.hub.ranges.append(wanted)
            start = int(wanted[6:].split("-")[0])
        self.send_response(206 if start else 200)
        self.send_header("X-Repo-Commit", self.hub.commit)
        self.send_header("ETag", f'"{digest}"')
        self.send_header("X-Linked-Etag", f'"{digest}"')
        self.send_header("X-Linked-Size", str(len(data)))
        self.send_header("Accept-Ranges", "bytes")
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        if not body:
            return None
        self.hub.gets[file] += 1
        stop = self.hub.cut_after.pop(file, None)
        self.wfile.write(data[start : stop if stop is not None else len(data)])
        if stop is not None:
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
        return None


# ---------------------------------------------------------------- for ``hostile``


def is_download(handler) -> bool:
    """A file's content is asked for."""
    return handler.command == "GET" and "/resolve/" in handler.path


def answer(handler, status=200, body=b"", **headers) -> bool:
    """A whole answer of a hostile Hub."""
    handler.send_response(status)
    for name, value in ({"Content-Length": str(len(body))} | headers).items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)
    return True


def endless(handler, chunk=b"\0" * 65536, pause_s=0.0, **headers) -> bool:
    """A body without a stated length and without an end."""
    handler.send_response(200)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.close_connection = True
    try:
        while not handler.hub._stop.is_set():
            handler.wfile.write(chunk)
            handler.wfile.flush()
            time.sleep(pause_s)
    except OSError:
        pass
    return True


HTML = b"<!doctype html><title>Please log in</title>\n" * 20
