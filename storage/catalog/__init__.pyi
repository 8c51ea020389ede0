"""The catalog: the state and lineage of everything, in SQLAlchemy over SQLite or PostgreSQL."""

from .catalog import Catalog

__all__ = ["Catalog"]
