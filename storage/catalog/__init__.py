"""The catalog: what exists, in which state and where it came from. SQLAlchemy over SQLite or PostgreSQL."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
