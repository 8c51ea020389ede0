"""A run with nothing to do finds that out from the catalog alone, and cheaply however large the grid is."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from flows.catalog import catalog
from flows.ingestion.store_subject import prepare_and_store
from flows.planning.cells import plan_cells
from flows.planning.preflight import preflight
from flows.planning.preview import preview
from flows.resources import Resources
from flows.settings import Settings
from flows.spec.model import Spec
from flows.spec_run import record
from storage.catalog import views, writes
from storage.catalog.records import CellPicture
from storage.keys import blob_key
from storage.lost import read_picture
from storage.objects import ObjectMissingError


def order(references: Path, seeds: int) -> Spec:
    return Spec.model_validate(
        {
            "name": f"grid of {seeds}",
            "subjects": [{"name": "pip", "class_word": "bear", "reference": str(references / "pip.png")}],
            "prompts": ["a {subject} on the beach"],
            "seeds": list(range(seeds)),
            "sampling": {"steps": 1},
        }
    )


@contextmanager
def statements() -> Iterator[list[str]]:
    sent: list[str] = []

    def hear(_: Any, __: Any, statement: str, *___: Any) -> None:
        sent.append(statement)

    event.listen(Engine, "before_cursor_execute", hear)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", hear)


@pytest.mark.slow
@pytest.mark.usefixtures("prefect_api")
def test_a_rerun_reads_no_picture_and_keeps_the_sheet(
    settings: Settings, references: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, store, read = order(references, 2), Resources.open(settings).store, []
    first = catalog(spec)
    with Resources.open(settings).catalog.read() as s:
        pictures = [cell.image_sha256 for cell in views.cells_of_run(s, first.run)]
    honest = type(store).get
    monkeypatch.setattr(type(store), "get", lambda self, key: read.append(key) or honest(self, key))
    again = catalog(spec)
    assert (again.made, again.skipped) == (0, 2)
    assert not {blob_key(str(sha)) for sha in pictures} & set(read)
    assert again.contact_sheet != first.contact_sheet
    assert again.contact_sheet.read_bytes() == first.contact_sheet.read_bytes()

    store.delete(blob_key(str(pictures[0])))  # whoever reads it next finds out,
    with pytest.raises(ObjectMissingError):
        read_picture(Resources.open(settings).catalog, store, str(pictures[0]))
    mended = catalog(spec)  # so that the next run knows
    assert (mended.made, mended.skipped) == (1, 1)
    with Resources.open(settings).catalog.read() as s:  # made alone its last bits may differ from those in its batch
        pictures = [cell.image_sha256 for cell in views.cells_of_run(s, mended.run)]
    assert all(read_picture(Resources.open(settings).catalog, store, str(sha)) for sha in pictures)


def test_a_grid_of_twice_the_size_takes_no_more_statements(settings: Settings, references: Path) -> None:
    counts = []
    for seeds in (40, 80):
        spec = order(references, seeds)
        ready, kept = (
            preflight(spec, Resources.open(settings)),
            prepare_and_store(spec.subjects[0], Resources.open(settings)),
        )
        planned = plan_cells(spec, [kept.facts], ready.setup)
        for _ in range(2):  # the second finds all of them there
            with Resources.open(settings).catalog.write() as s:
                run_id = writes.start_run(s, name=spec.name, spec={}, flow_run_id=None)
            with statements() as recorded:
                record(spec, Resources.open(settings), ready, run_id, [kept], planned)
        with statements() as previewed:
            found = preview(spec, Resources.open(settings))
        assert len(found.states) == seeds
        counts.append((len(recorded), len(previewed)))
    assert counts[0] == counts[1]


def test_unscored_outputs_are_read_once(settings: Settings, references: Path) -> None:
    spec = order(references, 3)
    ready, kept = (
        preflight(spec, Resources.open(settings)),
        prepare_and_store(spec.subjects[0], Resources.open(settings)),
    )
    with Resources.open(settings).catalog.write() as s:
        run_id = writes.start_run(s, name=spec.name, spec={}, flow_run_id=None)
    planned = plan_cells(spec, [kept.facts], ready.setup)
    record(spec, Resources.open(settings), ready, run_id, [kept], planned)
    with Resources.open(settings).catalog.write() as s:
        digests = writes.claim_cells(s, [cell.digest for cell in planned], "me", 60)
        sha = kept.facts.reference_sha256
        writes.finish_cells(s, [CellPicture(digest, sha, 64, 64) for digest in digests], owner="me", run_id=run_id)
        outputs = [one.output_id for one in views.unscored(s, run_id, "clip_i", "1")]
        assert len(outputs) == 3
        writes.add_scores(s, metric="clip_i", version="1", values={outputs[0]: 0.25, outputs[2]: 0.5})
    with statements() as sent, Resources.open(settings).catalog.read() as s:
        assert [one.output_id for one in views.unscored_among(s, outputs, "clip_i", "1")] == [outputs[1]]
        assert [one.output_id for one in views.unscored_among(s, outputs[:1], "clip_i", "1")] == []
        assert [cell.scores for cell in views.cells_of_run(s, run_id)] == [{"clip_i": 0.25}, {}, {"clip_i": 0.5}]
    assert not any("run_cells" in one for one in sent[:3])  # a task asks for its own outputs, not for the run's
