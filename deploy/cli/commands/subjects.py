"""`dreamtuner subjects`: list the subjects of the catalog."""

from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from deploy.cli.options import AsJson
from deploy.cli.terminal import print_result

if TYPE_CHECKING:
    from rich.console import RenderableType

    from storage.catalog.views import SubjectSummary


def subjects(as_json: AsJson = False) -> None:
    """List the subjects of the catalog with their references, masks, image counts and approvals."""
    from flows.resources import Resources
    from storage.catalog import views

    catalog = Resources.open().catalog_if_any
    found: list[SubjectSummary] = []
    if catalog is not None:
        with catalog.read() as s:
            found = views.subject_list(s)
    print_result({"subjects": [_json(one) for one in found]} if as_json else _table(found))


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
        earlier = f" (and {one.references - 1} earlier)" if one.references > 1 else ""
        about = Text(one.name), Text(one.class_word), one.style, Text(f"{reference}{earlier}")
        shown.add_row(*about, mask, str(one.pictures), str(one.approved))
    return shown
