"""What was found in a reference, and how a person corrects it: captions, control images, detection again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image, ImageDraw
from sqlalchemy.orm import Session

from dreamtuner.preprocess.maskers import MASKERS, method_of
from flows.spec.entry import is_auto
from storage.catalog import views, writes
from storage.catalog.records import AnnotationFacts
from tests.deploy.dashboard.conftest import Site
from tests.deploy.dashboard.made_up import png
from tests.deploy.dashboard.orders import orders
from tests.deploy.dashboard.reviewing import Open

PATH = "/subjects/1/references/1"
GRABCUT = method_of(MASKERS["grabcut"])


def skeleton(side: int = 64) -> bytes:
    image = Image.new("RGB", (side, side))
    ImageDraw.Draw(image).line((side // 2, 4, side // 2, side - 4), fill="#30e0ff", width=3)
    return png(image)


def found(s: Session, **more: Any) -> int:
    """A captioner was here."""
    return writes.add_annotation(s, reference_id=1, **{"kind": "caption", "method": "seer-1", "text": "a bear"} | more)


def notes(site: Site, kind: str) -> list[AnnotationFacts]:
    with site.catalog.read() as s:
        return [one for one in views.annotations_of(s, 1) if one.kind == kind]


def send(site: Site, path: str, who: str = "operator", image: bytes | None = None, **fields: str) -> httpx.Response:
    files = None if image is None else {"image": ("pose.png", image, "image/png")}
    with site.client(who) as client:
        return client.post(f"{PATH}/{path}", data=fields, files=files)


def page(site: Site, who: str = "operator") -> str:
    with site.client(who) as client:
        return client.get("/subjects/1").text


def test_a_reference_shows_what_was_found_by_what_and_how_surely(site: Site) -> None:
    with site.catalog.write() as s:
        found(s, confidence=0.31, licence="BSD-3-Clause", notes=("it was cut off",))
        pose = views.output(s, 2).image_sha256
        found(s, kind="pose", text=None, image_sha256=pose, method="limbs-2", confidence=0.9)
        found(s, kind="canny", text=None, image_sha256=None, method="edges-1")
    for who in ("viewer", "operator"):
        text = page(site, who)
        caption = text.partition('aria-label="Caption"')[2].partition("</section>")[0]
        assert "<blockquote>a bear</blockquote>" in caption
        assert "detected by seer-1 <span" in caption
        assert "BSD-3-Clause" in caption
        assert "0.31" in caption
        assert "It was cut off." in caption
        assert "check it" in caption
        skeleton = text.partition('aria-label="Pose"')[2].partition("</section>")[0]
        assert f'<img src="/pictures/{pose}"' in skeleton
        assert "check it" not in skeleton
        assert "no canny found" in text.partition('aria-label="Canny"')[2].partition("</section>")[0]
        assert "not looked for yet" in text.partition('aria-label="Depth map"')[2].partition("</section>")[0]
        assert ("Save the caption" in text) == (who == "operator")


def test_a_caption_is_corrected_and_an_older_one_used_again(site: Site) -> None:
    with site.catalog.write() as s:
        first = found(s, licence="MIT")
    assert send(site, "caption", text=" a brown bear,\r\n sitting ", seen=str(first)).status_code == 303
    new, old = notes(site, "caption")
    assert (new.text, new.given, new.giver, new.version) == ("a brown bear, sitting", "dashboard", "operator", 2)
    with site.catalog.read() as s:
        assert views.subject_assets(s, "pip").caption == "a brown bear, sitting"
        (line, *_) = views.audit_page(s).rows
    assert (line.actor, line.action, line.entity_id) == ("operator", "new caption", "1")
    assert (line.before, line.after) == ({"caption": "a bear", "version": 1}, {"caption": new.text, "subject": "pip"})
    assert "provided by operator in the dashboard" in page(site)
    assert send(site, f"annotations/{old.id}/use", seen=str(new.id)).status_code == 303
    again = notes(site, "caption")[0]
    assert (again.id, again.text, again.licence, again.giver) == (old.id, "a bear", "MIT", "operator")
    assert send(site, "annotations/999/use").status_code == 400


def test_the_second_of_two_who_correct_at_once_is_told_and_keeps_what_was_typed(site: Site) -> None:
    with site.catalog.write() as s:
        first = found(s)
    assert send(site, "caption", "admin", text="a bear by ann", seen=str(first)).status_code == 303
    late = send(site, "caption", text="mine", seen=str(first))
    assert (late.status_code, notes(site, "caption")[0].text) == (409, "a bear by ann")
    assert "Caption: admin changed it since you opened the page" in late.text
    assert ">mine</textarea>" in late.text
    assert "<blockquote>a bear by ann</blockquote>" in late.text
    for path, more in (("controls", {"image": skeleton(), "kind": "caption"}), ("controls/none", {"kind": "mask"})):
        assert send(site, path, **more).status_code == 400
    assert send(site, "controls", image=skeleton(), kind="pose", seen="0").status_code == 303
    assert send(site, "controls/none", kind="pose", seen="0").status_code == 409
    with site.client("operator") as client:
        mask = {"mask": ("m.png", png(Image.linear_gradient("L").resize((64, 64))), "image/png")}
        assert client.post(f"{PATH}/mask", data={"seen": "77"}, files=mask).status_code == 409
    assert len(notes(site, "pose")) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (" \n ", "caption: 0 characters; write 1 to 2000"),
        ("x" * 2001, "caption: 2001 characters"),
        ("a \u202ebear", "right-to-left override"),
    ],
)
def test_a_caption_that_ingestion_would_refuse_is_refused(shared: Site, text: str, said: str) -> None:
    answer = send(shared, "caption", text=text)
    assert (answer.status_code, said in answer.text.lower()) == (400, True), answer.text
    assert notes(shared, "caption") == []


@pytest.mark.parametrize(
    ("kind", "image", "said"),
    [
        ("pose", skeleton(32), "pose: the image is 32 x 32 pixels, the reference 64 x 64"),
        ("depth", skeleton(), "depth: the image has colours"),
        ("canny", b"GIF89a", "canny: the file is gif"),
        ("a b", skeleton(), "kind: &#39;a b&#39; is not a kind of control image"),
    ],
)
def test_an_image_that_cannot_be_of_its_kind_is_refused(shared: Site, kind: str, image: bytes, said: str) -> None:
    answer = send(shared, "controls", kind=kind, image=image)
    assert (answer.status_code, said in answer.text.lower()) == (400, True), answer.text
    assert notes(shared, kind) == []


@pytest.mark.slow
def test_a_pose_is_uploaded_and_then_stated_to_be_none(site: Site) -> None:
    assert send(site, "controls", kind="pose", image=skeleton(), seen="0").status_code == 303
    (pose,) = notes(site, "pose")
    assert (pose.given, pose.method, pose.image_sha256 is not None) == ("dashboard", "user", True)
    with site.client("viewer") as client:
        assert client.get(f"/pictures/{pose.image_sha256}").headers["content-type"] == "image/png"
    assert send(site, "controls/none", kind="pose", seen=str(pose.id)).status_code == 303
    with site.catalog.write() as s:  # a run that looks for one does not bring one back
        found(s, kind="pose", text=None, image_sha256=pose.image_sha256, method="limbs-1")
    none = notes(site, "pose")[0]
    assert (none.image_sha256, none.given, none.version) == (None, "dashboard", 2)
    text = page(site).partition('aria-label="Pose"')[2].partition("</section>")[0]
    assert "<span>no pose</span>" in text
    assert "There is no pose" not in text


@pytest.mark.slow
def test_a_backend_with_a_model_is_ordered_and_one_without_finds_the_mask_at_once(start: Callable[..., Site]) -> None:
    with orders() as taken:
        site = start(prefect_api=taken.api)
        for kind, backend in (("caption", "blip"), ("depth", "depth-anything-v2-small"), ("mask", "anime")):
            assert send(site, f"{kind}/found", backend=backend).status_code == 303
        assert send(site, "mask/found", backend="grabcut").status_code == 303
        for kind, backend in (("caption", "anime"), ("depth", ""), ("canny", "blip")):
            answer = send(site, f"{kind}/found", backend=backend)
            assert (answer.status_code, f"{kind}: there is no" in answer.text.lower()) == (400, True)
    wanted = [{"caption": "auto:blip"}, {"depth": "auto:depth-anything-v2-small"}, {"mask": "auto:anime"}]
    assert all(is_auto(*next(iter(one.items()))) for one in wanted), "ingestion's own words for it"
    assert taken.taken == [("ingest/ingest", {"subjects": [{"name": "pip"} | one]}) for one in wanted]
    with site.catalog.read() as s:
        mask = views.subject_assets(s, "pip").mask
        assert mask is not None
        assert (mask.method, mask.giver, mask.version) == (GRABCUT, "operator", 2)
        assert len(views.audit_page(s, action="start flow").rows) == 3


@pytest.mark.slow
def test_another_masker_is_offered_and_never_applied(start: Callable[..., Site]) -> None:
    site = start(masker="grabcut")
    with site.client("operator") as client:
        assert f'hx-get="{PATH}/mask/offer"' in client.get("/subjects/1").text
        offered = client.get(f"{PATH}/mask/offer").text
        assert f"{GRABCUT} would be used today" in offered
        assert 'name="backend" value="grabcut"' in offered
        assert client.post(f"{PATH}/mask/found", data={"backend": "grabcut"}).status_code == 303
        assert "would be used" not in client.get(f"{PATH}/mask/offer").text
        with site.catalog.read() as s:
            (other,) = views.subject(s, 2).references
        assert [one.version for one in other.masks] == [1]
        assert client.post(f"{PATH}/masks/1/use").status_code == 303
        assert "would be used" not in client.get(f"{PATH}/mask/offer").text, "a person chose it"


@pytest.mark.slow
def test_a_masker_whose_model_is_missing_is_not_offered(start: Callable[..., Site]) -> None:
    with start(masker="birefnet").client("operator") as client:
        assert "would be used" not in client.get(f"{PATH}/mask/offer").text


def test_without_workers_only_what_the_dashboard_runs_can_be_chosen(shared: Site) -> None:
    text = page(shared)
    assert '<option value="grabcut">' in text
    assert '<option value="blip" disabled>' in text
    assert send(shared, "caption/found", backend="blip").status_code == 503


@pytest.mark.slow
def test_a_caption_is_corrected_by_the_keyboard_and_a_pose_uploaded(site: Site, tab: Open, tmp_path: Path) -> None:
    from axe_playwright_python.sync_playwright import Axe

    with site.catalog.write() as s:
        found(s)
    file = tmp_path / "pose.png"
    file.write_bytes(skeleton())
    shown = tab(site, "/subjects/1", "operator")
    shown.get_by_text("Change the caption").focus()
    shown.keyboard.press("Enter")
    shown.keyboard.press("Tab")
    shown.keyboard.press("Control+A")
    shown.keyboard.type("a bear at rest")
    assert Axe().run(shown).response["violations"] == []
    shown.keyboard.press("Tab")
    shown.keyboard.press("Enter")
    shown.get_by_text("The new caption is in use.").wait_for()
    assert shown.locator("blockquote").inner_text() == "a bear at rest"
    shown.get_by_text("Change the pose").click()
    assert not shown.get_by_label("What the reference shows").is_visible(), "one at a time"
    shown.locator("details[open] input[type=file]").set_input_files(file)
    shown.get_by_role("button", name="Upload").click()
    shown.get_by_text("Pose: the new image is in use.").wait_for()
    assert Axe().run(shown).response["violations"] == []
    assert [one.given for one in notes(site, "pose")] == ["dashboard"]
