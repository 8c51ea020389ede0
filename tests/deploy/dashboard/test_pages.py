"""What pages do without a browser: masks, decisions on many, exports, and Prefect away."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from storage.catalog import views, writes
from storage.catalog.records import CellRecord
from storage.objects import DiskStore
from tests.deploy.dashboard.conftest import Site
from tests.deploy.dashboard.made_up import plain, png
from tests.storage.blobs import put_blob


def upload(site: Site, data: bytes) -> tuple[int, str]:
    with site.client("operator") as client:
        path = "/subjects/1/references/1/mask"
        answer = client.post(path, files={"mask": ("mask.png", data, "image/png")}, headers={"Accept": "text/html"})
    return answer.status_code, answer.text


def test_a_better_mask_is_a_new_version_encoded_anew(site: Site) -> None:
    better = plain(0, -2, 0)
    better.paste(255, (0, 0, 20, 20))
    data = png(better, "something hidden")
    status, said = upload(site, data)
    assert status == 303, said
    with site.catalog.read() as s:
        new, old = views.subject(s, 1).references[0].masks
        assert (new.version, new.method, new.current, old.cells) == (2, "given", True, 120)
        assert views.output(s, 1).newer_mask
    with site.client() as client:
        kept = client.get(f"/pictures/{new.sha256}")
        assert kept.content.startswith(b"\x89PNG")
        assert b"hidden" not in kept.content
        assert "older mask" in client.get("/outputs/1").text


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"GIF89a", "not a PNG, JPEG or WebP"),
        (png(Image.new("L", (32, 32), 255)), "the reference is 64 x 64"),
        (png(Image.new("L", (64, 64), 255)), "some of each"),
    ],
)
def test_what_is_no_mask_is_refused(shared: Site, data: bytes, said: str) -> None:
    status, text = upload(shared, data)
    assert (status, said in text) == (400, True)


def test_many_are_counted_then_decided_then_taken_back(site: Site) -> None:
    with site.client("reviewer", follow_redirects=True) as client:
        counted = client.post("/bulk/count", data={"subject_id": "2", "prompt": "snow", "to": "approved"})
        assert "60 pictures?" in counted.text
        with site.catalog.read() as s:
            assert views.decisions(s)["approved"] == 0  # nothing happened yet
            first = views.gallery_page(s, views.Filter(subject_id=2, prompt="snow")).rows[0]
        site.say("operator", first.output_id, "flagged", 1)
        apply = counted.text.split('action="/bulk/')[1].split('"')[0]
        assert "59 decided, 1 changed in the meantime" in client.post(f"/bulk/{apply}").text
        with site.catalog.read() as s:
            assert views.decisions(s) == {"none": 180, "approved": 59, "rejected": 0, "flagged": 1}
        assert "59 undone" in client.post(f"/bulk/{apply}/undo").text
        with site.catalog.read() as s:
            assert views.decisions(s) == {"none": 239, "approved": 0, "rejected": 0, "flagged": 1}


def test_a_map_of_attention_shows_beside_the_picture_that_it_is_of(site: Site) -> None:
    with site.catalog.write() as s:
        one, other = views.output(s, 1), views.output(s, 2)
        who: dict[str, Any] = {"output_id": 1, "map_sha256": other.image_sha256, "point": (0.25, 0.5)}
        writes.add_attention_map(s, **who, image_sha256=one.image_sha256, said="Regenerated, it is the same.")
        writes.add_attention_map(s, **who, image_sha256="0" * 64, said="of the picture before")
    with site.client("viewer") as client:
        page = client.get("/outputs/1").text
        alt = "Attention over the reference of the point 25 % from the left, 50 % from the top"
        assert f'src="/pictures/{other.image_sha256}" alt="{alt}' in page
        assert "Regenerated, it is the same." in page
        assert "of the picture before" not in page
        assert f"dreamtuner attention {other.digest}" in client.get("/outputs/2").text  # none yet: how to make it


def test_pictures_are_kept_for_ever_and_a_missing_thumbnail_is_made(site: Site) -> None:
    with site.catalog.read() as s:
        sha256 = views.output(s, 1).image_sha256
    (kept,) = (site.home / "objects/thumbnails").rglob(sha256)
    kept.unlink()
    with site.client("viewer") as client:
        answer = client.get(f"/thumbs/{sha256}.webp")
        assert answer.content[8:12] == b"WEBP"
        assert kept.exists()
        assert "immutable" in answer.headers["cache-control"]
        again = client.get(f"/thumbs/{sha256}.webp", headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304
        assert client.get(f"/pictures/{'0' * 64}").status_code == 404


def test_a_preview_is_smaller_where_that_is_possible_and_never_kept_by_others(site: Site) -> None:
    large = png(Image.effect_noise((400, 400), 60).convert("RGB"))
    with site.catalog.write() as s:
        sha256 = put_blob(DiskStore(site.home / "objects"), large, "image/png")
        writes.record_blob(s, sha256=sha256, size=len(large), content_type="image/png")
        small = views.output(s, 1).image_sha256
    with site.client("viewer") as client:
        for _ in range(2):  # the second is from memory
            answer = client.get(f"/previews/{sha256}")
            assert answer.headers["content-type"] == "image/jpeg"
            assert len(answer.content) < len(large)
            assert Image.open(io.BytesIO(answer.content)).size == (400, 400)
            assert answer.headers["cache-control"].startswith("private")
        assert client.get(f"/previews/{small}").content == client.get(f"/pictures/{small}").content
        assert client.get(f"/previews/{'0' * 64}").status_code == 404
    with site.client("") as client:
        assert client.get(f"/previews/{sha256}", follow_redirects=False).status_code in (303, 401)


def test_with_two_approvals_wanted_it_takes_two_people(start: Callable[..., Site]) -> None:
    site = start(approvals=2)

    def approve(who: str, revision: int) -> tuple[str, int]:
        said = {"uuid": f"{who}-{revision}", "output_id": 1, "revision": revision, "decision": "approved"}
        with site.client(who) as client:
            done = client.post("/api/reviews", json=said).json()
        return done["decision"], done["approvals"]

    assert approve("reviewer", 1) == ("none", 1)
    assert approve("reviewer", 2) == ("none", 1)  # the same person twice is one
    with site.client("viewer") as client:
        assert "1 of 2 approvals" in client.get("/outputs/1").text
    assert approve("operator", 3) == ("approved", 2)


def test_with_prefect_away_the_page_says_so_and_what_to_do(shared: Site) -> None:
    with shared.client("operator") as client:
        said = client.get("/flows").text
        assert "Prefect is unavailable" in said
        assert "stale: Prefect is unavailable" in said
        assert client.post("/flows/run", data={"deployment": "other/flow"}).status_code == 403


def test_a_filter_that_cannot_be_read_is_a_sentence(shared: Site) -> None:
    with shared.client("viewer") as client:
        answer = client.get("/outputs?subject_id=pip")
        assert answer.status_code == 400
        assert "is not a number; correct it or leave it empty" in answer.text
        assert client.get("/api/outputs?metric=clip_i&lowest=0.9").json()["outputs"] is not None


def test_control_images_of_a_picture_are_shown_as_pictures(site: Site) -> None:
    with site.catalog.read() as s:
        one, (own, pose, edges) = views.output(s, 1), [views.output(s, i).image_sha256 for i in (2, 3, 4)]
    controls: dict[str, Any] = {"pose": pose, "reference_depth": own, "controls": {"canny": edges}}
    cell = CellRecord(
        digest="f" * 64,
        subject_id=one.subject_id,
        reference_id=one.reference_id,
        mask_id=None,
        profile_id=1,
        prompt="posed",
        seed=1,
        settings={},
        **{"pose": None} | controls,
    )
    with site.catalog.write() as s:
        assert one.run_id is not None
        writes.plan_cells(s, one.run_id, [cell])
        writes.claim_cells(s, [cell.digest], "worker:1:x", 3600)
        made: dict[str, Any] = {"image_sha256": one.image_sha256, "run_id": one.run_id, "width": 64, "height": 64}
        output = writes.finish_cell(s, cell.digest, owner="worker:1:x", **made)
    with site.client("viewer") as client:
        page = client.get(f"/outputs/{output}").text
        lineage = page.partition('<ol class="lineage">')[2].partition("</ol>")[0]
        for name, sha256 in (("Depth map of the reference", own), ("Pose", pose), ("Canny", edges)):
            assert f'<img src="/thumbs/{sha256}.webp"' in lineage
            assert f"<span>{name}</span>" in lineage
        assert client.get(f"/thumbs/{pose}.webp").status_code == 200
