"""Captions and control images of references, as commands show them: what, by whom, how sure."""

from typing import Any

from storage.catalog.records import PERSONS, AnnotationFacts
from storage.catalog.views import MaskView, ReferenceView

_WHERE = {"spec": "in a spec", "ingest": "by ingest", "dashboard": "in the dashboard", "file": "the file itself"}


def annotation_json(one: AnnotationFacts) -> dict[str, Any]:
    """Return an annotation as `--json` prints it."""
    content = {"kind": one.kind, "text": one.text, "sha256": one.image_sha256}
    return content | _origin(one) | {"notes": list(one.notes)}


def mask_json(one: MaskView) -> dict[str, Any]:
    """Return a mask with the keys of an annotation, and whether it is doubtful."""
    content = {"kind": "mask", "text": None, "sha256": one.sha256}
    return content | _origin(one) | {"notes": list(one.warnings), "doubtful": one.doubtful}


def _origin(one: AnnotationFacts | MaskView) -> dict[str, Any]:
    return {
        "method": one.method,
        "version": one.version,
        "confidence": one.confidence,
        "licence": one.licence,
        "given": one.given,
        "giver": one.giver,
        "given_at": None if one.given_at is None else one.given_at.isoformat(),
    }


def seen_json(reference: ReferenceView) -> list[dict[str, Any]]:
    """Return all that is stored of a reference: masks, captions, control images; `current`: it is the one in use."""
    found = [mask_json(one) | {"current": one.current} for one in reference.masks]
    kinds = set[str]()
    for one in reference.annotations:
        found.append(annotation_json(one) | {"current": one.kind not in kinds})
        kinds.add(one.kind)
    return found


def described(one: AnnotationFacts | MaskView) -> str:
    """Return a caption in quotes, or the first digits of a control image's or a mask's SHA-256."""
    if isinstance(one, MaskView):
        return one.sha256[:12]
    if one.text is not None:
        return repr(one.text)
    return "nothing found" if one.image_sha256 is None else one.image_sha256[:12]


def maker(one: AnnotationFacts | MaskView) -> str:
    """Return who or what an annotation is from: the method that found it, or the person who gave it."""
    if one.given not in PERSONS:
        return one.method
    who = one.giver or "a person"
    when = "" if one.given_at is None else f" on {one.given_at:%Y-%m-%d}"
    return f"{who} {_WHERE[one.given]}{when}"
