"""Subjects that the catalog knows: what an entry of a spec may leave out, and what its name means already."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.ingestion.masking import KnownMasks
from flows.ingestion.sources import read_ahead
from flows.resources import Resources
from flows.spec.model import SubjectSpec
from flows.spec.problems import InputError, Problem
from storage.catalog import views
from storage.catalog.name_conflicts import REPLACE, differences, name_taken_message, unknown_name_message
from storage.catalog.records import PERSONS, NotInCatalogError, SubjectAssets
from storage.objects import ObjectStore, get_blob

if TYPE_CHECKING:
    from storage.catalog import Catalog


@dataclass(frozen=True)
class Stored:
    """A subject of the catalog, and where its bytes are."""

    assets: SubjectAssets
    name: str
    catalog: "Catalog"
    store: ObjectStore

    def masks(self, image_sha256: str) -> KnownMasks:
        """The masks of this picture as a reference of the subject."""
        with self.catalog.read() as s:
            masks = views.masks_of(s, self.name, image_sha256)
            given = bool(masks) and masks[0].given in PERSONS
            made = views.cells_by_mask(s, self.assets.subject_id, [one.id for one in masks]) if given else {}
            return KnownMasks(masks, made, self.read)

    def read(self, sha256: str) -> bytes:
        """Stored bytes; StoreError says why not."""
        return get_blob(self.store, sha256)


def stored_subject(name: str, resources: Resources) -> Stored | None:
    """The subject of this name with its current reference; None where the catalog has none, or there is no catalog."""
    catalog = resources.catalog_if_any
    if catalog is None:
        return None
    try:
        with catalog.read() as s:
            return Stored(views.subject_assets(s, name), name, catalog, resources.store)
    except NotInCatalogError:
        return None


def unknown_name(name: str, resources: Resources) -> str:
    """The refusal of a name that the catalog does not know, with close ones."""
    catalog = resources.catalog_if_any
    if catalog is None:
        return unknown_name_message(name, ())
    with catalog.read() as s:
        return unknown_name_message(name, views.subject_names(s))


def demand_subjects(
    subjects: Sequence[SubjectSpec], resources: Resources, source: str, *, replace: str = REPLACE
) -> None:
    """InputError unless every name means one subject, in the catalog as in the entry; before anything is written.

    References of names that the catalog has are read and compared. What cannot be read is refused by whoever takes it
    in, and only that one. `replace` is how the caller lets people mean to replace the stored subject.
    """
    stored = {one.name: stored_subject(one.name, resources) for one in subjects}
    known = [one for one in subjects if stored[one.name] is not None and not one.replace]
    data = read_ahead([one.reference for one in known if one.reference is not None], resources.settings)
    problems = []
    for i, one in enumerate(subjects):
        path: tuple[str | int, ...] = ("subjects", i, "name")
        there = stored[one.name]
        if there is None:
            if one.reference is None:
                problems.append(Problem(path=path, message=unknown_name(one.name, resources)))
            continue
        found = [] if one.replace else differing(one, there.assets, data.get(one.reference or ""))
        if found:
            problems.append(Problem(path=path, message=name_taken_message(one.name, there.assets, found, replace)))
    if problems:
        raise InputError(source, problems)


def differing(subject: SubjectSpec, stored: SubjectAssets, reference: bytes | None) -> list[str]:
    """In what an entry differs from the stored subject of its name; `reference`: its bytes, None: not stated or read.

    An entry with a reference says all: natural is the style that it has where it states none.
    """
    style = subject.style or (None if subject.reference is None else "natural")
    sha256 = None if reference is None else hashlib.sha256(reference).hexdigest()
    return differences(stored, class_word=subject.class_word, style=style, image_sha256=sha256)
