"""What found the masks, captions and control images of the references that outputs were generated from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import select, union_all
from sqlalchemy.orm import Session

from storage.catalog.database.sql import chunks
from storage.catalog.narrowing import everything
from storage.catalog.records import CAPTION
from storage.catalog.schema import Annotation, CellReference, CellSubject, Mask, Output


@dataclass(frozen=True)
class Eye:
    """A model that looked at a reference: what it was used as, its name and version, and its licence's name."""

    role: Literal["masker", "captioner", "estimator"]
    method: str
    licence: str


def eyes_of_outputs(s: Session, recipes: Mapping[int, Any]) -> dict[int, list[Eye]]:
    """List the models behind the masks, captions and control images that outputs were generated with.

    `recipes`: by output, JSON values that hold the captions and the SHA-256 of the control images that were used. All
    references count, also of subjects that the viewer does not see: this is for licences alone, and is never shown.
    """
    held = {output_id: set(_texts(recipe)) for output_id, recipe in recipes.items()}
    found: dict[int, set[Eye]] = defaultdict(set)
    first = select(CellSubject.cell_id, CellSubject.reference_id, CellSubject.mask_id)
    links = union_all(
        first, select(CellReference.cell_id, CellReference.reference_id, CellReference.mask_id)
    ).subquery()
    masks = select(Output.id, Mask.method, Mask.licence).join(links, links.c.cell_id == Output.cell_id)
    masks = masks.join(Mask, Mask.id == links.c.mask_id).where(Mask.licence.is_not(None))
    fields = (Annotation.kind, Annotation.method, Annotation.licence, Annotation.text, Annotation.image_sha256)
    notes = select(Output.id, *fields).join(links, links.c.cell_id == Output.cell_id)
    notes = notes.join(Annotation, Annotation.reference_id == links.c.reference_id)
    notes = notes.where(Annotation.licence.is_not(None))
    with everything(s):
        for part in chunks([*held]):
            for output_id, method, licence in s.execute(masks.where(Output.id.in_(part))):
                found[output_id].add(Eye("masker", method, str(licence)))
            for output_id, kind, method, licence, text, sha256 in s.execute(notes.where(Output.id.in_(part))):
                if text in held[output_id] or sha256 in held[output_id]:
                    found[output_id].add(Eye("captioner" if kind == CAPTION else "estimator", method, str(licence)))
    return {output_id: sorted(eyes, key=lambda one: (one.role, one.method)) for output_id, eyes in found.items()}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)
