"""Subjects that share cells: every one of them has its pictures, its scores and its counts."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from storage.catalog import Catalog, migrate, views, writes
from storage.catalog.database.engine import catalog_url
from storage.catalog.schema import CellSubject
from storage.catalog.views import Filter

Planned = Callable[..., SimpleNamespace]


def another(s: Session, name: str, image: str = "1" * 64, word: str = "bear") -> dict[str, Any]:
    """What the cells of another subject are planned with, whose reference holds the bytes `image`."""
    subject = writes.add_subject(s, name=name, class_word=word, style="natural")
    shape = {"width": 64, "height": 64, "source": f"{name}.png", "caption": "a bear"}
    reference = writes.add_reference(s, subject_id=subject, image_sha256=image, **shape)
    about: dict[str, Any] = {"mask_sha256": "2" * 64, "method": "grabcut", "confidence": 0.9, "doubtful": False}
    return {
        "subject_id": subject,
        "reference_id": reference,
        "mask_id": writes.add_mask(s, reference_id=reference, **about),
    }


def made(s: Session, digests: list[str]) -> list[int]:
    writes.claim_cells(s, digests, "me", 60)
    return [writes.finish_cell(s, one, owner="me", image_sha256="1" * 64, width=8, height=8) for one in digests]


def seen(s: Session, subject_id: int) -> dict[str, Any]:
    """The outputs that each view gives for a subject."""
    by_score, of = Filter(subject_id=subject_id, metric="clip_i"), Filter(subject_id=subject_id)
    rows = views.gallery_page(s, of).rows
    assert {row.subject_id for row in rows} <= {subject_id}
    return {
        "gallery": [row.output_id for row in rows],
        "count": views.count(s, of).number,
        "scored": [row.output_id for row in views.gallery_page(s, by_score).rows],
        "cells": s.scalar(select(func.count()).where(CellSubject.subject_id == subject_id)),
        "grid": [one.output_id for one in views.grid(s, subject_id)][::-1],
        "mask": views.subject(s, subject_id).references[0].masks[0].cells,
    }


def test_two_names_of_one_reference_and_a_new_name_each_have_the_pictures(catalog: Catalog, planned: Planned) -> None:
    plan = planned(2)
    with catalog.write() as s:
        copy = [replace(cell, **another(s, "pip-copy")) for cell in plan.cells]
        twice = writes.start_run(s, name="both", spec={}, flow_run_id=None)
        writes.plan_cells(s, twice, [*plan.cells, *copy])
        first, second = made(s, plan.digests)
        writes.add_scores(s, metric="clip_i", version="1", values={first: 0.25})
        renamed = [replace(cell, **another(s, "Pippa")) for cell in plan.cells]
        rerun = writes.start_run(s, name="renamed", spec={}, flow_run_id=None)
        assert writes.plan_cells(s, rerun, renamed).new == []
        writes.add_scores(s, metric="clip_i", version="1", values={second: 0.5})
        writes.add_scores(s, metric="clip_i", version="2", values={first: 0.75})  # a new version takes its place
    ours = {"gallery": [second, first], "count": 2, "cells": 2, "grid": [second, first]}
    ours |= {"scored": [first, second], "mask": 2}
    with catalog.read() as s:
        for cells in (plan.cells, copy, renamed):
            assert seen(s, cells[0].subject_id) == ours
        names = [link.name for link in views.output(s, first).subjects]
        assert names == ["pip", "pip-copy", "Pippa"]
        (as_pippa,) = views.outputs(s, [first], subject_id=renamed[0].subject_id)
        assert (as_pippa.subject, as_pippa.reference_source) == ("Pippa", "Pippa.png")
        assert views.status(s).cells["generated"] == 2  # a shared picture is one picture
        assert {cell.subject_name for cell in views.cells_of_run(s, twice)} == {"pip"}
        assert {cell.subject_name for cell in views.cells_of_run(s, rerun)} == {"Pippa"}


def test_a_picture_made_anew_has_no_score_under_any_name(catalog: Catalog, planned: Planned) -> None:
    plan = planned(1)
    with catalog.write() as s:
        copy = replace(plan.cells[0], **another(s, "pip-copy"))
        writes.plan_cells(s, plan.run, [copy])
        (output,) = made(s, plan.digests)
        writes.add_scores(s, metric="clip_i", version="1", values={output: 0.5})
        writes.mark_cells_lost(s, plan.digests)
        writes.claim_cells(s, plan.digests, "me", 60)
        writes.finish_cell(s, plan.digests[0], owner="me", image_sha256="2" * 64, width=8, height=8)
    with catalog.read() as s:
        for subject in (plan.subject, copy.subject_id):
            assert views.gallery_page(s, views.Filter(subject_id=subject, metric="clip_i")).rows == []
            assert len(views.gallery_page(s, views.Filter(subject_id=subject)).rows) == 1


def test_older_pictures_say_that_they_come_from_another_reference(catalog: Catalog, planned: Planned) -> None:
    plan = planned(1)
    with catalog.write() as s:
        (old,) = made(s, plan.digests)
        now = another(s, "pip", image="2" * 64)
        writes.plan_cells(s, plan.run, [replace(plan.cells[0], digest="f" * 64, **now)])
        (new,) = made(s, ["f" * 64])
    with catalog.read() as s:
        assert [one.earlier_reference for one in views.grid(s, plan.subject)] == [True, False]
        before, after = views.output(s, old), views.output(s, new)
    assert (before.earlier_reference, before.reference_sha256) == (True, "1" * 64)
    assert (after.earlier_reference, after.reference_sha256) == (False, "2" * 64)


def test_a_catalog_of_an_earlier_version_gets_its_links(url: str, catalog: Catalog, planned: Planned) -> None:
    plan = planned(2)
    with catalog.write() as s:
        writes.start_run(s, name="unrelated", spec={"subjects": [{"name": "pip"}]}, flow_run_id=None)
        rerun = writes.start_run(s, name="renamed", spec={"subjects": [{"name": "Pippa"}]}, flow_run_id=None)
        pippa = another(s, "Pippa")
        robot = another(s, "robot", word="robot")  # the same bytes, but not the same prompts
        first, _ = made(s, plan.digests)
        writes.plan_cells(s, rerun, [replace(plan.cells[0], **pippa)])
        writes.add_scores(s, metric="clip_i", version="1", values={first: 0.5})
    catalog.close()
    migrate.downgrade(catalog_url(url), "0010")
    with Catalog.open(url) as again, again.read() as s:
        assert seen(s, plan.subject)["gallery"] == [first + 1, first]
        assert seen(s, pippa["subject_id"])["scored"] == seen(s, pippa["subject_id"])["gallery"] == [first]
        assert seen(s, robot["subject_id"])["gallery"] == []
        assert s.scalars(text("SELECT count(*) FROM cell_subjects WHERE mask_id IS NULL")).one() == 0
