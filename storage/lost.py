"""Reads images and records in the catalog those that are missing from the store."""

from storage.catalog import Catalog
from storage.catalog.writes import mark_pictures_lost
from storage.objects import DigestMismatchError, ObjectMissingError, ObjectStore, get_blob


def read_picture(catalog: Catalog, store: ObjectStore, sha256: str) -> bytes:
    """Read the bytes of an output's image.

    If they are missing or damaged, marks the image's cells as lost, so that the next run of their spec regenerates
    them, and raises ObjectMissingError or DigestMismatchError. A rerun itself reads no images, so this is where loss is
    noticed.
    """
    try:
        return get_blob(store, sha256)
    except (ObjectMissingError, DigestMismatchError):
        catalog.transact(lambda s: mark_pictures_lost(s, [sha256]))
        raise
