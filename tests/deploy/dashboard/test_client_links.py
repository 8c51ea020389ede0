"""A client's link: previews of what was chosen and is approved, for a while, and nothing else."""

import io
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Page
from sqlalchemy import select, update

from deploy.dashboard.clients.previews import LONGER, SHARE, overlaid, preview
from deploy.dashboard.clients.rate_limit import RateLimit
from deploy.dashboard.routes.projects.links import project_of_link
from deploy.dashboard.security.secrets import digest
from deploy.marks.facts import Facts
from deploy.marks.inspection import inspect
from deploy.marks.marker import Marker
from deploy.marks.settings import MarkSettings
from storage.catalog import views, writes
from storage.catalog.database.base import now
from storage.catalog.records import CatalogError
from storage.catalog.schema import ClientLink, Output
from storage.catalog.views import ProjectView
from tests.deploy.dashboard.conftest import Site
from tests.deploy.dashboard.foreign import add_foreign

ADDRESS = re.compile(r'value="(http://[^"]+/client/([\w-]{43}))"')
PASSWORD = "a fox in the snow"


@pytest.fixture
def approved(site: Site) -> Site:
    """Three pictures are approved, 2 and 4 and 6, the newest first in a link."""
    for output in (2, 4, 6):
        site.say("reviewer", output, "approved", 1)
    return site


def made(site: Site, **form: str) -> str:
    """Make a link as an operator; its secret."""
    with site.client("operator") as client:
        answer = client.post("/links", data={"title": "Autumn bears", **form})
    assert answer.status_code == 200, answer.text
    (address, secret) = ADDRESS.findall(answer.text)[0]
    assert address == f"{site.base}/client/{secret}"
    return str(secret)


def stranger(site: Site, **more: Any) -> httpx.Client:
    return httpx.Client(base_url=site.base, headers={"Accept": "text/html", "Origin": site.base}, timeout=30, **more)


def test_a_link_shows_approved_pictures_to_whoever_has_it(approved: Site) -> None:
    secret = made(approved)
    with stranger(approved) as client:
        page = client.get(f"/client/{secret}")
        assert page.status_code == 200
        assert page.text.count("size=small") == 3
        assert "noindex" in page.headers["x-robots-tag"]
        assert "Autumn bears" in page.text
        for hidden in ("pip", "on the beach", "reviewer", "/outputs", "/login"):
            assert hidden not in page.text
        shown = client.get(f"/client/{secret}/pictures/1")
        assert shown.headers["content-type"] == "image/jpeg"
        assert "noindex" in shown.headers["x-robots-tag"]
        again = client.get(f"/client/{secret}/pictures/1", headers={"If-None-Match": shown.headers["etag"]})
        assert again.status_code == 304
        for wrong in ("pictures/0", "pictures/4", "pictures/1?size=original"):
            assert client.get(f"/client/{secret}/{wrong}").status_code in (404, 422)
    with approved.catalog.read() as s:
        original = s.scalars(select(Output.image_sha256).where(Output.id == 6)).one()
        (link,) = views.client_links(s)
        assert (link.opened, link.creator, link.output_ids) == (1, "operator", [6, 4, 2])
        assert link.expires_at - link.created_at == pytest.approx(timedelta(days=14), abs=timedelta(minutes=1))
        assert secret not in str(s.execute(select(ClientLink)).mappings().all())
        assert s.scalars(select(ClientLink.token_sha256)).one() == digest(secret)
    with stranger(approved) as client:  # nothing else is open to them
        for path in ("/", "/outputs", f"/pictures/{original}", f"/thumbs/{original}.webp", "/api/outputs", "/links"):
            assert client.get(path).status_code in (303, 401)


def test_what_is_no_longer_approved_leaves_and_what_is_approved_later_does_not_join(approved: Site) -> None:
    secret = made(approved)
    approved.say("reviewer", 4, "rejected", 2)
    approved.say("reviewer", 8, "approved", 1)
    with stranger(approved) as client:
        assert client.get(f"/client/{secret}").text.count("size=small") == 2
        assert client.get(f"/client/{secret}/pictures/3").status_code == 404


