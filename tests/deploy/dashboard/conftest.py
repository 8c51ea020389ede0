"""A dashboard that runs, over a catalog of made-up pictures, with one person of every role."""

import os
import secrets
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

from deploy.dashboard.app import create_app
from deploy.dashboard.security.secrets import csrf_token, digest
from deploy.dashboard.settings import Settings
from storage.catalog import Catalog, writes
from storage.catalog.database.base import now
from storage.catalog.records import ROLES
from tests.deploy.dashboard.made_up import fill_up, plain
from tests.deploy.dashboard.served import listening

SUBJECTS = [("pip", "bear", "natural"), ("momo", "rabbit", "anime")]
PROMPTS = ["on the beach", "in the snow"]
SEEDS = 60


@dataclass
class Site:
    """A served dashboard: its address, its catalog, and who can log in by a cookie."""

    base: str
    home: Path
    catalog: Catalog
    settings: Settings
    cookies: dict[str, str]

    def client(self, role: str = "admin", **more: Any) -> httpx.Client:
        """A browser of the person with that role, who is named like it."""
        headers = {"Origin": self.base, "Accept": "text/html"} | more.pop("headers", {})
        cookie = self.cookies.get(role, "")
        if cookie:
            headers["X-CSRF-Token"] = csrf_token(cookie)
        jar = {"dreamtuner_session": cookie} if cookie else {}
        return httpx.Client(base_url=self.base, cookies=jar, headers=headers, timeout=30, **more)

    def say(self, who: str, output_id: int, decision: Any, revision: int) -> None:
        """Somebody else decides, without a browser."""
        with self.catalog.write() as s:
            fields = {"uuid": secrets.token_hex(8), "output_id": output_id, "revision": revision, "reviewer": who}
            writes.add_review(s, decision=decision, **fields)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with 240 pictures of two subjects; tests copy it."""
    home = tmp_path_factory.mktemp("made-up")
    fill_up(home, plain, SUBJECTS, PROMPTS, SEEDS)
    add_people(home)
    return home


def add_people(home: Path) -> None:
    """One person of every role, called like it, who is logged in."""
    with Catalog.open(f"sqlite:///{home}/catalog.db") as catalog, catalog.write() as s:
        expires = now() + timedelta(hours=1)
        for role in ROLES:
            user = writes.add_user(s, name=role, role=role, actor="setup")
            if role == "admin":  # one with a password there has to be
                writes.add_link(s, user_id=user, token_sha256="link-admin", expires_at=expires, actor="setup")
                writes.use_link(s, token_sha256="link-admin", password="unusable")
            secret = digest(f"cookie-of-{role}")
            writes.add_session(s, user_id=user, token_sha256=secret, agent="test", expires_at=expires)


@contextmanager
def serving(home: Path, **more: Any) -> Iterator[Site]:
    """The dashboard over a data folder, in a thread of this process; `{port}` in its origin becomes its port."""
    settings = Settings(catalog_url=f"sqlite:///{home}/catalog.db", store_url=str(home / "objects"), home=home)
    settings = replace(settings, **more)
    with socket.socket(proto=socket.IPPROTO_TCP) as door, Catalog.open(settings.catalog_url) as catalog:
        door.bind(("127.0.0.1", 0))
        port = door.getsockname()[1]
        base, settings = f"http://127.0.0.1:{port}", replace(settings, origin=settings.origin.format(port=port))
        with listening(door, create_app(settings)):
            yield Site(base, home, catalog, settings, {role: f"cookie-of-{role}" for role in ROLES})


@pytest.fixture(scope="module")
def shared(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One for all tests of a file that do not mind each other."""
    home = tmp_path_factory.mktemp("shared") / "home"
    shutil.copytree(made, home)
    with serving(home) as site:
        yield site


@pytest.fixture
def start(made: Path, tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Starts a dashboard of one's own, with settings of one's own."""
    stack = []

    def begin(**more: Any) -> Site:
        home = tmp_path / f"home{len(stack)}"
        shutil.copytree(made, home)
        context = serving(home, **more)
        stack.append(context)
        return context.__enter__()

    yield begin
    for context in stack:
        context.__exit__(None, None, None)


@pytest.fixture
def site(start: Callable[..., Site]) -> Site:
    """One of one's own."""
    return start()


def chromium() -> str | None:
    """The system's browser."""
    named = os.environ.get("DREAMTUNER_TEST_CHROMIUM")
    return named or shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


ELSEWHERE = "pictures.test"
"""A host that is this machine and that the browser trusts no more than any other."""
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's browser, started once for a module."""
    program = chromium()
    if program is None:
        pytest.skip("no chromium: install Debian's, or set DREAMTUNER_TEST_CHROMIUM")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def tab(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens a page of a site as somebody; what the console or the network says against it fails the test."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def opened(site: Site, path: str, who: str = "reviewer", **more: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **more})
        context.set_default_timeout(30_000)
        contexts.append(context)
        context.add_cookies([{"name": "dreamtuner_session", "value": site.cookies[who], "url": site.base}])

        def asked(request: Request) -> None:
            if not request.url.startswith((site.base, "blob:", "data:")):
                wrong.append(f"a request to {request.url}")

        context.on("request", asked)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
        page.goto(site.base + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []
