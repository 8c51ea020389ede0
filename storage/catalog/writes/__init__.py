"""Everything that changes the catalog: functions of a session from `Catalog.write()`; every write is idempotent."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
