"""New subjects from the dashboard's form: their references and mask, checked as in ingestion."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import isfinite
from typing import Any

from deploy.dashboard.resources import Resources
from deploy.dashboard.uploads.references import read_upload
from dreamtuner.settings.styles import STYLES
from storage.catalog import views, writes
from storage.catalog.name_conflicts import differences, name_taken_message
from storage.catalog.records import CatalogError, NameTakenError, NotInCatalogError
from storage.ingest import storing

NAME = re.compile(r"[^\s\x00-\x1f/\\][^\x00-\x1f/\\]{0,79}")
CLASS_WORD = re.compile(r"[^{}\s]+( [^{}\s]+)*")
MAX_CLASS_WORD, MAX_CAPTION = 80, 2000


@dataclass(frozen=True)
class NewSubject:
    """The fields of the subject form, validated like an entry of a spec. `weight`: of each further reference.

    `project`: that of a subject that is new, by name; "": everybody's.
    """

    name: str
    class_word: str
    style: str
    caption: str | None
    replace: bool
    weight: float = 1.0
    project: str = ""

    @classmethod
    def read(cls, form: Mapping[str, Any]) -> NewSubject:
        """Read the form's fields. Raises CatalogError naming an invalid one."""
        name, word, style, caption = (
            str(form.get(one) or "").strip() for one in ("name", "class_word", "style", "caption")
        )
        if not NAME.fullmatch(name):
            raise CatalogError("name: give 1 to 80 characters without slashes or control characters")
        if len(word) > MAX_CLASS_WORD or not CLASS_WORD.fullmatch(word):
            raise CatalogError("class word: give a plain noun such as bear or teddy bear, without braces")
        if style not in STYLES:
            raise CatalogError(f"style: choose one of {', '.join(STYLES)}")
        if len(caption) > MAX_CAPTION:
            raise CatalogError(f"caption: at most {MAX_CAPTION} characters; shorten it")
        return cls(
            name,
            word,
            style,
            caption or None,
            bool(form.get("replace")),
            _weight(str(form.get("weight") or 1)),
            str(form.get("project") or "").strip(),
        )


def _weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = 0.0
    if not (weight > 0 and isfinite(weight)):
        raise CatalogError(f"weight: {text[:20]!r} is not a positive number; 1 counts as much as the first reference")
    return weight


def add_subject(
    known: Resources, new: NewSubject, reference: bytes, mask: bytes | None, actor: str, further: Sequence[bytes] = ()
) -> int:
    """Ingest a subject with its references and mask, and return its id.

    Without `mask` it is the reference's alpha channel, or detected, as those of `further` ones are. Raises CatalogError
    if the name is another subject's or a picture cannot be used.
    """
    given = [(data, new.weight) for data in further]
    for i, (data, _) in enumerate(given, 1):
        if data in (reference, *further[: i - 1]):
            raise CatalogError(f"further: image {i} is chosen twice; leave one out")
    first = read_upload(known, new.style, reference, mask, "reference")
    others = [read_upload(known, new.style, data, None, f"further: image {i}") for i, data in enumerate(further, 1)]
    demand_name(known, new, [(reference, 1.0), *given])
    with known.catalog.read() as s:
        project = views.project_named(s, new.project).id if new.project else None
        there = new.name in views.subject_names(s)
    pieces = [piece for one in (first, *others) for piece in one.pieces]
    with storing(known.catalog, known.store, *pieces) as (s, digests):
        image_sha256, mask_sha256, *more = digests
        images, masks = more[::2], more[1::2]
        try:
            subject_id, reference_id = writes.enter_subject(
                s,
                name=new.name,
                class_word=new.class_word,
                style=new.style,
                image_sha256=image_sha256,
                width=first.picture.image.width,
                height=first.picture.image.height,
                source=f"uploaded by {actor}",
                caption=new.caption,
                further=[(sha, new.weight) for sha in images],
                replace=new.replace,
                recaption=True,
                actor=actor,
                given="dashboard",
            )
        except NameTakenError as error:
            raise NameTakenError(str(error).replace("add replace: true", f"tick {REPLACE!r}")) from error
        first.enter_mask(s, reference_id, mask_sha256, actor)
        members = [(reference_id, 1.0)]
        for one, image, found in zip(others, images, masks, strict=True):
            further_id = writes.add_further_reference(
                s,
                subject_id=subject_id,
                image_sha256=image,
                width=one.picture.image.width,
                height=one.picture.image.height,
                source=f"uploaded by {actor}",
                caption=None,
                insist=False,
            )
            one.enter_mask(s, further_id, found, actor)
            members.append((further_id, new.weight))
        writes.set_references(s, members, actor=actor)
        if not there:
            writes.own_new_subject(s, subject_id, project)
        about = {"subject": new.name, "reference": image_sha256, "mask": mask_sha256, "replaced": new.replace}
        about |= {"further": images} if images else {}
        about |= {"project": new.project} if new.project else {}
        writes.record_audit(s, actor=actor, action="new reference", entity="subject", entity_id=subject_id, after=about)
    return subject_id


REPLACE = "Replace the subject of this name"


def demand_name(known: Resources, new: NewSubject, references: Sequence[tuple[bytes, float]]) -> None:
    """Raise NameTakenError if the name is another subject's and the form does not replace it.

    `references`: the bytes and the weight of each.
    """
    if new.replace:
        return
    try:
        with known.catalog.read() as s:
            stored = views.subject_assets(s, new.name)
    except NotInCatalogError:
        return
    digests = [(sha256(data).hexdigest(), weight) for data, weight in references]
    found = differences(stored, class_word=new.class_word, style=new.style, references=digests)
    if found:
        raise NameTakenError(
            name_taken_message(new.name, stored, found).replace("add replace: true", f"tick {REPLACE!r}")
        )
