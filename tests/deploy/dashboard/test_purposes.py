"""What pictures are for: all their projects count, also those that whoever exports does not see."""

from pathlib import Path

import pytest
from sqlalchemy import select, update

from deploy.dashboard.exports.lineage import demand_purposes
from storage.catalog import Catalog, views, writes
from storage.catalog.narrowing import Viewer
from storage.catalog.records import CatalogError
from storage.catalog.schema import Cell, Output, Profile, RunCell
from tests.storage.projects import add_pictures


@pytest.mark.parametrize("seen", [("ours",), ("ours", "theirs")])
def test_an_image_of_two_projects_has_to_be_allowed_for_both(tmp_path: Path, seen: tuple[str, ...]) -> None:
    with Catalog.open(f"sqlite:///{tmp_path}/catalog.db") as catalog:
        with catalog.write() as s:
            purposes = {"ours": "non-commercial", "theirs": "commercial"}
            ids = {name: writes.add_project(s, name=name, purpose=of, actor="x") for name, of in purposes.items()}
            add_pictures(s, ids["ours"], "pip", ["one", "two"])
            theirs = writes.start_run(s, name="t", spec={}, flow_run_id=None, project_id=ids["theirs"])
            shared, alone = s.scalars(select(Output.id).order_by(Output.id))
            cell = s.scalars(select(Output.cell_id).where(Output.id == shared)).one()
            subject = s.scalars(select(Cell.subject_id).where(Cell.id == cell)).one()
            s.add(RunCell(run_id=theirs, cell_id=cell, subject_id=subject, position=0))
            s.execute(update(Profile).values(licence="CC-BY-NC-4.0"))
        viewer = Viewer("ann", frozenset(ids[name] for name in seen))
        with catalog.seen_by(viewer).read() as s:
            outputs = views.outputs(s, [shared, alone], licences=True)
            found = views.purposes_of_outputs(s, [shared, alone])
            assert {one.name for one in views.projects(s)} == set(seen)
    demand_purposes(outputs[1:], found, {})
    with pytest.raises(CatalogError, match="forbids commercial use") as refused:
        demand_purposes(outputs, found, {})
    assert ("'theirs'" in str(refused.value)) == ("theirs" in seen)
    assert ("a project that you do not see" in str(refused.value)) == ("theirs" not in seen)
