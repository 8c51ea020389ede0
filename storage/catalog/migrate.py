"""Bring a catalog to a revision of the schema, with the migrations that ship beside this file."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection
from sqlalchemy.engine import URL

from storage.catalog.engine import make_engine, writing
from storage.catalog.records import CatalogError

_FOLDER = Path(__file__).parent / "migrations"


def upgrade(url: URL, revision: str = "head") -> None:
    """Bring the catalog up to `revision`; nothing is done if it is there. Two processes may do so at once."""
    _migrate(url, revision, up=True)


def downgrade(url: URL, revision: str) -> None:
    """Take the catalog back to `revision` ("base": no table is left). What later revisions hold is lost."""
    _migrate(url, revision, up=False)


def current_revision(connection: Connection) -> str | None:
    """The revision that this catalog is at; None if it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def head_revision() -> str | None:
    """The newest revision that this version of the code knows."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    return config


def _migrate(url: URL, revision: str, *, up: bool) -> None:
    # One write transaction holds the reading of the revision and every step, so a second process waits and then finds
    # nothing to do, and a process killed half-way leaves the old schema. Foreign keys are off because SQLite changes a
    # table by making it anew; they are checked before the commit.
    engine = make_engine(url, foreign_keys=False)
    try:
        with engine.begin() as connection:
            if revision == "head" and current_revision(connection) == head_revision():
                return  # the usual case, which waits for nobody
        with writing(engine).begin() as connection:
            config = _config()
            config.attributes["connection"] = connection
            (command.upgrade if up else command.downgrade)(config, revision)
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
            if broken:
                raise CatalogError(
                    f"migrating {url.database} to {revision} would break {len(broken)} links; nothing done"
                )
    except CommandError as error:
        raise CatalogError(
            f"catalog {url.database} cannot go to revision {revision}: {error}. A newer DreamTuner may have made it: "
            "upgrade this installation, or use another catalog file"
        ) from error
    finally:
        engine.dispose()
