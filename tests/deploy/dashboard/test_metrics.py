"""What Prometheus reads: totals that never fall, who is at work, what waits; and who may read it."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event, select, update

from deploy.dashboard.metrics.collector import CatalogCollector, exposition
from deploy.dashboard.security.secrets import digest
from storage.catalog import Catalog, writes
from storage.catalog.database.base import now
from storage.catalog.records import CellRecord, WorkFigures
from storage.catalog.schema import User, WorkSession
from tests.deploy.dashboard.conftest import Site

H200 = "NVIDIA H200"
Read = dict[tuple[str, ...], float]


def read(catalog: Catalog, text: bytes | None = None) -> Read:
    """The samples by name, kind and class of device."""
    shown = (text or exposition(catalog)()).decode()
    return {
        (sample.name, *(sample.labels[name] for name in ("kind", "device") if name in sample.labels)): sample.value
        for family in text_string_to_metric_families(shown)
        for sample in family.samples
    }


@pytest.fixture
def catalog(tmp_path: Any) -> Any:
    with Catalog.open(f"sqlite:///{tmp_path}/catalog.db") as opened:
        yield opened


def work(catalog: Catalog, session_id: str, seconds: float, *, ago: float = 0, began: float = 100, **more: Any) -> None:
    """Record the totals of a session that began, and was last seen, so many seconds ago."""
    given: dict[str, Any] = {"run_id": None, "owner": "host:1:x", "kind": "generate", "device": H200}
    given |= {"figures": WorkFigures(items=int(10 * seconds), uploads_waiting=3, leases_lost=1, model_loads=1)} | more
    with catalog.write() as s:
        writes.record_work(s, session_id, device_seconds=seconds, **given)
        at = {"seen_at": now() - timedelta(seconds=ago), "started_at": now() - timedelta(seconds=began)}
        s.execute(update(WorkSession).where(WorkSession.id == session_id).values(at))


def test_totals_never_fall_whatever_becomes_of_the_sessions(catalog: Catalog) -> None:
    render = exposition(catalog)
    seconds = ("dreamtuner_device_seconds_total", "generate", H200)
    work(catalog, "old", 50, ago=90_000, began=90_100, ended=True)
    work(catalog, "a", 4)
    assert read(catalog, render())[seconds] == 54
    work(catalog, "a", 6, ended=True)
    work(catalog, "b", 5)
    work(catalog, "c", 7, kind="score")
    shown = read(catalog, render())
    assert shown[seconds] == 61
    assert shown["dreamtuner_cells_generated_total", H200] == 610
    assert shown["dreamtuner_scores_total", H200] == 70
    assert shown["dreamtuner_leases_lost_total", "generate", H200] == 3
    work(catalog, "old", 51, began=90_100, ended=True)  # a process that slept for a day goes on
    assert read(catalog, render())[seconds] == 62
    assert read(catalog)[seconds] == 62, "a dashboard that was started again counts the same"


def test_a_worker_that_vanished_is_not_at_work(catalog: Catalog) -> None:
    work(catalog, "here", 4)
    work(catalog, "killed", 4, ago=600)
    work(catalog, "done", 4, ended=True)
    work(catalog, "long ago", 4, ago=9_000)
    shown = read(catalog)
    assert shown["dreamtuner_workers", "generate", H200] == 1
    assert shown["dreamtuner_workers_silent", "generate", H200] == 1
    assert shown["dreamtuner_uploads_waiting",] == 3


def test_the_queue_of_a_run_is_its_cells_by_state_and_large_ones_are_counted_seldom(catalog: Catalog) -> None:
    with catalog.write() as s:
        subject = writes.add_subject(s, name="pip", class_word="bear", style="natural")
        writes.record_blob(s, sha256="1" * 64, size=1, content_type="image/png")
        reference = writes.add_reference(
            s, subject_id=subject, image_sha256="1" * 64, source="x", caption=None, width=8, height=8
        )
        profile = writes.add_profile(s, name="pocket", weights_digest="w")
        run = writes.start_run(s, name='grid "1"', spec={}, flow_run_id=None)
        fields: dict[str, Any] = {"subject_id": subject, "reference_id": reference, "mask_id": None}
        fields |= {"profile_id": profile, "prompt": "p", "pose": None, "settings": {}}
        cells = [CellRecord(digest=f"{i:064x}", seed=i, **fields) for i in range(5)]
        writes.plan_cells(s, run, cells)
        writes.claim_cells(s, [cells[0].digest], "me:1:x", 60)
    clock = [0.0]

    def slow() -> float:
        clock[0] += 0.5
        return clock[0]

    collector = CatalogCollector(catalog, slow)
    statements: list[str] = []
    with catalog.read() as s:
        event.listen(s.get_bind(), "before_cursor_execute", lambda *given: statements.append(given[2]))
    found = [{family.name: family for family in collector.collect()} for _ in range(3)]
    for shown in found:
        cells_of = {tuple(one.labels.values()): one.value for one in shown["dreamtuner_run_cells"].samples}
        assert cells_of[run, 'grid "1"', "planned"] == 4
        assert cells_of[run, 'grid "1"', "generating"] == 1
    assert sum("run_cells" in one for one in statements) == 1


def test_a_token_for_metrics_reads_them_and_nothing_else(site: Site) -> None:
    secret = uuid4().hex
    with site.catalog.write() as s:
        user = s.scalars(select(User.id).where(User.name == "viewer")).one()
        about = {"token_sha256": digest(secret), "name": "prometheus", "actor": "t"}
        writes.add_token(s, user_id=user, scope="metrics", expires_at=now() + timedelta(hours=1), **about)
    work(site.catalog, "a", 4)
    with site.client("") as client:
        bearer = {"Authorization": f"Bearer {secret}"}
        answer = client.get("/metrics", headers=bearer)
        assert answer.status_code == 200
        # Prometheus calls it by the name of a container, or by a pod's address
        assert client.get("/metrics", headers=bearer | {"Host": "dashboard:8265"}).status_code == 200
        assert client.get("/outputs", headers=bearer | {"Host": "dashboard:8265"}).status_code == 400
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert read(site.catalog, answer.content)["dreamtuner_device_seconds_total", "generate", H200] == 4
        for path in ("/", "/outputs", "/runs/x", "/account"):
            assert client.get(path, headers=bearer).status_code == 403, path
        assert client.get("/metrics").status_code in (303, 401)
