"""A rolling upgrade: a worker of the older version meets a catalog that a newer one has migrated."""

from pathlib import Path

import pytest
from sqlalchemy import text

from flows.execution.generation_worker import Worker
from flows.ingestion.store_subject import prepare_and_store
from flows.planning.cells import plan_cells
from flows.planning.preflight import preflight
from flows.resources import Resources
from flows.settings import Settings
from flows.spec.model import Spec
from flows.spec.subject import SubjectSpec
from flows.spec_run import record
from storage.catalog import Catalog, views, writes
from storage.catalog.migrate import head_revision
from storage.catalog.records import CatalogNewerError


@pytest.fixture
def cells(settings: Settings, references: Path) -> list[str]:
    """The digests of a planned run's cells."""
    resources = Resources.open()
    pip = SubjectSpec(name="pip", class_word="bear", reference=str(references / "pip.png"))
    spec = Spec(name="trip", subjects=(pip,), prompts=("a {subject}",), seeds=(1, 2), score=(), sampling={"steps": 1})
    ready, stored = preflight(spec, resources), prepare_and_store(pip, resources)
    with resources.catalog.write() as s:
        run_id = writes.start_run(s, name="trip", spec={}, flow_run_id=None)
    planned = plan_cells(spec, [stored.facts], ready.setup)
    record(spec, resources, ready, run_id, [stored], planned)
    return [cell.digest for cell in planned]


def migrate_further(catalog: Catalog) -> None:
    with catalog.write() as s:
        s.execute(text("UPDATE alembic_version SET version_num = '9999'"))


def test_a_worker_finishes_what_it_holds_and_refuses_new_work_by_name(
    cells: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    resources = Resources.open()
    store = Worker.store

    def overtaken(worker: Worker, *image: object) -> None:
        migrate_further(resources.catalog)
        store(worker, *image)  # type: ignore[arg-type]

    monkeypatch.setattr(Worker, "store", overtaken)

    def work() -> None:
        with Worker(resources, None) as worker:
            worker.make(cells[:1])
            worker.make(cells[1:])

    both = f"revision 9999, .*this is DreamTuner .* revisions up to {head_revision()}: update this installation"
    with pytest.raises(CatalogNewerError, match=both):
        work()
    with resources.catalog.read() as s:
        assert [views.cell(s, digest).state for digest in cells] == ["generated", "planned"]
    with pytest.raises(CatalogNewerError, match=both):
        Catalog.open(resources.settings.catalog_url)
