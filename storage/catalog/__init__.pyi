"""The catalog: what exists, in which state and where it came from. SQLAlchemy over SQLite or PostgreSQL."""

from .catalog import Catalog

__all__ = ["Catalog"]
