"""`dreamtuner export`: whose pictures, from which runs, and what lies where."""

import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from typer.testing import CliRunner

from deploy.cli.export import export
from deploy.cli.main import app
from deploy.dashboard.exports.options import ExportOptions
from flows.settings import Settings
from flows.spec.problems import InputError
from storage.catalog import Catalog, views, writes
from storage.catalog.records import CatalogError
from storage.catalog.schema import Cell, CellReference, Mask, Profile, Reference, Subject
from tests.deploy.dashboard.made_up import fill_up, plain

SUBJECTS = [(name, "bear", "natural") for name in ("ピップ", "ボルト", "CON", "Momo", "momo", "a/b", "a b", "..")]
Export = Callable[..., Any]


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with two pictures of each of the subjects."""
    home = tmp_path_factory.mktemp("full")
    fill_up(home, plain, SUBJECTS, ["on the beach"], 2)
    return home


@pytest.fixture
def give(full: Path, tmp_path: Path) -> Iterator[Export]:
    """Exports from a copy of it into `out`."""
    home = tmp_path / "home"
    shutil.copytree(full, home)
    settings = Settings.load({"DREAMTUNER_HOME": str(home)})

    def given(out: str = "out", **more: Any) -> Any:
        options = {"subjects": [], "runs": [], "approved": False, "options": ExportOptions()} | more
        return export(settings, tmp_path / out, **options)

    given.catalog = settings.catalog_url  # type: ignore[attr-defined]
    mask = os.umask(0o077)
    yield given
    os.umask(mask)


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]


def test_no_two_subjects_share_a_folder_and_everybody_may_read_it(give: Export, tmp_path: Path) -> None:
    done = give()
    assert done.pictures == 2 * len(SUBJECTS)
    assert len({name.lower() for name in done.folders}) == len(SUBJECTS)
    assert {len(list((tmp_path / "out" / name).iterdir())) for name in done.folders} == {2}
    assert {one["subject"]: Path(one["file"]).parent.name for one in lines(tmp_path / "out")} == {
        name: f"{plain or 'subject'}-{i}"
        for i, (name, plain) in enumerate(
            zip((name for name, *_ in SUBJECTS), ("", "", "con", "momo", "momo", "a-b", "a-b", ""), strict=True), 1
        )
    }
    for one in (tmp_path / "out").rglob("*"):
        assert one.stat().st_mode & 0o777 == (0o755 if one.is_dir() else 0o644), one


def test_by_subject_run_and_decision(give: Export, tmp_path: Path) -> None:
    with Catalog.open(give.catalog) as catalog:  # type: ignore[attr-defined]
        with catalog.read() as s:
            (momo,) = (one.id for one in views.subjects_page(s) if one.name == "momo")
            first, _ = (row.output_id for row in views.gallery_page(s, views.Filter(subject_id=momo)).rows)
            (run,) = views.run_ids(s, "field-trip")
        with catalog.write() as s:
            writes.add_review(s, uuid="12345678", output_id=first, revision=1, reviewer="x", decision="approved")
            writes.start_run(s, name="empty", spec={}, flow_run_id=None)
    assert give("a", subjects=["momo", "CON"], runs=[run[:8]]).pictures == 4
    assert give("b.zip", subjects=["momo"], runs=["field-trip"], approved=True).pictures == 1
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        assert archive.namelist() == [
            f"momo-{momo}/{first:06d}-seed2.png",
            "manifest.jsonl",
            "manifest.csv",
            "notice.txt",
        ]
    with pytest.raises(CatalogError, match="no image of these"):
        give("c", runs=["empty"])
    with pytest.raises(InputError, match=r"--subject.*'mommo'.*'momo'"):
        give("c", subjects=["mommo"])
    with pytest.raises(InputError, match=r"--run.*'field-trap'.*'field-trip'"):
        give("c", runs=["field-trap"])
    with pytest.raises(InputError, match="exists"):
        give("a")
    assert {one.name for one in tmp_path.iterdir()} == {"home", "a", "b.zip"}  # nothing half-written


def test_a_picture_that_two_subjects_share_is_in_the_folder_of_each_that_was_asked_for(
    give: Export, tmp_path: Path
) -> None:
    with Catalog.open(give.catalog) as catalog, catalog.write() as s:  # type: ignore[attr-defined]
        one = views.subject(s, 3)
        assets = views.subject_assets(s, one.name)
        about: dict[str, Any] = {"image_sha256": assets.image_sha256, "width": 64, "height": 64, "caption": None}
        twin = writes.add_subject(s, name="twin", class_word="bear", style="natural")
        reference = writes.add_reference(s, subject_id=twin, source="twin.png", **about)
        cell = views.cell(s, views.gallery_page(s, views.Filter(subject_id=3)).rows[0].digest)
        run = writes.start_run(s, name="twins", spec={}, flow_run_id=None)
        record = cell_of(cell, twin, reference)
        writes.plan_cells(s, run, [record])
    assert give("both", subjects=["CON", "twin"]).pictures == 3
    assert give("one", subjects=["twin"]).folders == [f"twin-{twin}"]
    both = {one["subject"]: one["output_id"] for one in lines(tmp_path / "both")}
    assert set(both) == {"CON", "twin"}
    assert give("run", runs=["twins"]).pictures == 2
    assert replace(record, subject_id=3) != record


def cell_of(cell: Any, subject: int, reference: int) -> Any:
    from storage.catalog.records import CellRecord

    about = {"digest": cell.digest, "prompt": cell.prompt, "pose": None, "seed": cell.seed, "settings": cell.settings}
    return CellRecord(subject_id=subject, reference_id=reference, mask_id=None, profile_id=1, **about)


def test_the_command_says_what_it_wrote_and_takes_no_url(
    give: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DREAMTUNER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    wanted = ["export", "out", "--subject", "momo", "--stripped", "--json"]
    done = CliRunner().invoke(app, wanted)
    assert done.exit_code == 0
    assert json.loads(done.stdout) == {
        "out": "out",
        "pictures": 2,
        "folders": ["momo-5"],
        "missing": [],
        "marked": True,
    }
    for one in (tmp_path / "out").rglob("*.*"):
        assert b"on the beach" not in one.read_bytes()
        assert b"made" not in one.read_bytes()
        assert "seed" not in one.name
    for command in (["export", "s3://bucket/x"], ["backup", "s3://bucket/x"], ["export-subject", "momo", "s3://b"]):
        refused = CliRunner().invoke(app, command)
        assert refused.exit_code == 2
        assert "is a URL" in " ".join(refused.stderr.split())
    assert not list(tmp_path.glob("s3:*"))


def test_what_a_licence_forbids_is_not_handed_on(give: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DREAMTUNER_PURPOSE", "commercial")
    with Catalog.open(give.catalog) as catalog, catalog.write() as s:  # type: ignore[attr-defined]
        s.execute(update(Profile).values(licence="CC-BY-NC-4.0"))
    with pytest.raises(CatalogError, match=r"base \S+: CC-BY-NC-4.0 forbids commercial use \(commercial\)"):
        give("a", subjects=["momo"])
    assert not (tmp_path / "a").exists()
    monkeypatch.setenv("DREAMTUNER_PURPOSE", "non-commercial")
    assert give("a", subjects=["momo"]).pictures == 2
    assert "  attribution: name the authors" in (tmp_path / "a" / "notice.txt").read_text()


@pytest.mark.parametrize("eye", ["captioner", "estimator", "masker"])
def test_what_saw_any_reference_of_a_picture_counts(
    give: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, eye: str
) -> None:
    """The caption and the depth map that it was made with, and the mask of a further reference; no others."""
    strict = "CC-BY-NC-4.0"
    with Catalog.open(give.catalog) as catalog, catalog.write() as s:  # type: ignore[attr-defined]
        cell = s.scalars(
            select(Cell).join(Subject, Subject.id == Cell.subject_id).where(Subject.name == "momo")
        ).first()
        other = s.scalars(select(Reference).join(Subject).where(Subject.name == "Momo")).one()
        assert cell is not None
        seen: dict[str, Any] = {"reference_id": cell.reference_id}
        depth = s.scalars(select(Reference.image_sha256).where(Reference.id == cell.reference_id)).one()
        for text, licence in (("a bear", "captioner"), ("never used", "none")):
            licence = strict if licence in (eye, "none") else "Apache-2.0"
            writes.add_annotation(s, kind="caption", text=text, method=f"blip-{text}", licence=licence, **seen)
        licence = strict if eye == "estimator" else "Apache-2.0"
        writes.add_annotation(s, kind="depth", image_sha256=depth, method="deep-1", licence=licence, **seen)
        s.execute(update(Cell).where(Cell.id == cell.id).values(settings={"caption": "a bear"}, reference_depth=depth))
        mask = s.scalars(select(Mask).where(Mask.reference_id == other.id)).one()
        mask.licence = strict if eye == "masker" else None
        link = {"cell_id": cell.id, "subject_id": cell.subject_id, "position": 1, "caption": ""}
        s.add(CellReference(reference_id=other.id, mask_id=mask.id, **link))
    monkeypatch.setenv("DREAMTUNER_PURPOSE", "commercial")
    name = {"captioner": "blip-a bear", "estimator": "deep-1", "masker": "grabcut"}[eye]
    with pytest.raises(CatalogError) as refused:
        give("a", subjects=["momo"])
    assert f": {eye} {name}: {strict} forbids commercial use (commercial); leave out" in str(refused.value)
    monkeypatch.delenv("DREAMTUNER_PURPOSE")
    give("a", subjects=["momo"])
    assert f"{eye} {name}: {strict}" in (tmp_path / "a" / "notice.txt").read_text()


def test_unmarked_is_recorded(give: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DREAMTUNER_MARKS", "off")
    assert give("a", subjects=["momo"]).marked is False
    assert {tuple(one["marks"].items()) for one in lines(tmp_path / "a")} == {(("marked", False),)}
    with Catalog.open(give.catalog) as catalog, catalog.read() as s:  # type: ignore[attr-defined]
        [entry] = views.audit_page(s, action="export").rows
    assert (entry.after["marked"], entry.after["pictures"]) == (False, 2)
