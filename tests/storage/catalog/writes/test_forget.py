"""What is forgotten is gone, nothing else is, and what may not go does not."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text

from storage.catalog import Catalog, views, writes
from storage.catalog.records import CatalogError, CellRecord, NotInCatalogError
from storage.catalog.views import Filter
from storage.ingest import storing
from storage.keys import blob_key, thumbnail_key
from storage.maintenance.gc import collect
from storage.maintenance.verify import Finding, verify
from storage.objects import DiskStore
from storage.thumbnails import store_thumbnail
from tests.deploy.dashboard.made_up import plain, png
from tests.storage.catalog.writes.test_links import another

Planned = Callable[..., SimpleNamespace]
TABLES = (
    *("subjects", "refs", "masks", "cells", "outputs", "reviews", "scores", "subject_scores", "cell_subjects"),
    *("run_cells", "attention_maps", "checkpoints", "trainings", "forgetting", "annotations"),
)


class House:
    """A catalog with its store: two subjects with pictures, reviews, a fine-tuning each, a sheet, a queue."""

    def __init__(self, catalog: Catalog, store: DiskStore) -> None:
        self.catalog, self.store = catalog, store
        self.outputs: dict[str, list[int]] = {}
        self.blobs: dict[str, set[str]] = {"all": set()}
        self.cells: dict[str, list[str]] = {}
        with catalog.write() as s:
            self.profile = writes.add_profile(s, name="pocket", weights_digest="w")
            self.user = writes.add_user(s, name="ann", role="admin", actor="setup")
        spec = {"subjects": [{"name": "pip", "reference": "pip.png"}, {"name": "momo", "reference": "momo.png"}]}
        self.run = self.start("both", spec)
        self.alone = self.start("alone", {"subjects": [{"name": "pip", "reference": "pip.png"}]})
        for number, name in enumerate(("pip", "momo")):
            self.enter(number, name)
        with catalog.write() as s:
            both = [*self.outputs["pip"], *self.outputs["momo"]]
            self.queue = writes.add_queue(s, user_id=self.user, title="all", filter={}, output_ids=both, revisions=both)
            given = {"spec": spec, "subject": "pip"}
            writes.record_audit(s, actor="ann", action="start flow", entity="flow run", entity_id="f", after=given)
            for run in (self.run, self.alone):
                writes.finish_run(s, run, "failed", reason="pip was refused", refused={"pip": "no file", "momo": "too"})

    def start(self, name: str, spec: dict[str, Any]) -> str:
        with self.catalog.write() as s:
            return writes.start_run(s, name=name, spec=spec, flow_run_id=None, owner="elsewhere:1:x")

    def keep(self, name: str, data: bytes, kind: str = "image/png") -> str:
        with storing(self.catalog, self.store, (data, kind)) as (_, [sha256]):
            self.blobs.setdefault(name, set()).add(sha256)
        return sha256

    def enter(self, number: int, name: str) -> None:
        image, mask = self.keep(name, png(plain(number, -1, 0), name)), self.keep(name, png(plain(number, -2, 0), name))
        drawn = [self.keep(name, png(plain(number, 0, seed))) for seed in (1, 2)]
        state, weights, seen = (
            self.keep(name, f"{what} of {name}".encode(), "x/y") for what in ("state", "weights", "map")
        )
        depth = self.keep(name, png(plain(number, -3, 0)))
        sheet = self.keep("all", b"a sheet of both", "image/png")
        with self.catalog.write() as s:
            subject = writes.add_subject(s, name=name, class_word="bear", style="natural")
            shape: dict[str, Any] = {"width": 64, "height": 64, "source": f"{name}.png", "caption": None}
            reference = writes.add_reference(s, subject_id=subject, image_sha256=image, **shape)
            about: dict[str, Any] = {"mask_sha256": mask, "method": "grabcut", "confidence": 0.9, "doubtful": False}
            mask_id = writes.add_mask(s, reference_id=reference, **about)
            seen_by: dict[str, Any] = {"reference_id": reference, "method": "eye-1"}
            writes.add_annotation(s, kind="depth", image_sha256=depth, **seen_by)
            writes.add_annotation(s, kind="caption", text=f"a bear called {name}", **seen_by)
            for step in ("done", "under way"):
                recipe = {"class_word": "bear", "style": "natural", "step": step}
                made_of: dict[str, Any] = {"reference_id": reference, "mask_id": mask_id, "profile_id": self.profile}
                writes.plan_training(s, f"{step} {name}", recipe=recipe, **made_of)
                writes.claim_training(s, f"{step} {name}", "me", 60)
                writes.save_training_state(s, f"{step} {name}", owner="me", step=1, resume_sha256=state)
            finished = {"owner": "me", "step": 2, "weights_sha256": weights}
            point = writes.finish_training(s, f"done {name}", **finished)  # type: ignore[arg-type]
            writes.release_training(s, f"under way {name}", owner="me")
            fields: dict[str, Any] = {"profile_id": self.profile, "pose": None, "prompt": "a bear", "settings": {}}
            fields |= {"subject_id": subject, "reference_id": reference, "mask_id": mask_id, "checkpoint_id": point}
            cells = [CellRecord(digest=f"{number}{i:063x}", seed=i, **fields) for i in range(3)]
            for run in (self.run, self.alone) if name == "pip" else (self.run,):
                writes.plan_cells(s, run, cells)
                writes.set_sheet(s, run, sheet)
            self.cells[name] = [cell.digest for cell in cells]
            writes.claim_cells(s, self.cells[name][:2], "me", 60)
            of = {"owner": "me", "width": 64, "height": 64, "run_id": self.run}
            ids = [
                writes.finish_cell(s, digest, image_sha256=sha256, **of)  # type: ignore[arg-type]
                for digest, sha256 in zip(self.cells[name], drawn, strict=False)
            ]
            for output in ids:
                writes.add_scores(s, metric="clip_i", version="1", values={output: 0.5})
                who = {"uuid": f"u{output}", "output_id": output, "revision": 1, "reviewer": "ann"}
                writes.add_review(s, decision="approved", **who)  # type: ignore[arg-type]
            where: dict[str, Any] = {"output_id": ids[0], "image_sha256": drawn[0], "map_sha256": seen}
            writes.add_attention_map(s, point=(0.5, 0.5), said="", **where)
        for sha256 in drawn:
            store_thumbnail(self.store, sha256, self.store.get(blob_key(sha256)))
        self.outputs[name] = ids

    def count(self, table: str) -> int:
        with self.catalog.read() as s:
            return int(s.scalars(text(f"SELECT count(*) FROM {table}")).one())

    def holds(self, sha256: str) -> bool:
        return self.store.exists(blob_key(sha256))

    def check(self) -> None:
        """Nothing is wrong, before and after the collector, which takes all that was forgotten."""
        found: list[Finding] = []
        verify(self.catalog, self.store, found.append, settle_seconds=0)
        collect(self.catalog, self.store, grace_seconds=0)
        verify(self.catalog, self.store, found.append, settle_seconds=0)
        assert found == []

    def text(self) -> str:
        """Every row of every table."""
        with self.catalog.read() as s:
            from storage.catalog.database.base import Base

            return str([list(s.execute(table.select())) for table in Base.metadata.sorted_tables])


@pytest.fixture
def house(catalog: Catalog, tmp_path: Path) -> House:
    return House(catalog, DiskStore(tmp_path / "objects"))


def test_a_subject_goes_with_everything_and_the_other_stays(house: House) -> None:
    before = {table: house.count(table) for table in TABLES}
    thumbnails = [thumbnail_key(one) for one in house.blobs["pip"] if house.store.exists(thumbnail_key(one))]
    assert len(thumbnails) == 2
    with house.catalog.write() as s:
        writes.add_triage_model(s, version="1", decisions=40, keepers=20, weights={"subject:pip": 0.3})
        gone = writes.forget_subject(s, "pip", actor="bob")
    assert (gone.cells, gone.outputs, gone.reviews, gone.checkpoints, gone.shared) == (3, 2, 2, 1, 0)
    assert set(gone.runs) == {house.run, house.alone}
    assert (gone.runs_gone, gone.trainings) == ([house.alone], ["done pip", "under way pip"])
    after = {table: house.count(table) for table in TABLES}
    halves = {table: count // 2 for table, count in before.items()} | {"run_cells": 3}
    assert after == halves
    house.check()
    assert not any(house.holds(one) for one in house.blobs["pip"] | house.blobs["all"])
    assert all(house.holds(one) for one in house.blobs["momo"] if house.store is not None and one in _kept(house))
    assert not any(house.store.exists(one) for one in thumbnails)
    everything = house.text()
    assert "pip" not in everything
    assert "momo" in everything
    with house.catalog.read() as s:
        queue = views.queue(s, house.queue)
        assert (queue.output_ids, queue.revisions) == (house.outputs["momo"], house.outputs["momo"])
        line = views.audit_page(s).rows[0]
        assert (line.actor, line.action, line.entity, line.after["outputs"]) == ("bob", "forget", "subject", 2)
        started = views.audit_page(s, action="start flow").rows[0]  # who, what and when stay
        assert started.after == {
            "spec": {"subjects": [{"name": "forgotten"}, {"name": "momo", "reference": "momo.png"}]},
            "subject": "forgotten",
        }
        (run,) = views.recent_runs(s)
        assert (run.id, run.cells["generated"], run.cells["planned"]) == (house.run, 2, 1)


def test_a_forgotten_picture_is_not_spared_for_having_been_uploaded_today(house: House) -> None:
    about: dict[str, Any] = {"content_type": "image/png", "size": 9, "width": 8, "height": 8}
    with house.catalog.write() as s:
        user = writes.add_user(s, name="zoe", role="operator", actor="setup")
        for sha256 in (*house.blobs["pip"], *house.blobs["momo"]):
            writes.add_upload(s, user_id=user, sha256=sha256, **about)
        writes.forget_subject(s, "pip", actor="bob")
    with house.catalog.read() as s:
        left = {one.sha256 for one in views.uploads_page(s, user, after=None, limit=99).rows}
    assert left == set(house.blobs["momo"])


def _kept(house: House) -> set[str]:
    """The blobs that rows refer to."""
    with house.catalog.read() as s:
        return set(s.scalars(text("SELECT sha256 FROM blobs WHERE marked_at IS NULL")))


def test_what_another_name_of_the_same_reference_has_stays_with_it(catalog: Catalog, planned: Planned) -> None:
    plan = planned(3)
    with catalog.write() as s:
        copy = another(s, "Pippa")
        writes.plan_cells(s, plan.run, [replace(cell, **copy) for cell in plan.cells[:2]])
        writes.claim_cells(s, plan.digests, "me", 60)
        ids = [
            writes.finish_cell(s, digest, owner="me", image_sha256="1" * 64, width=8, height=8)
            for digest in plan.digests
        ]
        writes.add_scores(s, metric="clip_i", version="1", values={ids[0]: 0.5})
        writes.add_review(s, uuid="u", output_id=ids[0], revision=1, reviewer="ann", decision="approved")
        recipe = {"class_word": "bear", "style": "natural"}
        mask = plan.cells[0].mask_id
        made_of: dict[str, Any] = {
            "reference_id": plan.reference,
            "mask_id": mask,
            "profile_id": plan.cells[0].profile_id,
        }
        writes.plan_training(s, "t", recipe=recipe, **made_of)
        writes.claim_training(s, "t", "me", 60)
        writes.finish_training(s, "t", owner="me", step=1, weights_sha256="2" * 64)
        assert [one.digest for one in views.trainings_of(s, "Pippa")] == ["t"]
        writes.finish_run(s, plan.run, "completed")
        gone = writes.forget_subject(s, "pip", actor="bob")
    assert (gone.outputs, gone.shared, gone.shared_with, gone.freed) == (1, 2, ["Pippa"], 0)
    with catalog.read() as s:
        with pytest.raises(NotInCatalogError):
            views.subject_assets(s, "pip")
        rows = views.gallery_page(s, Filter(subject_id=copy["subject_id"])).rows
        assert [row.output_id for row in rows] == ids[1::-1]
        one = views.output(s, ids[0])
        assert (one.subject, [link.name for link in one.subjects]) == ("Pippa", ["Pippa"])
        assert (one.scores, one.decision, len(views.reviews_of(s, ids[0]))) == ({"clip_i": 0.5}, "approved", 1)
        assert [one.digest for one in views.trainings_of(s, "Pippa")] == ["t"]
        assert len(views.subject(s, copy["subject_id"]).checkpoints) == 1
    with catalog.write() as s:
        assert writes.forget_subject(s, "Pippa", actor="bob").outputs == 2


def test_a_picture_goes_with_its_reviews_and_its_number_is_not_given_again(house: House) -> None:
    newest = house.outputs["momo"][-1]
    with house.catalog.write() as s:
        gone = writes.forget_output(s, newest, actor="bob")
    assert (gone.outputs, gone.reviews, gone.runs) == (1, 1, [house.run])
    house.check()
    again = house.start("again", {})
    with house.catalog.write() as s:
        record = {"subject_id": 2, "reference_id": 2, "mask_id": 2, "profile_id": 1, "pose": None, "settings": {}}
        cell = CellRecord(digest="f" * 64, prompt="a bear", seed=9, **record)  # type: ignore[arg-type]
        writes.plan_cells(s, again, [cell])
        writes.claim_cells(s, [cell.digest], "me", 60)
        of = {"owner": "me", "image_sha256": min(house.blobs["momo"] & _kept(house)), "width": 1, "height": 1}
        assert writes.finish_cell(s, cell.digest, **of) > newest  # type: ignore[arg-type]


def test_bytes_that_another_picture_has_stay_with_their_thumbnail(house: House) -> None:
    first, second = house.outputs["pip"]
    with house.catalog.write() as s:
        sha256 = views.output(s, second).image_sha256
        s.execute(text("UPDATE outputs SET image_sha256 = :sha WHERE id = :id"), {"sha": sha256, "id": first})
        writes.forget_output(s, first, actor="bob")
    house.check()
    assert house.holds(sha256)
    assert house.store.exists(thumbnail_key(sha256))


def test_a_run_goes_with_what_only_it_asked_for(house: House) -> None:
    with house.catalog.write() as s:
        assert writes.forget_run(s, house.alone, actor="bob").outputs == 0
        gone = writes.forget_run(s, house.run, actor="bob")
    assert (gone.cells, gone.outputs, gone.runs_gone) == (6, 4, [house.run])
    assert (house.count("runs"), house.count("outputs"), house.count("subjects")) == (0, 0, 2)
    house.check()


def test_what_is_at_work_is_not_forgotten(house: House) -> None:
    again = house.start("again", {"subjects": [{"name": "pip"}]})
    before = house.text()
    forget: dict[str, Callable[[Any], Any]] = {
        "in progress": lambda s: writes.forget_subject(s, "pip", actor="bob"),
        "run .* in progress": lambda s: writes.forget_run(s, again, actor="bob"),
    }
    for said, do in forget.items():
        with pytest.raises(CatalogError, match=said), house.catalog.write() as s:
            do(s)
    assert house.text() == before
    with house.catalog.write() as s:
        writes.finish_run(s, again, "cancelled")
        writes.claim_cells(s, house.cells["pip"], "elsewhere:1:x", 600)
    with pytest.raises(CatalogError, match="being generated"), house.catalog.write() as s:
        writes.forget_subject(s, "pip", actor="bob")
    with house.catalog.write() as s:
        writes.release_cells(s, house.cells["pip"], owner="elsewhere:1:x")
        writes.claim_training(s, "under way pip", "elsewhere:1:x", 600)
    with pytest.raises(CatalogError, match="being fine-tuned"), house.catalog.write() as s:
        writes.forget_subject(s, "pip", actor="bob")


def test_cells_that_no_run_wants_any_more_are_told_apart_and_dropped(catalog: Catalog, planned: Planned) -> None:
    plan = planned(6)  # a run called trip
    with catalog.write() as s:
        assert views.missing_cells(s) == views.MissingCells(6, 0, 0)
        writes.claim_cells(s, plan.digests[:2], "me", 60)
        writes.finish_cell(s, plan.digests[0], owner="me", image_sha256="1" * 64, width=8, height=8)
        lost = writes.finish_cell(s, plan.digests[1], owner="me", image_sha256="1" * 64, width=8, height=8)
        writes.mark_cells_lost(s, plan.digests[:2])
        writes.add_review(s, uuid="u", output_id=lost, revision=1, reviewer="ann", decision="approved")
        writes.finish_run(s, plan.run, "cancelled")
        assert views.missing_cells(s) == views.MissingCells(0, 6, 0)  # a rerun would make them
        assert writes.forget_unwanted(s, actor="bob").cells == 0
        corrected = writes.start_run(s, name="trip", spec={}, flow_run_id=None)
        writes.plan_cells(s, corrected, plan.cells[4:5])
        assert views.missing_cells(s) == views.MissingCells(1, 0, 5)
        other = writes.start_run(s, name="other", spec={}, flow_run_id=None)
        writes.plan_cells(s, other, plan.cells[5:])
        writes.finish_run(s, other, "crashed")
        assert views.missing_cells(s) == views.MissingCells(1, 1, 4)
        assert writes.forget_unwanted(s, actor="bob").cells == 3
        assert views.missing_cells(s) == views.MissingCells(1, 1, 1)  # what a person reviewed stays
        assert views.output(s, lost).decision == "approved"
        assert [cell.digest for cell in views.cells_of_run(s, plan.run)] == [plan.digests[1], *plan.digests[4:]]


NAMED = "INSERT INTO forgetting SELECT 'audit', CAST(id AS VARCHAR(9)) FROM audit"


@pytest.mark.parametrize(
    ("table", "named", "change"),
    [
        ("audit", NAMED, "UPDATE audit SET actor = 'me'"),
        ("audit", NAMED, "UPDATE audit SET created_at = '2000-01-01'"),
        ("audit", NAMED, "DELETE FROM audit"),
        ("reviews", "INSERT INTO forgetting VALUES ('output', '1')", "DELETE FROM reviews WHERE output_id > 1"),
        ("reviews", "INSERT INTO forgetting VALUES ('output', '1')", "UPDATE reviews SET note = ''"),
        ("lineage", "INSERT INTO forgetting VALUES ('cell', '1')", "DELETE FROM lineage WHERE entity = 'mask'"),
    ],
)
def test_what_is_not_named_as_forgotten_is_still_append_only(house: House, table: str, named: str, change: str) -> None:
    with house.catalog.write() as s:
        s.execute(text(named))
        with pytest.raises(Exception, match=f"{table} is append-only"):
            s.execute(text(change))
        s.rollback()
    assert house.count("reviews") == 4
