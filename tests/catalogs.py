"""New SQLite catalogs as copies of one: their migrations run once, not in each of hundreds of tests."""

import atexit
import os
import shutil
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy.engine import URL

from storage.catalog import migrate
from storage.catalog.database.engine import catalog_url, is_sqlite

MIGRATING = ("test_migrations", "test_catalog_engine")
"""The modules that are about how a catalog is made."""


@cache
def _migrated() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="dreamtuner-catalog-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    file = folder / "catalog.db"
    migrate.upgrade(catalog_url(f"sqlite:///{file}"))
    return file


def _upgrade(url: URL, revision: str = "head", *, patience: float = 0.0) -> None:
    """Upgrade as ever, after a file that is not there was put there as a copy, whole or not at all."""
    name = url.database or ":memory:"
    if is_sqlite(url) and not url.query and ":" not in name and not os.path.lexists(name):
        copy = Path(f"{name}.{uuid4().hex}")
        with suppress(OSError):  # a folder that cannot be written: the upgrade says so
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(_migrated(), copy)
            os.link(copy, name)
        copy.unlink(missing_ok=True)
    migrate.upgrade(url, revision, patience=patience)


@pytest.fixture(autouse=True)
def copied_catalogs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.module.__name__.rpartition(".")[2] not in MIGRATING:
        monkeypatch.setattr("storage.catalog.catalog.upgrade", _upgrade)
