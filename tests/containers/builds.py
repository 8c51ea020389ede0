"""Builds images with this machine's own settings of pip, which reach a build as secrets and stay in no layer."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from tests.containers.engine import Engine, bare_debian

ROOT = Path(__file__).resolve().parents[2]
STANDINS = Path(__file__).with_name("standins")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
TARGETS = ("dashboard", "worker", "conductor")
KEYS = ("index-url", "extra-index-url", "find-links", "trusted-host", "timeout")


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and logs nothing."""

    def log_message(self, *words: object) -> None:
        """Say nothing."""


@contextmanager
def pip_conf(folder: Path) -> Iterator[Path]:
    """A pip.conf for builds: this machine's, whose folders are served on 127.0.0.1 meanwhile."""
    listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True)
    settings: dict[str, str] = {}
    for line in listed.stdout.splitlines():
        key, _, value = line.partition("=")
        settings[key.rpartition(".")[2].replace("_", "-")] = value.strip("'\"").replace("\\n", " ")
    served: list[str] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder / "served"))) as server:

        def by_http(word: str) -> str:
            path = Path(word.removeprefix("file://"))
            if not word.startswith(("file:///", "/")) or not path.exists():
                return word
            # the pages of an index that is a folder lead to files beside it
            root, rest = (path, "") if path.name != "simple" else (path.parent, "simple")
            name = f"served/{len(served)}"
            served.append(name)
            (folder / "served").mkdir(exist_ok=True)
            (folder / name).symlink_to(root)
            return f"http://127.0.0.1:{server.server_port}/{name.partition('/')[2]}/{rest}"

        lines = ["[global]"]
        for key in KEYS:
            if words := [by_http(word) for word in settings.get(key, "").split()]:
                lines.append(f"{key} = {' '.join(words)}")
        if CERTIFICATES.exists():
            lines.append(f"cert = {CERTIFICATES}")
        conf = folder / "pip.conf"
        conf.write_text("\n".join([*lines, ""]))
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield conf
        finally:
            server.shutdown()
            thread.join()


def image(target: str, version: str = "latest") -> str:
    """The name of an image of ours."""
    return f"dreamtuner-test-{target}:{version}"


class Builder:
    """Builds images with one engine, on the stand-in for Python's image."""

    def __init__(self, docker: Engine, conf: Path, folder: Path) -> None:
        self._docker, self._conf = docker, conf
        self.base = bare_debian(docker, folder)
        self.base = self.build("dreamtuner-test-python", STANDINS / "python.Dockerfile", STANDINS)

    def build(self, name: str, dockerfile: Path, context: Path, *words: str) -> str:
        """Build an image of this name and return the name."""
        secrets = ["--secret", f"id=pip,src={self._conf}"]
        if CERTIFICATES.exists():
            secrets += ["--secret", f"id=ca,src={CERTIFICATES}"]
        # the network of the machine: a mirror may be on its loopback
        proxies = [f"--build-arg={name}" for name in ("http_proxy", "https_proxy", "no_proxy") if name in os.environ]
        self.said = self._docker.ask(
            *("build", "--progress=plain", "--network=host", "--tag", name, "--file", str(dockerfile)),
            *(f"--build-arg=BASE={self.base}", *secrets, *proxies, *words, str(context)),
            seconds=1800,
        ).stderr
        return name

    def ours(self, target: str, version: str = "latest") -> str:
        """Build a target of deploy/images/Dockerfile, with whatever torch this machine's pip prefers."""
        dockerfile = ROOT / "deploy" / "images" / "Dockerfile"
        words = ("--target", target, "--build-arg=TORCH_FLAGS=", f"--build-arg=VERSION={version}")
        return self.build(image(target, version), dockerfile, ROOT, *words)

    def standin(self, name: str) -> str:
        """Build a stand-in for an image of others."""
        return self.build(f"dreamtuner-test-{name}", STANDINS / f"{name}.Dockerfile", STANDINS)
