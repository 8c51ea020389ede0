"""Gathers what is known of a reference, kind by kind, with every version and its origin, for its page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from deploy.dashboard.eyes.backends import MASK, Backend, backends_of
from storage.catalog.records import CAPTION, PERSONS, AnnotationFacts, Given
from storage.catalog.views import MaskView, ReferenceView

ALWAYS = (MASK, CAPTION, "pose", "depth")
"""The kinds that a page shows of every reference, in this order; others follow by name where there are any."""
UNSURE = 0.5
"""A finding whose own confidence is below this is marked as doubtful."""


@dataclass(frozen=True)
class Version:
    """A version of a finding: a caption has a `text`, all others an image, or neither: there is nothing of this kind.

    `number` counts from 1; `notes` say what a person should know; `cells` and `checkpoints` count a mask's uses. The
    rest is as in the catalog.
    """

    id: int
    number: int
    text: str | None
    sha256: str | None
    method: str
    confidence: float | None
    doubtful: bool
    licence: str | None
    given: Given
    giver: str | None
    given_at: datetime | None
    created_at: datetime
    notes: Sequence[str] = ()
    cells: int = 0
    checkpoints: int = 0

    @property
    def content(self) -> str | None:
        """Return its text or the SHA-256 of its image; None: it says that there is nothing of its kind."""
        return self.sha256 if self.text is None else self.text


@dataclass(frozen=True)
class Finding:
    """What is known of one kind: its versions, the one in use first, and the backends that may look again."""

    kind: str
    versions: Sequence[Version] = ()
    backends: Sequence[Backend] = ()

    @property
    def current(self) -> Version | None:
        """Return the version in use; None if nobody has looked yet."""
        return self.versions[0] if self.versions else None


def findings(reference: ReferenceView, *, more: Iterable[str] = ()) -> list[Finding]:
    """List the findings of a reference; `more`: kinds to show beside ALWAYS and those that the reference has."""
    others = sorted({*(one.kind for one in reference.annotations), *more} - {*ALWAYS})
    return [Finding(kind, versions_of(reference, kind), backends_of(kind)) for kind in (*ALWAYS, *others)]


def versions_of(reference: ReferenceView, kind: str) -> list[Version]:
    """List the versions of this kind, the one in use first."""
    if kind == MASK:
        return [_of_mask(one) for one in reference.masks]
    return [_of_annotation(one) for one in reference.annotations if one.kind == kind]


def _of_mask(mask: MaskView) -> Version:
    return Version(
        id=mask.id,
        number=mask.version,
        text=None,
        sha256=mask.sha256,
        method=mask.method,
        confidence=mask.confidence,
        doubtful=mask.doubtful,
        licence=mask.licence,
        given=mask.given,
        giver=mask.giver,
        given_at=mask.given_at,
        created_at=mask.created_at,
        notes=mask.warnings,
        cells=mask.cells,
        checkpoints=mask.checkpoints,
    )


def _of_annotation(one: AnnotationFacts) -> Version:
    unsure = bool(one.notes) or (one.confidence is not None and one.confidence < UNSURE)
    return Version(
        id=one.id,
        number=one.version,
        text=one.text,
        sha256=one.image_sha256,
        method=one.method,
        confidence=one.confidence,
        doubtful=one.given not in PERSONS and unsure,
        licence=one.licence,
        given=one.given,
        giver=one.giver,
        given_at=one.given_at,
        created_at=one.created_at,
        notes=one.notes,
    )
