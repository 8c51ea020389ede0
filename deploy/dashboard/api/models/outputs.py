"""Images, decisions on them, and exports."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from deploy.dashboard.api.models.base import Answered, Sent
from deploy.dashboard.exports.options import ExportOptions, PictureFormat
from storage.catalog.records import Decision
from storage.catalog.views import Filter


class OutputFilter(Sent):
    """Which images. `run`: of a run or an order; `prompt`: words in it; `metric`: the best first, within the bounds."""

    run: Annotated[str, Field(max_length=64)] | None = None
    subject_id: int | None = None
    decision: Decision | None = None
    style: Annotated[str, Field(max_length=40)] | None = None
    prompt: Annotated[str, Field(max_length=500)] | None = None
    tag: Annotated[str, Field(max_length=80)] | None = None
    collection: Annotated[str, Field(max_length=80)] | None = None
    reviewer: Annotated[str, Field(max_length=80)] | None = None
    metric: Annotated[str, Field(max_length=80)] | None = None
    lowest: Annotated[float, Field(allow_inf_nan=False)] | None = None
    highest: Annotated[float, Field(allow_inf_nan=False)] | None = None

    def filter(self, run_id: str | None) -> Filter:
        """Return the catalog's filter; `run_id`: the run that `run` is. Raises CatalogError."""
        return Filter(run_id=run_id, **self.model_dump(exclude={"run"}, exclude_none=True))


class OutputRow(Answered):
    """An image in a list. `value`: the score that the list is ordered by."""

    id: Annotated[int, Field(validation_alias="output_id")]
    digest: str
    subject_id: int
    prompt: str
    seed: int
    image_sha256: str
    width: int
    height: int
    revision: int
    decision: Decision
    rating: int
    created_at: datetime
    value: float | None


class ShownSubject(Answered):
    """A subject that an image shows."""

    id: Annotated[int, Field(validation_alias="subject_id")]
    name: str
    class_word: str
    reference_sha256: str
    mask_sha256: str | None


class Output(Answered):
    """An image with what it was made of. `approvals`: people who approve it; `revision`: what a decision names."""

    id: Annotated[int, Field(validation_alias="output_id")]
    digest: str
    subjects: list[ShownSubject]
    prompt: str
    seed: int
    image_sha256: str
    width: int
    height: int
    revision: int
    decision: Decision
    rating: int
    approvals: int
    profile: str
    weights_digest: str
    licence: str
    run_name: str | None
    settings: dict[str, Any]
    scores: dict[str, float]
    created_at: datetime


class NewReview(Sent):
    """A decision on an image as it was at `revision`; it counts as one of the token's owner.

    `reason`: of a rejection, one of the team's; `undo`: take back one's own decision that led to `revision`.
    """

    output_id: int
    revision: int
    decision: Decision | None = None
    rating: Annotated[int, Field(ge=0, le=5)] = 0
    reason: Annotated[str, Field(max_length=60)] = ""
    note: Annotated[str, Field(max_length=1900)] = ""
    undo: bool = False


class Reviewed(Answered):
    """An image after a decision. `needed`: how many people have to approve it; until then `decision` stays none."""

    output_id: int
    revision: int
    decision: Decision
    rating: int
    approvals: int
    needed: int


class Review(Answered):
    """A decision. `undoes`: the revision of the one that it takes back."""

    revision: int
    reviewer: str
    decision: Decision
    rating: int
    note: str
    created_at: datetime
    undoes: int | None


class NewExport(Sent):
    """An export of the approved images that match: their names, formats and what goes with them."""

    filter: OutputFilter = OutputFilter()
    format: Annotated[str, Field(max_length=40, description="how the file is packed")] = "zip"
    metadata: Annotated[bool, Field(description="with recipe, prompt and reviewers; the marks stay in any case")] = True
    names: Annotated[str, Field(max_length=200, description="a template, such as {folder}/{id}")] = ""
    pictures: PictureFormat = "original"
    quality: Annotated[int, Field(ge=1, le=100)] = 92
    captions: bool = False

    def options(self) -> ExportOptions:
        """Return how to write the files. Raises CatalogError."""
        return ExportOptions(**self.model_dump(exclude={"filter", "format"}))


class Export(Answered):
    """An export. `left_out`: images of it that are no longer approved, or forgotten: its file is without them."""

    id: str
    state: Literal["ready"] = "ready"
    pictures: int
    left_out: int
    filter: dict[str, Any]
    options: dict[str, Any]
    created_at: datetime
    expires_at: datetime
    file: Annotated[str, Field(description="where its file is")]
    manifest: Annotated[str, Field(description="where its entries are, one JSON object a line")]
