"""Pictures that the catalog names and the store lost: whoever reads one and does not find it, says so."""

from storage.catalog import Catalog
from storage.catalog.writes import lose_pictures
from storage.objects import DigestMismatch, ObjectMissing, ObjectStore, get_blob


def read_picture(catalog: Catalog, store: ObjectStore, sha256: str) -> bytes:
    """The bytes of an output's picture.

    Where they are gone or damaged, ObjectMissing or DigestMismatch is raised and the picture's cells are marked as
    lost, so that the next run of their spec generates them again. Nobody else has to look: a rerun reads no picture.
    """
    try:
        return get_blob(store, sha256)
    except (ObjectMissing, DigestMismatch):
        catalog.transact(lambda s: lose_pictures(s, [sha256]))
        raise