@pytest.mark.parametrize("end", ["revoked", "expired", "never was"])
def test_a_link_that_is_over_says_the_same_whatever_the_reason(approved: Site, end: str) -> None:
    secret = made(approved)
    with stranger(approved) as client:
        before = client.get(f"/client/{secret}/pictures/1")
        if end == "revoked":
            with approved.client("operator") as operator:
                operator.post("/links/1/revoke")
        elif end == "expired":
            with approved.catalog.write() as s:
                s.execute(update(ClientLink).values(expires_at=now() - timedelta(seconds=1)))
        else:
            secret = "x" * 43
        page = client.get(f"/client/{secret}")
        assert (page.status_code, "This link is not open." in page.text) == (404, True)
        assert "Autumn" not in page.text
        etag = {"If-None-Match": before.headers["etag"]}
        assert client.get(f"/client/{secret}/pictures/1", headers=etag).status_code == 404


def test_a_password_stands_before_the_pictures(approved: Site) -> None:
    secret = made(approved, password=PASSWORD)
    with stranger(approved) as client:
        page = client.get(f"/client/{secret}")
        assert "size=small" not in page.text
        assert client.get(f"/client/{secret}/pictures/1").status_code == 404
        csrf = {"csrf": re.findall(r'name="csrf" value="(\w+)"', page.text)[0]}
        assert client.post(f"/client/{secret}", data=csrf | {"password": "another one here"}).status_code == 401
        assert client.post(f"/client/{secret}", data={"password": PASSWORD}).status_code == 403  # no form token
        assert client.post(f"/client/{secret}", data=csrf | {"password": PASSWORD}).status_code == 303
        assert client.get(f"/client/{secret}").text.count("size=small") == 3
        assert client.get(f"/client/{secret}/pictures/1").status_code == 200
        other = made(approved, password="a bear in the snow")
        assert client.get(f"/client/{other}/pictures/1").status_code == 404  # the cookie is of one link
        for _ in range(9):
            last = client.post(f"/client/{secret}", data=csrf | {"password": "wrong and wrong"})
        assert last.status_code == 429
    with approved.catalog.read() as s:
        assert PASSWORD not in str(s.execute(select(ClientLink.password)).all())
        failed = views.audit_page(s, entity="client link", action="failed client link").rows
        assert {one.actor for one in failed} == {"client"}


