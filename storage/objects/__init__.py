"""The object store: immutable bytes under keys, in a folder or in an S3 bucket, behind one Protocol."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
