"""Subjects from a browser: uploads are checked as ingestion checks them, and masks say who gave them."""

import subprocess
import sys
from typing import Any

import httpx
import pytest
from PIL import Image, ImageDraw

from deploy.dashboard.flow_parameters import check_names
from deploy.dashboard.uploads.subjects import CLASS_WORD, NAME
from flows.spec.subject import SubjectSpec
from storage.catalog import views
from storage.catalog.records import CatalogError, SubjectAssets
from storage.objects import get_blob, open_store
from tests.deploy.dashboard.conftest import Site
from tests.deploy.dashboard.made_up import plain, png
from tests.quick_masks import quick_masks

__all__ = ["quick_masks"]

FIELDS = {"name": "bolt", "class_word": "robot", "style": "anime", "caption": "a robot, standing"}


def reference(colour: str = "red") -> bytes:
    image = Image.new("RGB", (64, 64), "#90b070")
    ImageDraw.Draw(image).ellipse((16, 6, 48, 60), fill=colour)
    return png(image)


def send(site: Site, who: str = "operator", picture: bytes | None = None, **more: Any) -> httpx.Response:
    files = {"reference": ("bolt.png", reference() if picture is None else picture, "image/png")}
    if mask := more.pop("mask", None):
        files["mask"] = ("mask.png", mask, "image/png")
    with site.client(who) as client:
        return client.post("/subjects", data=FIELDS | more, files=files)


def assets(site: Site, name: str = "bolt") -> SubjectAssets:
    with site.catalog.read() as s:
        return views.subject_assets(s, name)


def test_a_reference_is_uploaded_masked_and_named(site: Site) -> None:
    answer = send(site)
    assert answer.status_code == 303, answer.text
    found = assets(site)
    assert (found.class_word, found.style, found.caption) == ("robot", "anime", "a robot, standing")
    assert get_blob(open_store(site.settings.store_url), found.image_sha256) == reference()
    assert found.mask is not None
    assert (found.mask.given, found.mask.method) == ("found", "grabcut-2")
    with site.catalog.read() as s:
        (line, *_) = views.audit_page(s).rows
    assert (line.actor, line.action, line.after["subject"]) == ("operator", "new reference", "bolt")
    with site.client("viewer") as client:
        page = client.get(answer.headers["location"]).text
    assert "detected by grabcut-2" in page


def test_what_was_typed_comes_back_with_the_error_beside_its_field(site: Site) -> None:
    files = {"reference": ("bolt.png", b"no picture", "image/png")}
    with site.client("operator") as client:
        client.headers["accept"] = "text/html"
        answer = client.post("/subjects", data=FIELDS | {"caption": 'a "robot"', "replace": "1"}, files=files)
        nameless = client.post("/subjects", data=FIELDS | {"name": "a/b"}, files=files)
    assert (answer.status_code, nameless.status_code) == (400, 400)
    for kept in ('value="bolt"', 'value="robot"', "<option selected>anime", "a &#34;robot&#34;", "checked"):
        assert kept in answer.text
    assert "Reference: " in answer.text.partition('id="wrong-reference">')[2]
    assert "give 1 to 80 characters" in nameless.text.partition('id="wrong-name">')[2]
    assert "wrong-reference" not in nameless.text


def test_a_mask_that_comes_with_a_reference_is_that_persons(site: Site) -> None:
    mask = Image.new("L", (64, 64))
    ImageDraw.Draw(mask).ellipse((16, 6, 48, 60), fill=255)
    assert send(site, mask=png(mask)).status_code == 303
    found = assets(site).mask
    assert found is not None
    assert (found.given, found.giver, found.confidence, found.warnings) == ("dashboard", "operator", 1.0, ())


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"picture": reference()[:80]}, "reference: the png file is truncated"),
        ({"picture": b"GIF89a"}, "reference: the file is gif"),
        ({"picture": png(Image.new("RGB", (32, 32)))}, "too small"),
        ({"picture": png(Image.new("RGB", (64, 64), "teal"))}, "nothing stands out"),
        ({"mask": png(Image.new("L", (32, 32), 255))}, "the reference is 64 x 64"),
        ({"name": "../bolt"}, "name: give"),
        ({"class_word": "ro{bot"}, "class word: give"),
        ({"style": "oil"}, "style: choose"),
        ({"name": "pip", "class_word": "robot"}, "already the name of a bear"),
    ],
)
def test_what_ingestion_would_refuse_is_refused_and_nothing_is_written(
    shared: Site, sent: dict[str, Any], said: str
) -> None:
    with shared.catalog.read() as s:
        before = views.subject_names(s)
    answer = send(shared, **sent)
    assert (answer.status_code, said in answer.text.lower()) == (400, True), answer.text
    with shared.catalog.read() as s:
        assert views.subject_names(s) == before


