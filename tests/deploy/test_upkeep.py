"""verify, gc, backup, restore and the catalog's bench, as commands."""

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from deploy.cli.main import app
from storage.catalog import Catalog, writes
from storage.ingest import storing
from storage.keys import blob_key
from storage.objects import DiskStore


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with one reference, and one blob that nothing refers to."""
    home = tmp_path / "home"
    monkeypatch.setenv("DREAMTUNER_HOME", str(home))
    with Catalog.open(f"sqlite:///{home}/catalog.db") as catalog:
        pieces = (b"reference", "image/png"), (b"rubbish", "image/png")
        with storing(catalog, DiskStore(home / "objects"), *pieces) as (s, [sha256, _]):
            subject = writes.add_subject(s, name="pip", class_word="bear", style="natural")
            writes.add_reference(
                s, subject_id=subject, image_sha256=sha256, width=8, height=8, source="x", caption=None
            )
    return home


def dreamtuner(*words: str) -> Result:
    return CliRunner().invoke(app, words)


def said(*words: str, code: int = 0) -> dict[str, Any]:
    done = dreamtuner(*words, "--json")
    assert done.exit_code == code, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_verify_is_quiet_until_something_is_wrong(home: Path) -> None:
    assert said("verify") == {
        "ok": True,
        "looked": {"blobs": 2, "objects": 2, "bytes": 16},
        "store_lacks": [],
        "findings": [],
    }
    assert "2 blobs and 2 objects, 0.0 MB read: no problems found" in dreamtuner("verify").stdout
    [picture] = [path for path in (home / "objects").rglob("*") if path.is_file() and path.read_bytes() == b"reference"]
    picture.unlink()
    [finding] = said("verify", "--quick", code=1)["findings"]
    assert (finding["kind"], finding["what"]) == ("missing", picture.name)
    done = dreamtuner("verify")
    assert done.exit_code == 1
    assert f"missing: {picture.name}: 9 bytes are recorded" in done.stdout
    assert "1 problems found" in done.stdout
    shutil.rmtree(home / "objects" / "blobs")
    both = said("verify", code=1)
    assert [finding["kind"] for finding in both["findings"]] == ["missing", "missing"]
    assert both["ok"] is False


def test_gc_takes_only_what_nothing_refers_to(home: Path) -> None:
    assert said("gc", "--dry-run")["marked"] == 1
    assert "0 blobs deleted (0.0 MB), 1 marked, 1 wait" in dreamtuner("gc").stdout
    assert said("gc", "--grace-hours", "0") == {
        **dict.fromkeys(("adopted", "marked", "unmarked", "waiting", "swept"), 0),
        "deleted": 1,
        "freed": 7,
        "dry_run": False,
    }
    assert said("verify")["looked"]["blobs"] == 1


def test_gc_sweeps_the_half_written_sheet_of_a_killed_run_and_leaves_one_under_way(home: Path) -> None:
    sheets = [home / "runs" / run / "contact_sheet.png.partial" for run in ("killed", "running")]
    for sheet in sheets:
        sheet.parent.mkdir(parents=True)
        sheet.write_bytes(b"half")
    two_days_ago = time.time() - 2 * 24 * 3600
    os.utime(sheets[0], (two_days_ago, two_days_ago))
    assert said("gc", "--dry-run")["swept"] == 0
    assert "removed 1 partial files of killed runs" in dreamtuner("gc").stdout
    assert [sheet.exists() for sheet in sheets] == [False, True]


def test_a_backup_is_put_into_another_home_and_not_over_a_full_one(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = str(tmp_path / "b.tar")
    assert said("backup", file)["blobs"] == 1
    again = dreamtuner("backup", file)
    assert (again.exit_code, "b.tar exists" in again.stderr) == (1, True)
    full = dreamtuner("restore", file)
    assert (full.exit_code, "--force" in full.stderr) == (1, True)
    assert Path(said("restore", file, "--force")["moved_aside"]).is_dir()
    monkeypatch.setenv("DREAMTUNER_HOME", str(tmp_path / "other"))
    assert said("restore", file)["moved_aside"] is None
    assert said("verify")["looked"] == {"blobs": 1, "objects": 1, "bytes": 9}
    assert DiskStore(tmp_path / "other" / "objects").exists(blob_key(os.listdir(_deepest(tmp_path / "other"))[0]))


def _deepest(home: Path) -> Path:
    [picture] = [path for path in (home / "objects" / "blobs").rglob("*") if path.is_file()]
    return picture.parent


@pytest.mark.parametrize("command", ["verify", "gc", "backup"])
def test_a_home_that_is_not_there_is_not_made(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DREAMTUNER_HOME", str(tmp_path / "none"))
    done = dreamtuner(command, *([str(tmp_path / "b.tar")] if command == "backup" else []))
    assert done.exit_code == 1
    assert "there is no catalog at" in str(done.exception)
    assert not (tmp_path / "none").exists()


def test_servers_are_backed_up_by_their_own_means(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DREAMTUNER_CATALOG_URL", "postgresql://u@127.0.0.1/db")
    done = dreamtuner("restore", str(tmp_path / "b.tar"))
    assert (done.exit_code, "only a SQLite catalog" in done.stderr) == (1, True)


@pytest.mark.slow
def test_the_catalogs_bench_prints_figures_for_machines() -> None:
    done = dreamtuner("bench", "catalog", "--outputs", "300", "--pages", "2", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["database"], found["outputs"]) == ("sqlite", 300)
    assert {"page: score", "plan", "claim", "finish"} <= {one["name"] for one in found["figures"]}
