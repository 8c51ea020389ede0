"""Warnings of runs: kept once, found from run, output and subject, and gone with them."""

from collections.abc import Callable
from types import SimpleNamespace

from sqlalchemy import delete, select

from storage.catalog import Catalog, views, writes
from storage.catalog.records import CellPicture, RunWarning
from storage.catalog.schema import Run, RunCell, WarningRow

PROMPT = "a bear on the beach"
OF_ALL = RunWarning("placeholder", "holds a brace", "negative_prompt")
OF_MASK = RunWarning("mask", "covers the border", "subjects[0].mask", "pip")
OF_PROMPT = RunWarning("text cut off", "cut off: 'on the beach'", "prompts[0]", "pip", PROMPT)
OF_ANOTHER = RunWarning("text cut off", "cut off: 'at night'", "prompts[1]", "pip", "a bear at night")
OF_NOBODY = RunWarning("mask", "is empty", "subjects[1].mask", "momo")
EVERY = [OF_ALL, OF_MASK, OF_PROMPT, OF_ANOTHER, OF_NOBODY]


def made(catalog: Catalog, one: SimpleNamespace) -> int:
    """The id of the output of the run's first cell."""
    with catalog.write() as s:
        writes.record_blob(s, sha256="3" * 64, size=1, content_type="image/png")
        writes.claim_cells(s, one.digests[:1], "w", 60)
        writes.finish_cells(s, [CellPicture(one.digests[0], "3" * 64, 64, 64)], owner="w", run_id=one.run)
    with catalog.read() as s:
        found = views.cell(s, one.digests[0]).output_id
    assert found is not None
    return found


def test_warnings_are_kept_once_and_found_where_people_look(
    catalog: Catalog, planned: Callable[..., SimpleNamespace]
) -> None:
    one = planned()
    output_id = made(catalog, one)
    for _ in range(2):
        with catalog.write() as s:
            writes.replace_warnings(s, one.run, EVERY, {"pip": one.subject})
    with catalog.read() as s:
        assert views.warnings_of_run(s, one.run) == EVERY[:4]
        assert views.warnings_of_outputs(s, [output_id, 999]) == {output_id: EVERY[:3]}
        assert views.warnings_of_subject(s, one.subject) == EVERY[1:4]
        assert views.count_warnings(s, [one.run, "none"]) == {one.run: 4}


def test_warnings_go_with_their_run(catalog: Catalog, planned: Callable[..., SimpleNamespace]) -> None:
    one = planned()
    with catalog.write() as s:
        writes.replace_warnings(s, one.run, EVERY, {"pip": one.subject})
        s.execute(delete(RunCell).where(RunCell.run_id == one.run))
        s.execute(delete(Run).where(Run.id == one.run))
        assert s.scalars(select(WarningRow.id)).all() == []