def test_uploading_is_for_operators(shared: Site) -> None:
    assert send(shared, "reviewer").status_code == 403
    with shared.client("reviewer") as client:
        assert "New subject" not in client.get("/subjects").text
        assert client.post("/subjects/1/references/1/mask/found").status_code == 403
        assert client.post("/subjects/1/references/1/masks/1/use").status_code == 403


def test_a_subject_is_replaced_only_where_that_is_ticked(site: Site) -> None:
    before = assets(site, "pip")
    answer = send(site, name="pip")
    assert "tick" in answer.text
    assert assets(site, "pip") == before
    assert send(site, name="pip", replace="1").status_code == 303
    assert (assets(site, "pip").subject_id, assets(site, "pip").class_word) == (before.subject_id, "robot")
    assert assets(site, "pip").image_sha256 != before.image_sha256


def test_versions_say_who_gave_them_and_can_be_used_again_or_found_anew(site: Site) -> None:
    better, path = plain(0, -2, 0), "/subjects/1/references/1"
    better.paste(255, (20, 0, 40, 20))
    with site.client("operator") as client:
        assert client.post(f"{path}/mask", files={"mask": ("m.png", png(better), "image/png")}).status_code == 303
        assert "provided by operator in the dashboard" in client.get("/subjects/1").text
        with site.catalog.read() as s:
            old = next(one for one in views.subject(s, 1).references[0].masks if not one.current)
        assert client.post(f"{path}/masks/{old.id}/use").status_code == 303
        used = assets(site, "pip").mask
        assert used is not None
        assert (used.id, used.given, used.giver) == (old.id, "dashboard", "operator")
        assert client.post(f"{path}/mask/found").status_code == 303
        found = assets(site, "pip").mask
        assert found is not None
        assert (found.given, found.method) == ("found", "grabcut-2")
        assert "requested by operator" in client.get("/subjects/1").text
        assert client.post(f"{path}/masks/999/use").status_code == 400
    with site.catalog.read() as s:
        assert len(views.subject(s, 1).references[0].masks) == 3


def test_a_painted_mask_that_cannot_be_meant_is_doubted_at_once(site: Site) -> None:
    inverted = Image.eval(plain(0, -2, 0), lambda value: 255 - value)
    with site.client("operator") as client:
        sent = {"mask": ("m.png", png(inverted), "image/png")}
        assert client.post("/subjects/1/references/1/mask", files=sent).status_code == 303
        page = client.get("/subjects/1").text
    assert "as an inverted mask does" in page
    assert "Check it" in page


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"spec": {"subjects": [{"name": "pipp"}]}}, "did you mean 'pip'"),
        ({"subjects": [{"name": "pip", "class_word": "robot", "reference": "x.png"}]}, "already the name of a bear"),
        ({"subjects": [{"name": "momo", "class_word": "rabbit", "reference": "x.png"}]}, "style"),
        ({"subjects": [{"name": "pip", "class_word": "robot", "reference": "x.png", "replace": True}]}, ""),
        ({"spec": {"subjects": [{"name": "pip"}, {"name": "new", "class_word": "cat", "reference": "x.png"}]}}, ""),
        ({"spec": "?", "subjects": 3}, ""),
    ],
)
def test_an_order_names_one_subject_by_a_name(shared: Site, given: dict[str, Any], said: str) -> None:
    with shared.catalog.read() as s:
        if not said:
            check_names(given, s)
            return
        with pytest.raises(CatalogError, match=said):
            check_names(given, s)


