"""The probe of the images: the exit code says whether a server answers with success."""

import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from deploy.images.health import healthy

ROOT = Path(__file__).resolve().parents[3]


class Answers(BaseHTTPRequestHandler):
    """Answers /health with success, everything else with 503."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 503)
        self.end_headers()

    def log_message(self, *words: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Answers) as found:
        thread = Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{found.server_port}"
        found.shutdown()
        thread.join()


def test_success_alone_is_health(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # a proxy that is not there: it is not asked
    assert healthy(f"{server}/health")[0]
    well, said = healthy(f"{server}/busy")
    assert (well, "503" in said) == (False, True)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/health", "nonsense"])
def test_no_answer_is_exit_code_1(url: str) -> None:
    command = [sys.executable, "-S", "-m", "deploy.images.health", url]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (1, "")
    assert url in done.stdout
