"""A person who uses the dashboard of a stack by HTTP, as a browser would."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.containers.stack import Stack

NAME, PASSWORD = "admin", "a bear in the snow waves twice"


@contextmanager
def person(stack: Stack) -> Iterator[httpx.Client]:
    """The administrator: by the link in the dashboard's first log, the second time by name and password."""
    with httpx.Client(base_url=stack.url, timeout=300, follow_redirects=True, headers={"Origin": stack.url}) as client:
        link = re.search(r"first login, once, within a day: \S+?(/link/\S+)", stack.logs("dashboard"))
        door = client.get(link[1] if link else "/login")
        if link is not None and door.is_success:
            entered = client.post(link[1], data={"csrf": token(door), "password": PASSWORD})
        else:
            form = {"csrf": token(client.get("/login")), "name": NAME, "password": PASSWORD, "next": "/"}
            entered = client.post("/login", data=form)
        assert entered.url.path == "/", entered.text[-2000:]
        yield client


def token(page: httpx.Response) -> str:
    """The token of a page's forms."""
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', page.text) or re.search(
        r'csrf[^>]*content="([^"]+)"', page.text
    )
    assert found is not None, page.text[:3000]
    return found[1]


def decide(client: httpx.Client, decision: str) -> str:
    """Decide on everything at once, as the page of all images does; return the page that answers."""
    csrf = token(client.get("/outputs"))
    counted = client.post("/bulk/count", data={"csrf": csrf, "to": decision})
    queue = next(part for part in counted.text.split('"') if part.startswith("/bulk/") and part != "/bulk/count")
    return client.post(queue, data={"csrf": csrf}).text
