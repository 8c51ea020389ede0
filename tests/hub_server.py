"""A server that speaks as much of the hub's API as downloads need: revisions, sums, ranges, tokens and gates."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LFS = (".safetensors", ".bin")


@dataclass
class Repository:
    """The files of a folder at one commit. `token`: the one that opens it; `gated`: its terms are not accepted."""

    folder: Path
    commit: str = COMMIT
    token: str | None = None
    gated: bool = False
    licence: str | None = "creativeml-openrail-m"

    def read(self, path: str) -> bytes:
        return (self.folder / path).read_bytes()

    def names(self) -> list[str]:
        return sorted(one.relative_to(self.folder).as_posix() for one in self.folder.rglob("*") if one.is_file())

    def etag(self, path: str) -> str:
        data = self.read(path)
        if path.endswith(LFS):
            return hashlib.sha256(data).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()

    def info(self) -> dict[str, object]:
        return {
            "id": "x/y",
            "sha": self.commit,
            "tags": [] if self.licence is None else [f"license:{self.licence}"],
            "siblings": [self._file(name) for name in self.names()],
        }

    def _file(self, name: str) -> dict[str, object]:
        size, etag = len(self.read(name)), self.etag(name)
        lfs = {"lfs": {"sha256": etag, "size": size, "pointerSize": 134}} if name.endswith(LFS) else {}
        return {"rfilename": name, "size": size, "blobId": etag[:40], **lfs}


@dataclass
class Hub:
    """`cut`: bytes after which the next answer with this file breaks off; `wrong`: files that are sent altered."""

    repositories: dict[str, Repository] = field(default_factory=dict)
    cut: dict[str, int] = field(default_factory=dict)
    wrong: set[str] = field(default_factory=set)
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    url: str = ""


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # headers and body are two packets, and the client would wait for the second
        wbufsize = 1 << 16

        def log_message(self, *_: object) -> None: ...

        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def _answer(self) -> None:
            parts = unquote(urlsplit(self.path).path).strip("/").split("/")
            if len(parts) < 4:
                return self._send(404, b"", {})
            api = parts[:2] == ["api", "models"]
            parts = parts[2:] if api else parts
            name, how, revision, path = "/".join(parts[:2]), parts[2], parts[3], "/".join(parts[4:])
            hub.asked.append((self.command, path or "info", self.headers.get("Range")))
            found = hub.repositories.get(name)
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            if found is None or (found.token is not None and not token):
                return self._send(401, b"", {"X-Error-Code": "RepoNotFound"})
            if found.token is not None and token != found.token:
                return self._send(401, b"", {"X-Error-Message": "Invalid credentials in Authorization header"})
            if revision not in ("main", found.commit):
                return self._send(404, b"", {"X-Error-Code": "RevisionNotFound"})
            if api:
                assert how == "revision"
                return self._send(200, json.dumps(found.info()).encode(), {"Content-Type": "application/json"})
            if found.gated:
                return self._send(403, b"", {"X-Error-Code": "GatedRepo"})
            return self._file(found, path)

        def _file(self, found: Repository, path: str) -> None:
            data = found.read(path)
            if path in hub.wrong:
                data = bytes(byte ^ 1 for byte in data)
            headers = {"ETag": f'"{found.etag(path)}"', "X-Repo-Commit": found.commit, "Accept-Ranges": "bytes"}
            status = 200
            if asked := self.headers.get("Range"):
                start = int(asked.removeprefix("bytes=").partition("-")[0])
                headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
                data, status = data[start:], 206
            if self.command == "GET" and path in hub.cut:
                self._send(status, data, headers, only=hub.cut.pop(path))
                self.close_connection = True
                return None
            return self._send(status, data, headers)

        def _send(self, status: int, data: bytes, headers: dict[str, str], *, only: int | None = None) -> None:
            self.send_response(status)
            for one in {"Content-Length": str(len(data)), **headers}.items():
                self.send_header(*one)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data[:only])

    return Handler


@contextmanager
def hub_server() -> Iterator[Hub]:
    """Serve on a free port of 127.0.0.1 until the block ends."""
    hub = Hub()
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub)) as server:
        server.daemon_threads = True
        hub.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield hub
        server.shutdown()
        thread.join()
