"""Migrates a catalog to a revision of the schema, with the migrations shipped in this package."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, func, select
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError

from storage.catalog.database.engine import is_sqlite, make_engine, shown, writing
from storage.catalog.database.sqlite_read_only import CatalogReadOnlyError
from storage.catalog.database.transaction_retry import retrying
from storage.catalog.records import CatalogError, CatalogNewerError

_FOLDER = Path(__file__).parent / "migrations"
_LOCK = 0x647265616D  # an arbitrary advisory lock id
_REFUSED = ("28000", "28P01", "3D000")  # SQLSTATEs: no such user, wrong password, no such database


def upgrade(url: URL, revision: str = "head", *, patience: float = 0.0) -> None:
    """Upgrade the catalog to `revision`; does nothing if it is current. Safe to call from several processes at once.

    Waits up to `patience` seconds for an unavailable database.
    """
    _migrate(url, revision, up=True, patience=patience)


def downgrade(url: URL, revision: str) -> None:
    """Downgrade the catalog to `revision` ("base" drops all tables). Data of later revisions is lost."""
    _migrate(url, revision, up=False, patience=0.0)


def current_revision(connection: Connection) -> str | None:
    """Return the revision of this catalog; None if it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


@cache
def head_revision() -> str | None:
    """Return the newest revision of this version of the code."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def newer_error(url: URL, found: str) -> CatalogNewerError:
    """Return the error for a catalog at a revision that this version of the code does not know."""
    return CatalogNewerError(
        f"catalog {shown(url)} is at revision {found}, to which a newer DreamTuner has migrated it; this is DreamTuner "
        f"{_version()}, which knows revisions up to {head_revision()}: update this installation, or use another catalog"
    )


def _version() -> str:
    try:
        return version("dreamtuner")
    except PackageNotFoundError:  # a checkout that is not installed
        return "of a checkout"


def _revision_of(url: URL) -> str | None:
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            return current_revision(connection)
    finally:
        engine.dispose()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    return config


def _migrate(url: URL, revision: str, *, up: bool, patience: float) -> None:
    try:
        retrying(lambda: _attempt(url, revision, up=up), patience=patience)
    except CommandError as error:
        found = _revision_of(url)
        if revision == "head" and found is not None:
            raise newer_error(url, found) from error
        raise CatalogError(f"catalog {shown(url)} cannot be migrated to revision {revision}: {error}") from error
    except CatalogReadOnlyError as error:
        raise CatalogReadOnlyError(
            f"catalog {shown(url)} was created by an older version and must be migrated, but is read-only; "
            "run `dreamtuner status` once where it can be written"
        ) from error
    except OperationalError as error:
        if is_sqlite(url) or getattr(error.orig, "sqlstate", None) not in (None, *_REFUSED):
            raise
        raise CatalogError(
            f"catalog {shown(url)} cannot be opened: {error.orig}; start the server, create the database, or correct "
            "the catalog URL"
        ) from error


def _attempt(url: URL, revision: str, *, up: bool) -> None:
    # One write transaction covers reading the revision and all steps, so a second process waits and then has nothing to
    # do, and a process killed half-way leaves the old schema. SQLite's foreign keys are off because a table may have to
    # be recreated; they are checked before the commit.
    engine = make_engine(url, foreign_keys=False)
    try:
        with engine.begin() as connection:
            if revision == "head" and current_revision(connection) == head_revision():
                return  # the usual case, without a lock
        with writing(engine).begin() as connection:
            if not is_sqlite(url):
                connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
            config = _config()
            config.attributes["connection"] = connection
            (command.upgrade if up else command.downgrade)(config, revision)
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all() if is_sqlite(url) else []
            if broken:
                raise CatalogError(
                    f"migrating {url.database} to {revision} would break {len(broken)} links; nothing done"
                )
    finally:
        engine.dispose()