def test_the_audit_says_who_made_opened_and_revoked_it(approved: Site) -> None:
    secret = made(approved)
    with stranger(approved) as client:
        client.get(f"/client/{secret}")
    with approved.client("admin") as admin:
        admin.post("/links/1/revoke")
    with approved.catalog.read() as s:
        rows = views.audit_page(s, entity="client link", entity_id="1").rows
        assert views.verify_audit(s).broken == 0
    actions = ["add client link", "open client link", "revoke client link"]
    assert [(one.actor, one.action) for one in reversed(rows)] == list(
        zip(("operator", "client", "admin"), actions, strict=True)
    )
    assert secret not in str(rows)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"title": ""}, "title: give one"),
        ({"days": "0"}, "days: 0 is outside 1..365"),
        ({"days": "soon"}, "days: 'soon' is not a number"),
        ({"password": "short"}, "password: use 12 to"),
        ({"mark": "x" * 41}, "mark: give a text of 1 to 40"),
        ({"prompt": "nowhere"}, "pictures: none of these is approved"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_made(approved: Site, form: dict[str, str], said: str) -> None:
    with approved.client("operator", headers={"Accept": "application/json"}) as client:
        answer = client.post("/links", data={"title": "Bears", **form})
    assert (answer.status_code, said in answer.text) == (400, True), answer.text
    with approved.catalog.read() as s:
        assert views.client_links(s) == []


@pytest.mark.slow
def test_a_link_belongs_to_the_project_of_its_pictures(approved: Site) -> None:
    with approved.catalog.write() as s:
        operator = views.user_named(s, "operator")
        assert operator is not None
    foreign = add_foreign(approved.catalog, operator[0])
    made(approved, project_id=str(foreign.project_id))
    with approved.catalog.read() as s:
        own = next(one for one in views.client_links(s) if one.title == "Autumn bears")
        assert (own.project, len(own.output_ids)) == ("zzproject", 1)
    with approved.catalog.write() as s:
        writes.remove_member(s, foreign.project_id, operator[0], actor="setup")
    with approved.client("operator") as client:
        assert "Autumn bears" not in client.get("/links").text
        assert client.post(f"/links/{own.id}/revoke").status_code == 404
        assert client.post("/links", data={"title": "x", "project_id": str(foreign.project_id)}).status_code == 404
    made(approved)  # of what is everybody's


def test_a_link_needs_one_project_that_all_its_pictures_are_of() -> None:
    ours, theirs, third = (ProjectView(i, f"p{i}", None, None, now(), 0, 0, 0) for i in (1, 2, 3))
    assert project_of_link({}, None) is None
    assert project_of_link({7: [ours], 8: [ours, theirs]}, None) == 1
    assert project_of_link({7: [ours, theirs], 8: [ours, theirs, third]}, 2) == 2  # two have all: the chosen one's
    assert project_of_link({7: [ours, theirs], 8: [ours, theirs, third]}, None) == 1
    with pytest.raises(CatalogError, match="of several projects, 'p1' and 'p2' and 'p3'; make a link for each"):
        project_of_link({7: [ours, theirs], 8: [third]}, None)


def picture(width: int, height: int) -> bytes:
    """Smooth colours, in which a text is easily found."""
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack([x * 255 / width, y * 255 / height, np.full_like(x, 90)], -1).astype("uint8")
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_the_text_is_seen_on_any_ground(shade: int) -> None:
    plain = Image.new("RGB", (256, 192), (shade, shade, shade))
    change = np.abs(np.asarray(overlaid(plain, "PREVIEW")).astype(int) - shade).max(-1)
    seen = change > 30
    assert 0.01 < seen.mean() < 0.5
    thirds = [part for rows in np.array_split(seen, 3) for part in np.array_split(rows, 3, axis=1)]
    assert all(part.any() for part in thirds)  # no part can be cut out that is without it


def test_a_preview_is_smaller_marked_and_tells_nothing(tmp_path: Path) -> None:
    marker = Marker(MarkSettings.load(tmp_path))
    facts = Facts(cell="c" * 64, prompt="a secret prompt", seed=7)
    data = preview(picture(1024, 768), "PREVIEW", "large", marker, facts)
    with Image.open(io.BytesIO(data)) as shown:
        assert (shown.format, shown.size) == ("JPEG", (768, 576))
    assert b"secret" not in data
    found = inspect(data, marker.settings.keys)
    assert found.state != "none"
    assert (found.watermark.found, found.watermark.ours, found.recipe, found.parameters) == (True, True, {}, None)
    with Image.open(io.BytesIO(preview(picture(3000, 1000), "x", "large", marker, facts))) as shown:
        assert max(shown.size) == LONGER["large"] < SHARE * 3000


def test_a_preview_of_a_cut_out_does_not_show_what_was_removed(tmp_path: Path) -> None:
    red, buffer = Image.new("RGBA", (1024, 768), (255, 0, 0, 0)), io.BytesIO()
    red.paste((0, 0, 255, 255), (512, 0, 1024, 768))
    red.save(buffer, "PNG")
    data = preview(buffer.getvalue(), "x", "large", Marker(MarkSettings(tmp_path, on=False)), Facts(cell="c" * 64))
    with Image.open(io.BytesIO(data)) as shown:
        left = np.asarray(shown)[:, :370].reshape(-1, 3)
    assert np.median(left, axis=0).min() > 250


def test_an_address_has_so_many_requests_and_others_their_own() -> None:
    at = [0.0]
    limit = RateLimit(burst=3, per_second=0.5, clock=lambda: at[0])
    assert [limit.wait("a") for _ in range(4)] == [0, 0, 0, 2.0]
    assert limit.wait("b") == 0
    at[0] = 2.0
    assert [limit.wait("a") for _ in range(2)] == [0, 2.0]


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_its_page_is_for_everybody_and_by_keys(approved: Site, tab: Callable[..., Page], scheme: Any) -> None:
    secret = made(approved, password=PASSWORD)
    axe = Axe()
    page = tab(approved, f"/client/{secret}", color_scheme=scheme)
    assert axe.run(page).violations_count == 0
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector(".sheet img")
    assert axe.run(page).violations_count == 0
    page.locator(".sheet a").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open]")
    assert axe.run(page).violations_count == 0
    page.keyboard.press("ArrowLeft")
    assert page.locator("dialog output").text_content() == "3 of 3"
    page.keyboard.press("Escape")
    assert page.locator(".sheet a").nth(2).evaluate("one => one === document.activeElement")
    for path in ("/links", "/projects"):
        page = tab(approved, path, "admin", color_scheme=scheme)
        assert axe.run(page).violations_count == 0, path
