"""Forgetting in the dashboard: who may, what is asked first, what is gone afterwards."""

from storage.catalog import views, writes
from tests.deploy.dashboard.conftest import Site


def test_a_subject_is_forgotten_once_its_name_is_typed(site: Site) -> None:
    with site.catalog.write() as s:
        (run,) = (one.id for one in views.recent_runs(s))
        writes.touch_run(s, run)  # or it is taken for dead, where tests have been running for ten minutes
        sheet = site.home / "runs" / run / "contact_sheet.png"
        shown = views.gallery_page(s, views.Filter(subject_id=2), limit=1).rows[0].image_sha256
    sheet.parent.mkdir(parents=True)
    sheet.write_bytes(b"shows everybody")
    with site.client("operator") as client:
        assert "120 pictures" in client.get("/subjects/2/forget").text
        assert client.get(f"/pictures/{shown}").status_code == 200
        under_way = client.post("/subjects/2/forget", data={"typed": "momo"})
        assert "is in progress" in under_way.text
        with site.catalog.write() as s:
            writes.finish_run(s, run, "completed")
        assert "nothing was deleted" in client.post("/subjects/2/forget", data={"typed": "pip"}).text
        assert client.post("/subjects/2/forget", data={"typed": "momo"}).status_code == 303
        assert client.get("/subjects/2").status_code == 404
        assert client.get(f"/pictures/{shown}").status_code == 404  # before its bytes are collected too
        assert len(client.get("/api/outputs?limit=300").json()["outputs"]) == 120
    with site.catalog.read() as s:
        (line,) = views.audit_page(s, action="forget").rows
    assert (line.actor, line.entity, line.entity_id, line.after["outputs"]) == ("operator", "subject", "2", 120)
    assert "momo" not in str(line)


def test_reviewers_forget_nothing(site: Site) -> None:
    with site.client("reviewer") as client:
        assert "/forget" not in client.get("/outputs/1").text + client.get("/subjects/1").text + client.get("/").text
        assert client.post("/outputs/1/forget").status_code == 403
        assert client.get("/outputs/1").status_code == 200
