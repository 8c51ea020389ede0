"""Programs with tokens, over the dashboards that the folder above serves."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import httpx
import pytest

from deploy.dashboard.security.secrets import digest
from storage.catalog import views, writes
from storage.catalog.database.base import now
from storage.catalog.records import API_RIGHTS
from tests.deploy.dashboard.conftest import Site

_NUMBER = count(1)
Program = Callable[..., httpx.Client]


def token_of(site: Site, who: str, rights: Any = None, scope: Any = "api", **more: Any) -> str:
    """A new token of somebody, with all rights that their role may have unless they are named."""
    with site.catalog.write() as s:
        user = next(one for one in views.users(s) if one.name == who)
        roles = ("viewer", "reviewer", "operator", "admin")
        most = [one for one, needed in API_RIGHTS.items() if roles.index(needed) <= roles.index(user.role)]
        given = (most if rights is None else rights) if scope == "api" else ()
        secret = f"token-{next(_NUMBER)}-of-{who}"
        about = {"expires_at": now() + timedelta(hours=1), "actor": "setup"} | more
        writes.add_token(s, user_id=user.id, token_sha256=digest(secret), name="t", scope=scope, rights=given, **about)
    return secret


@pytest.fixture
def program() -> Iterator[Program]:
    """Opens a client with a token of somebody: `program(site, "reviewer", ["read"])`."""
    opened: list[httpx.Client] = []

    def client(site: Site, who: str = "admin", rights: Any = None, **more: Any) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token_of(site, who, rights, **more)}"}
        opened.append(httpx.Client(base_url=f"{site.base}/api/v1", headers=headers, timeout=30))
        return opened[-1]

    yield client
    for one in opened:
        one.close()


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem of an answer, which has to be one of this status."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found["status"] == status
    assert found["type"].startswith("urn:dreamtuner:problem:")
    assert found["title"]
    assert found["detail"]
    return found
