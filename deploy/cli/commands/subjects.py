"""`dreamtuner subjects`: list the subjects of the catalog, or what is stored of one."""

from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.options import AsJson
from deploy.cli.terminal import print_result

if TYPE_CHECKING:
    from rich.console import RenderableType

    from storage.catalog import Catalog
    from storage.catalog.records import AnnotationFacts
    from storage.catalog.views import MaskView, ReferenceView, SubjectDetail, SubjectSummary


def subjects(
    name: Annotated[
        str | None, typer.Argument(metavar="[SUBJECT]", help="A subject, to list what is stored of its references.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the subjects of the catalog with their references, masks, image counts and approvals.

    With a subject: list the masks, captions, poses, depth maps and other control images of its references, with the
    method or the person that each is from, its version, confidence and licence.
    """
    from flows.resources import Resources
    from storage.catalog import views

    catalog = Resources.open().catalog_if_any
    if name is not None:
        one = _subject(name, catalog)
        print_result(_detail_json(one) if as_json else _detail_table(one))
        return
    found: list[SubjectSummary] = []
    if catalog is not None:
        with catalog.read() as s:
            found = views.subject_list(s)
    print_result({"subjects": [_json(one) for one in found]} if as_json else _table(found))


def _subject(name: str, catalog: "Catalog | None") -> "SubjectDetail":
    from flows.spec.problems import InputError, Problem
    from storage.catalog import views
    from storage.catalog.name_conflicts import unknown_name_message

    names: Sequence[str] = ()
    if catalog is not None:
        with catalog.read() as s:
            names = views.subject_names(s)
            if name in names:
                return views.subject(s, views.subject_id(s, name))
    raise InputError("subjects", [Problem(path=("SUBJECT",), message=unknown_name_message(name, names))])


def _detail_json(one: "SubjectDetail") -> dict[str, Any]:
    from deploy.cli.annotations import seen_json

    about = {"id": one.id, "name": one.name, "class_word": one.class_word, "style": one.style}
    references = [
        {
            "sha256": reference.sha256,
            "source": reference.source,
            "width": reference.width,
            "height": reference.height,
            "current": reference.place is not None,
            "place": reference.place,
            "weight": reference.weight,
            "created_at": reference.created_at.isoformat(),
            "seen": seen_json(reference),
        }
        for reference in one.references
    ]
    return {"subject": about, "references": references}


def _detail_table(one: "SubjectDetail") -> "RenderableType":
    from rich.console import Group
    from rich.text import Text

    from deploy.cli.annotations import described, maker
    from deploy.cli.tables import new_table

    parts: list[RenderableType] = []
    several = sum(reference.place is not None for reference in one.references) > 1
    for reference in one.references:
        parts.append(Text(f"{one.name}, a {one.class_word} in style {one.style}: {_named(reference, several)}"))
        shown = new_table("kind", "version", "what", "by", "confidence", "licence")
        for column in shown.columns:
            column.justify = "left"
        kinds = set[str]()
        rows: list[tuple[str, MaskView | AnnotationFacts]] = [("mask", mask) for mask in reference.masks]
        for kind, seen in [*rows, *((one.kind, one) for one in reference.annotations)]:
            sure = "" if seen.confidence is None else f"{seen.confidence:.2f}"
            row = (kind, str(seen.version), described(seen), maker(seen), sure, seen.licence or "")
            shown.add_row(*map(Text, row), style="dim" if kind in kinds else None)  # earlier versions
            kinds.add(kind)
        parts.append(shown)
    return Group(*parts)


def _named(reference: "ReferenceView", several: bool) -> str:
    """Name a reference by its place among several, its weight and its source."""
    if reference.place is None:
        return f"earlier reference {reference.source}"
    weight = "" if reference.weight == 1 else f" of weight {reference.weight:g}"
    return f"reference{f' {reference.place + 1}' if several else ''}{weight} {reference.source}"


def _json(one: "SubjectSummary") -> dict[str, Any]:
    from storage.redaction import redact_url

    return {
        "id": one.id,
        "name": one.name,
        "class_word": one.class_word,
        "style": one.style,
        "reference": None if one.reference is None else redact_url(one.reference),
        "reference_sha256": one.reference_sha256,
        "references": one.references,
        "in_use": one.in_use,
        "mask": one.mask,
        "mask_confidence": one.mask_confidence,
        "doubtful": one.mask_doubtful,
        "mask_given": one.mask_given,
        "mask_giver": one.mask_giver,
        "pictures": one.pictures,
        "approved": one.approved,
    }


def _mask(one: "SubjectSummary") -> str:
    """Describe where the current mask came from: a method, or a person."""
    if one.mask_given in (None, "found"):
        return one.mask or ""
    return f"given ({one.mask_given})" + (f" by {one.mask_giver}" if one.mask_giver else "")


def _table(found: "list[SubjectSummary]") -> "RenderableType":
    from rich.text import Text

    from deploy.cli.tables import new_table

    if not found:
        return "no subject yet; add one with: dreamtuner ingest IMAGE --name NAME --class-word WORD"
    shown = new_table("subject", "class word", "style", "reference", "mask", "images", "approved")
    for column in shown.columns[:5]:
        column.justify = "left"
    for one in found:
        mask = Text("none", style="yellow") if one.mask is None else Text(f"{_mask(one)} {one.mask_confidence:.2f}")
        if one.mask_doubtful:
            mask.append(" doubtful", style="yellow")
        fields = _json(one)
        reference = PurePath(fields["reference"] or "none").name  # --json has the full path
        further = f" and {one.in_use - 1} more" if one.in_use > 1 else ""
        count = one.references - one.in_use
        earlier = f"{further} (and {count} earlier)" if count else further
        about = Text(one.name), Text(one.class_word), one.style, Text(f"{reference}{earlier}")
        shown.add_row(*about, mask, str(one.pictures), str(one.approved))
    return shown
