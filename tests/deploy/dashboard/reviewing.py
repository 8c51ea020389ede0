"""What tests of reviewing in a browser share: a queue, its order, and waiting for what the page shows and has sent."""

from collections.abc import Callable

from playwright.sync_api import Page

from storage.catalog import views
from tests.deploy.dashboard.conftest import Site

Open = Callable[..., Page]


def queue(site: Site, who: str = "reviewer", **filter: str) -> str:
    """The path of a new review queue."""
    with site.client(who) as client:
        made = client.post("/review", data=filter)
    assert made.status_code == 303
    return made.headers["location"]


def rating_moves_on(site: Site, who: str = "reviewer") -> None:
    """Let a rating of this person go on to the next picture, which it does not do otherwise."""
    with site.client(who) as client:
        assert client.post("/account/preferences", data={"name": "rating_moves_on", "value": "yes"}).status_code == 204


def in_order(site: Site) -> list[views.OutputRow]:
    """All outputs as the gallery shows them."""
    with site.catalog.read() as s:
        return list(views.gallery_page(s, views.Filter(), limit=300).rows)


def decided(site: Site, output_id: int) -> tuple[str, int, int]:
    with site.catalog.read() as s:
        one = views.output(s, output_id)
    return one.decision, one.rating, one.revision


def shown(page: Page, number: int, of: int = 240) -> None:
    page.wait_for_function("(said) => document.getElementById('place').textContent === said", arg=f"{number} of {of}")


def sent(page: Page) -> None:
    """Wait until the outbox is empty."""
    page.wait_for_function("() => !Object.keys(localStorage).some((key) => key.startsWith('outbox:'))", timeout=120_000)


def to_undo(page: Page, count: int) -> None:
    """Wait until this tab knows of so many decisions that it can take back."""
    page.wait_for_function(
        """(count) => Object.entries(localStorage).some(
            ([key, said]) => key.startsWith('undo:') && JSON.parse(said).entries.length === count)""",
        arg=count,
    )