@pytest.mark.parametrize("name", ["pip", "pip the 2nd", " pip", "a/b", "a\\b", "a\nb", "", "x" * 80, "x" * 81])
def test_names_are_those_of_specs(name: str) -> None:
    assert bool(NAME.fullmatch(name)) == _taken({"name": name})


@pytest.mark.parametrize("word", ["bear", "teddy bear", "two  spaces", " bear", "{bear}", ""])
def test_class_words_are_those_of_specs(word: str) -> None:
    assert bool(CLASS_WORD.fullmatch(word)) == _taken({"name": "pip", "class_word": word})


def _taken(entry: dict[str, str]) -> bool:
    try:
        SubjectSpec.model_validate({"class_word": "bear", "reference": "x.png"} | entry)
    except ValueError:
        return False
    return True


@pytest.mark.slow
def test_the_dashboard_takes_references_without_torch_and_prefect() -> None:
    code = (
        "import sys; from PIL import Image; import deploy.dashboard.app, dreamtuner.preprocess as p;"
        "p.decode_image(sys.stdin.buffer.read()); print({'torch', 'prefect', 'diffusers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], input=reference(), capture_output=True, check=True)
    assert done.stdout.strip() == b"set()"


def send_several(site: Site, *further: bytes, **fields: str) -> httpx.Response:
    files = [("reference", ("front.png", reference(), "image/png"))]
    files += [("further", (f"{i}.png", data, "image/png")) for i, data in enumerate(further)]
    with site.client("operator") as client:
        client.headers["accept"] = "text/html"
        return client.post("/subjects", data=FIELDS | fields, files=files)


@pytest.mark.slow
def test_further_references_are_uploaded_masked_and_corrected_each_by_itself(site: Site) -> None:
    answer = send_several(site, reference("blue"), reference("orange"), weight="0.5")
    assert answer.status_code == 303, answer.text
    found = assets(site)
    assert [one.weight for one in found.references] == [1.0, 0.5, 0.5]
    second = found.references[1].reference_id
    with site.catalog.read() as s:
        assert [ref.place for ref in views.subject(s, found.subject_id).references] == [0, 1, 2]
    base = f"/subjects/{found.subject_id}/references/{second}"
    with site.client("operator") as client:
        client.headers["accept"] = "text/html"
        page = client.get(f"/subjects/{found.subject_id}").text
        assert [f"Reference {i}" in page for i in (1, 2, 3, 4)] == [True, True, True, False]
        assert page.count("weight 0.5") == 2
        assert page.count(f'action="{base}/caption"') == 1
        wrong = client.post(f"{base}/caption", data={"text": " "})
        assert (wrong.status_code, wrong.text.count('id="wrong-caption"')) == (400, 1)
        assert wrong.text.index(f'action="{base}/caption"') < wrong.text.index('id="wrong-caption"')
        assert client.post(f"{base}/caption", data={"text": "a robot from behind"}).status_code == 303
    with site.catalog.read() as s:
        assert [one.caption for one in views.further_assets(s, assets(site))] == ["a robot from behind", None]
    again = send_several(site, reference("blue"), weight="0.5")
    assert again.status_code == 400
    assert "references (3 there, 2 here)" in again.text
    assert send_several(site, reference("blue"), weight="0.5", replace="1").status_code == 303
    with site.catalog.read() as s:
        assert [ref.place for ref in views.subject(s, found.subject_id).references] == [0, 1, None]


@pytest.mark.parametrize(
    ("further", "fields", "said"),
    [
        ([b"no picture"], {}, "Further: image 1: "),
        ([reference()], {}, "Further: image 1 is chosen twice"),
        ([reference("blue")], {"weight": "0"}, "Weight: &#39;0&#39; is not a positive number"),
        ([reference("blue")], {"weight": "nan"}, "Weight: "),
    ],
)
def test_a_further_reference_that_does_not_do_is_named(
    site: Site, further: list[bytes], fields: dict[str, str], said: str
) -> None:
    answer = send_several(site, *further, **fields)
    assert answer.status_code == 400
    assert said in answer.text
    with pytest.raises(CatalogError):
        assets(site)
