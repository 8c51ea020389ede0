"""The catalog: what exists, in which state and where it came from. SQLAlchemy over SQLite, migrated by Alembic."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from storage.catalog.engine import catalog_url, make_engine, writing
from storage.catalog.migrate import upgrade

__all__ = ["Catalog"]


class Catalog:
    """A door to the catalog. Open one a process, after any fork; sessions are for one thread each.

    with Catalog.open("sqlite:///catalog.db") as catalog:
        with catalog.write() as s:
            writes.add_subject(s, name="pip", class_word="bear", style="natural")
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writer = writing(engine)

    @classmethod
    def open(cls, url: str) -> Self:
        """Open the catalog at `url` (sqlite:///path), making the file and bringing its schema up to date.

        Raises CatalogError if the URL is no SQLite file or a newer version of the code made the catalog.
        """
        parsed = catalog_url(url)
        upgrade(parsed)
        return cls(make_engine(parsed))

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that holds the write lock: committed at a clean end, rolled back on any exception.

        Keep it short: every other writer waits. No generation, no upload inside.
        """
        with Session(self._writer) as session, session.begin():
            session.connection()  # take the lock now, before anything is read
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session on one snapshot of the catalog; it never waits for writers, and the database refuses its writes."""
        with Session(self._engine, autoflush=False) as session:
            yield session

    def close(self) -> None:
        """Close the pooled connections."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
