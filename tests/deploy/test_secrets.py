"""A secret that is planted in the spec and in the shell is in nothing that a run prints or keeps."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

SECRET = "PLANTED-hunter2"


@pytest.fixture
def site(spec: Path) -> Iterator[str]:
    """A web server with the picture of a subject, and without that of another."""
    picture = (spec.parent / "pip.png").read_bytes()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path.startswith("/pip") else 403)
            self.end_headers()
            self.wfile.write(picture)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.slow
def test_a_planted_secret_is_found_nowhere(environment: dict[str, str], spec: Path, site: str) -> None:
    text = spec.read_text().replace("seeds: [1, 2, 3, 4, 5, 6]", "seeds: [1]").replace("steps: 12", "steps: 2")
    for name in ("pip", "momo"):
        text = text.replace(f"reference: {name}.png", f'reference: "{site}/{name}.png?X-Amz-Signature={SECRET}"')
    spec.write_text(text)
    shell = environment | {
        "DREAMTUNER_ALLOW_PRIVATE_ADDRESSES": "true",
        "HTTPS_PROXY": f"http://ann:{SECRET}@proxy.example:3128",
        "AWS_SECRET_ACCESS_KEY": SECRET,
    }
    said = []
    for words in (["run", str(spec)], ["run", str(spec), "--submit"], ["plan", str(spec)], ["status"]):
        command = [sys.executable, "-m", "deploy.cli.main", *words]
        done = subprocess.run(command, env=shell, capture_output=True, text=True, check=False, timeout=600)
        said.append(done.stdout + done.stderr)
    assert "momo.png?*** answers 403" in said[0].replace("\n", "")
    assert "contains a password or signature" in said[1]
    assert SECRET not in "".join(said)
    files = [path for path in Path(environment["DREAMTUNER_HOME"]).rglob("*") if path.is_file()]
    assert any(path.name == "prefect.db" for path in files)
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []
