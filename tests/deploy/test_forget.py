"""`dreamtuner forget` and `dreamtuner subjects`, over a catalog of made-up pictures."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from deploy.cli.main import app
from flows.spec.problems import InputError
from storage.catalog import Catalog, writes
from storage.catalog.records import NotInCatalogError
from tests.deploy.dashboard.made_up import fill_up, plain

SUBJECTS = [("pip", "bear", "natural"), ("momo", "rabbit", "anime")]
Command = Callable[..., Any]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two pictures of each of two subjects, made by a run that has ended and left a sheet."""
    monkeypatch.setenv("DREAMTUNER_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "160")
    (first, *_) = fill_up(tmp_path, plain, SUBJECTS, ["on the beach"], 2)
    with Catalog.open(f"sqlite:///{tmp_path}/catalog.db") as catalog, catalog.write() as s:
        from storage.catalog import views

        (run,) = views.recent_runs(s)
        writes.finish_run(s, run.id, "completed")
        writes.add_review(s, uuid="u", output_id=first, revision=1, reviewer="ann", decision="approved")
    (tmp_path / "runs" / run.id).mkdir(parents=True)
    (tmp_path / "runs" / run.id / "contact_sheet.png").write_bytes(b"shows both")
    return tmp_path


@pytest.fixture
def command() -> Command:
    def run(*words: str) -> Any:
        done = CliRunner().invoke(app, words)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return json.loads(done.stdout) if "--json" in words else done.stdout

    return run


def test_subjects_are_listed_with_what_they_are_made_from(home: Path, command: Command) -> None:
    momo, pip = command("subjects", "--json")["subjects"]
    assert (pip["name"], pip["class_word"], pip["reference"]) == ("pip", "bear", "references/pip.png")
    assert (pip["pictures"], pip["approved"], pip["references"], pip["mask"]) == (2, 1, 1, "grabcut")
    assert (momo["name"], momo["pictures"], momo["approved"]) == ("momo", 2, 0)
    assert "  pip.png  " in command("subjects")
    assert (pip["mask_given"], pip["mask_giver"]) == ("found", None)


def test_a_subject_is_forgotten_with_the_files_that_show_it(home: Path, command: Command) -> None:
    before = command("status", "--json")
    would = command("forget", "pip", "--dry-run", "--json")
    assert (would["outputs"], would["reviews"], would["dry_run"], would["files"]) == (2, 1, True, 0)
    assert command("status", "--json") == before
    with pytest.raises(InputError, match="add --yes"):
        command("forget", "pip")
    done = command("forget", "pip", "--yes", "--json")
    assert (done["subjects"], done["outputs"], done["references"], done["files"]) == (1, 2, 1, 1)
    assert not list((home / "runs").iterdir())
    assert (
        command("gc", "--grace-hours", "0", "--json")["deleted"] == done["blobs"] == 3
    )  # both masks are the same bytes
    assert command("verify", "--json")["ok"]
    assert [one["name"] for one in command("subjects", "--json")["subjects"]] == ["momo"]
    with pytest.raises(NotInCatalogError, match="dreamtuner subjects"):
        command("forget", "pip", "--yes")


def test_a_run_and_a_picture_are_found_by_what_people_see(home: Path, command: Command) -> None:
    assert "deleted 1 image" in command("forget", "--output", "1", "--yes")
    with Catalog.open(f"sqlite:///{home}/catalog.db") as catalog, catalog.read() as s:
        from storage.catalog import views

        (run,) = views.recent_runs(s)
    assert command("forget", "--run", run.id[:8], "--yes", "--json")["outputs"] == 3
    for words in (("--run", run.id[:8]), ("--output", "1"), ("--output", "x")):
        with pytest.raises(NotInCatalogError):
            command("forget", *words, "--yes")
    for several in ((), ("pip", "--unwanted")):
        with pytest.raises(InputError, match="exactly one"):
            command("forget", *several, "--yes")
