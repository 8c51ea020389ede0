"""The page of a run: how it ended and why, who was refused, what is missing."""

from storage.catalog import views, writes
from tests.deploy.dashboard.conftest import Site


def test_a_runs_page_says_how_it_ended_why_and_who_started_it(site: Site) -> None:
    with site.catalog.write() as s:
        first = views.recent_runs(s)[0].id
        cell = views.cells_of_run(s, first)[0].digest
        run = writes.start_run(s, name="trip", spec={"name": "trip"}, flow_run_id="f-1", owner="lab-3/9:17:x")
        writes.record_audit(s, actor="olga", action="start flow", entity="flow run", entity_id="f-1")
        reason = "5 of 6 images were not generated: <cut>: reference: truncated"
        writes.finish_run(s, run, "failed", reason=reason, refused={"<cut>": "reference: truncated"})
        writes.finish_run(s, first, "completed")
        writes.mark_cells_lost(s, [cell])
        writes.claim_cells(s, [cell], "elsewhere:1:x", 60)
        writes.release_cells(s, [cell], owner="elsewhere:1:x", reason="no memory on elsewhere")
    with site.client("viewer") as client:
        shown = client.get(f"/runs/{run}").text
        home = client.get("/").text
        gave_back = client.get(f"/runs/{first}").text
        assert client.get("/runs/nowhere").status_code == 404
    for words in ("failed", "5 of 6 images were not generated: &lt;cut&gt;", "lab-3", "olga", "Rejected subjects", run):
        assert words in shown
    assert f'href="/outputs?run_id={run}"' not in shown, "it has no images"
    assert f'href="/outputs?run_id={first}"' in gave_back
    assert "nothing generated" in shown
    assert f'href="/runs/{run}"' in home
    assert "Waiting to be generated" not in home, "nobody makes what a run that is over has left"
    assert "No run is generating these" in home
    assert "5 of 6 images were not generated" in home
    assert "no memory on elsewhere" in gave_back
    assert "1</b> planned" in gave_back
