"""Export: the approved pictures that match a filter, as one file in any installed format, or to a bucket."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from deploy.dashboard.access.rights import Needs, Person
from deploy.dashboard.exports.formats import EXPORT_FORMATS
from deploy.dashboard.exports.lineage import MetricLicences, demand_purposes
from deploy.dashboard.exports.manifest import files
from deploy.dashboard.exports.options import FORMATS, PLACEHOLDERS, ExportOptions, PictureFormat, check_keys
from deploy.dashboard.gallery_filter import FIELDS, parse_filter, whole_number
from deploy.dashboard.pages import page, redirect
from deploy.dashboard.resources import Resources, resources
from deploy.dashboard.routes.review.review import collect
from deploy.marks.settings import UNMARKED
from dreamtuner.plugins import PluginError
from storage.catalog import views, writes
from storage.catalog.records import CatalogError
from storage.catalog.views import Filter, OutputDetail, ReviewedBy
from storage.keys import InvalidKeyError, check_key
from storage.objects import ObjectStore, StoreError, open_store
from storage.objects.s3_url import split_s3_url

router = APIRouter()
Reviewer = Annotated[Person, Depends(Needs("reviewer"))]
Operator = Annotated[Person, Depends(Needs("operator"))]
MOST = 5000  # pictures of one export
NEWEST = 8  # that are shown


@router.get("/export")
def export(request: Request, person: Reviewer) -> Response:
    """Show the export form."""
    known = resources(request)
    with known.catalog.read() as s:
        choices, counts = views.choices(s), views.decisions(s, ["approved"])
        newest = views.gallery_page(s, Filter(decision="approved"), limit=NEWEST).rows
    return page(
        request,
        "export.html",
        person,
        choices=choices,
        counts=counts,
        newest=newest,
        most=MOST,
        formats=[*EXPORT_FORMATS.working()],
        unmarked="" if known.marker.settings.on else UNMARKED,
        pictures=FORMATS,
        placeholders=PLACEHOLDERS,
    )


@router.post("/export/bucket")
async def to_bucket(request: Request, person: Operator) -> Response:
    """Upload the files below a prefix of a bucket."""
    form = await request.form()
    url = str(form.get("url") or "").strip()
    target, known = _bucket(url), resources(request)
    outputs, metrics, options, whose = await run_in_threadpool(_chosen, request, person, form, url, keys=True)
    parts = files(known.store, outputs, known.marker, metrics, options, subject_ids=whose)
    put = await run_in_threadpool(_put, target, parts)
    return redirect("/export", f"{put} files uploaded to {url}")


@router.post("/export/{name}")
async def as_file(name: str, request: Request, person: Reviewer) -> Response:
    """Stream the export as one file in the format `name`."""
    try:
        packed_as = EXPORT_FORMATS[name]
    except PluginError as error:
        raise CatalogError(f"format: {error}") from error
    form = await request.form()
    outputs, metrics, options, whose = await run_in_threadpool(_chosen, request, person, form, name)
    file_name = f"dreamtuner-{datetime.now(UTC):%Y%m%d-%H%M}{packed_as.suffix}"
    known = resources(request)
    return StreamingResponse(
        packed_as.pack(files(known.store, outputs, known.marker, metrics, options, subject_ids=whose)),
        media_type=packed_as.media_type,
        headers={"Content-Disposition": f'attachment; filename="{file_name}"'},
    )


def _bucket(url: str) -> ObjectStore:
    """Open a new folder below the prefix of a bucket. Raises CatalogError unless `url` is s3://bucket/prefix."""
    try:
        bucket, prefix = split_s3_url(url)
        folder = check_key(f"{prefix.strip('/')}/{datetime.now(UTC):%Y%m%d-%H%M%S}".strip("/"))
    except (StoreError, InvalidKeyError) as error:
        remedy = "write bucket and prefix in lower case"
        raise CatalogError(f"url: {url[:60]!r} is not s3://bucket/prefix; {remedy}") from error
    return open_store(f"s3://{bucket}/{folder}")


def _put(target: ObjectStore, parts: Iterable[tuple[str, bytes]]) -> int:
    put = 0
    kinds = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp", "csv": "text/csv", "txt": "text/plain"}
    for name, data in parts:
        kind = kinds.get(name.rpartition(".")[2], "application/x-ndjson")
        target.put(name, data, content_type=kind)
        put += 1
    return put


def _chosen(
    request: Request, person: Person, form: Any, to: str, *, keys: bool = False
) -> tuple[list[tuple[OutputDetail, ReviewedBy | None]], MetricLicences, ExportOptions, Collection[int] | None]:
    """Select the approved outputs that match the form, and record the export in the audit.

    `keys`: the names have to be keys of a bucket. What is wrong is refused before the export is recorded.

    Returns the outputs with their reviewers, the metrics' licences, how to write the files, and the only subjects to
    include (None: all).
    """
    known = resources(request)
    asked = parse_filter({name: form.get(name) for name in FIELDS} | {"decision": "approved"})
    options = _options(form)
    ids = collect_export(known, asked)
    with known.catalog.read() as s:
        outputs, reviewed = views.outputs(s, ids, subject_id=asked.subject_id, licences=True), views.reviewed_by(s, ids)
        metrics = views.metric_licences(s)
    demand_purpose(known, outputs, metrics)
    whose = None if asked.subject_id is None else {asked.subject_id}
    if keys:
        named = ((i, one, link) for i, one in enumerate(outputs, 1) for link in one.subjects)
        check_keys(options.name_of(one, link, i) for i, one, link in named if whose is None or link.subject_id in whose)
    about = {"pictures": len(outputs), "metadata": options.metadata, "marked": known.marker.settings.on}
    with known.catalog.write() as s:
        after = {"to": to, **about, "filter": asked.as_json()}
        writes.record_audit(s, actor=person.name, action="export", entity="export", entity_id=to, after=after)
    return [(one, reviewed.get(one.output_id)) for one in outputs], metrics, options, whose


def collect_export(known: Resources, asked: Filter) -> list[int]:
    """Collect the ids of the matches, the newest first. Raises CatalogError if there are none or too many."""
    ids, _ = collect(known, asked, MOST + 1)
    if not ids:
        raise CatalogError("filter: no approved images match; approve some, or widen it")
    if len(ids) > MOST:
        raise CatalogError(f"filter: more than {MOST:,} approved images match; narrow it, as to a run or a subject")
    return ids


def demand_purpose(known: Resources, outputs: Sequence[OutputDetail], metrics: MetricLicences) -> None:
    """Raise CatalogError if a weight's licence does not allow pictures for what they are for.

    That is the purpose of their projects, and of DREAMTUNER_PURPOSE for pictures of none that states one.
    """
    with known.catalog.read() as s:
        projects = views.purposes_of_outputs(s, [one.output_id for one in outputs])
    demand_purposes(outputs, projects, metrics)


def _options(form: Any) -> ExportOptions:
    """Read how to write the files from the form. Raises CatalogError naming the field."""
    return ExportOptions(
        metadata=form.get("metadata") != "strip",
        names=str(form.get("names") or "")[:500],
        pictures=cast(PictureFormat, str(form.get("pictures") or "original")),
        quality=whole_number("quality", form.get("quality") or ExportOptions.quality),
        captions=form.get("captions") == "yes",
    )
