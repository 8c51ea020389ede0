"""The form of an order: written, checked while it is written, and placed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from deploy.dashboard.access.rights import Needs, Person
from deploy.dashboard.flow_parameters import CATALOG
from deploy.dashboard.ordering.beginning import Beginning, empty, from_picture, from_preset, from_run
from deploy.dashboard.ordering.check import Checked, checked
from deploy.dashboard.ordering.choices import choices
from deploy.dashboard.ordering.draft import ORDER, Draft
from deploy.dashboard.ordering.feeds import keep_feed, run_of
from deploy.dashboard.ordering.form_fields import form_context
from deploy.dashboard.ordering.parameters import FLAGS, order_parameters
from deploy.dashboard.ordering.scenes import TOGETHER, scene_rows
from deploy.dashboard.ordering.schedules import add_schedule
from deploy.dashboard.ordering.uploads import Sent, keep, new_control_image, new_subject, sent
from deploy.dashboard.ordering.yaml_text import changed
from deploy.dashboard.pages import page, redirect
from deploy.dashboard.prefect_api import PrefectUnavailableError, once_key
from deploy.dashboard.resources import Resources, resources
from flows.spec.feed_source import FROM
from storage.catalog import views, writes
from storage.catalog.narrowing import viewer_of
from storage.catalog.records import CatalogError
from storage.text import fault_of

router = APIRouter()
Operator = Annotated[Person, Depends(Needs("operator"))]
TABLES = ("poses", "depth")
FOUND = 60  # subjects that are listed


@dataclass(frozen=True)
class Shown:
    """What the page shows beside the draft: how it is written, what was typed beside it, and what went wrong.

    `failed`: by the part of the page that it is about; `kept`: fields of the form that are no part of the spec;
    `strict`: what is not written yet is said at its fields.
    """

    mode: str = "form"
    hint: str = ""
    open: bool = False
    failed: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)
    find: str = ""
    confirm: bool = False
    said: str = ""
    strict: bool = False


@router.get("/orders/new")
def new(
    request: Request,
    person: Operator,
    of: int | None = None,
    more: str = "seeds",
    run: str | None = None,
    preset: int | None = None,
) -> Response:
    """Show the form of a new order.

    `of`: the output that it goes on from, `more`: in which way; `run`: the run that is ordered again; `preset`: a
    preset.
    """
    known = resources(request)
    with known.catalog.read() as s:
        if of is not None:
            begun = from_picture(s, of, more)
        elif run is not None:
            begun = from_run(s, run)
        elif preset is not None:
            begun = from_preset(s, preset, person.user_id)
        else:
            begun = empty()
    return _page(request, person, begun.draft, _shown(begun))


def _shown(begun: Beginning) -> Shown:
    return Shown("form" if begun.draft.content is not None else "yaml", begun.hint, begun.open)


@router.get("/fragments/order-subjects")
def find(request: Request, person: Operator) -> Response:
    """Render the list of subjects to choose from: those that are chosen, then those that contain the words `find`."""
    chosen = [one for one in request.query_params.getlist("subject") if one]
    words = request.query_params.get("find", "").strip()[:80]
    with resources(request).catalog.read() as s:
        offered = choices(s, chosen, words, most=FOUND)
    return page(request, "_order_subjects.html", person, offered=offered, chosen=chosen, find=words)


@router.post("/orders/check")
async def check(request: Request, person: Operator) -> Response:
    """Render what is to be said of an order that is being written: its problems, its size and price."""
    form = await request.form()
    return await run_in_threadpool(_check, request, person, form)


def _check(request: Request, person: Person, form: FormData) -> Response:
    found = checked(resources(request), Draft.read(form), new_defaults=bool(form.get("new_defaults")))
    return page(request, "_order_summary.html", person, **_summary(request, found, Shown(_mode(form))))


@router.post("/orders")
async def order(request: Request, person: Operator) -> Response:
    """Do what the pressed button says: add a file, show the order as YAML, keep it, schedule it or place it."""
    form = await request.form()
    files: dict[str, list[Sent]] = {}
    for name, one in form.multi_items():
        if isinstance(one, UploadFile) and (data := await one.read()):
            files.setdefault(name, []).append(Sent(one.filename or name, data))
    return await run_in_threadpool(_order, request, person, form, files)


def _order(request: Request, person: Person, form: FormData, files: Mapping[str, list[Sent]]) -> Response:
    known, draft, do = resources(request), Draft.read(form), str(form.get("do") or "order")
    shown = Shown(_mode(form), kept=_kept(form), find=str(form.get("find") or ""), confirm=bool(form.get("confirm")))
    if do in ("yaml", "form"):
        return _page(request, person, draft, _with(shown, mode=do if draft.content is not None else "yaml"))
    if do in ("check", "find"):
        return _page(request, person, draft, shown)
    try:
        match do:
            case "subject":
                return _add_subject(request, person, form, files, draft, shown)
            case "poses" | "depth":
                draft = _add_images(known, person, draft, do, files.get(f"new_{do}", []))
            case "feed":
                draft = _add_feed(known, person, draft, files.get("new_feed", []))
            case "preset":
                return _keep_preset(request, person, form, draft, shown)
            case _:
                return _place(request, person, form, draft, shown, scheduled=do == "schedule")
    except (CatalogError, PrefectUnavailableError) as error:
        return _page(request, person, draft, _with(shown, failed={do: str(error)}), status=_status(error))
    return _page(request, person, draft, shown)


def _status(error: Exception) -> int:
    return 503 if isinstance(error, PrefectUnavailableError) else 400


def _add_subject(
    request: Request, person: Person, form: FormData, files: Mapping[str, list[Sent]], draft: Draft, shown: Shown
) -> Response:
    """Add a new subject to the catalog and choose it; if that fails, keep its files and what was typed."""
    known = resources(request)
    first = {name: each[0] for name, each in files.items()}
    reference, mask = (sent(known, form, first, f"new_{name}") for name in ("reference", "mask"))
    try:
        name = new_subject(known, form, reference, mask, str(draft.get("project") or ""), person.name)
    except CatalogError as error:
        kept = dict(shown.kept)
        for field_name, one in (("new_reference", reference), ("new_mask", mask)):
            kept[f"kept_{field_name}"] = keep(known, one)
            kept[f"kept_{field_name}_name"] = "" if one is None else one.name
        return _page(request, person, draft, _with(shown, failed={"subject": str(error)}, kept=kept), status=400)
    entries = [*draft.entries, {"name": name}] if not draft.feed else [{"name": name}]
    draft = _put(draft, "subjects", entries)
    beside = {key: value for key, value in shown.kept.items() if "new_" not in key}
    return _page(request, person, draft, _with(shown, kept=beside, said=f"{name} was added and chosen."))


def _add_images(known: Resources, person: Person, draft: Draft, key: str, files: list[Sent]) -> Draft:
    """Add uploaded control images to the order."""
    kind = {"poses": "pose"}.get(key, key)
    if not files:
        raise CatalogError(f"{kind}: choose a picture")
    places = [new_control_image(known, kind, one, person.name) for one in files]
    there = [one for one in draft.places(key) if one != "null"]
    return _put(draft, key, list(dict.fromkeys([*there, *places])))


def _add_feed(known: Resources, person: Person, draft: Draft, files: list[Sent]) -> Draft:
    """Let the subjects of the order be those of an uploaded table."""
    if not files:
        raise CatalogError("subjects: choose a CSV file")
    return _put(draft, "subjects", {FROM: keep_feed(known, files[0].data, files[0].name, person.name)})


def _put(draft: Draft, key: str, value: Any) -> Draft:
    if draft.content is None:
        raise CatalogError(f"correct the YAML first: {draft.why}")
    return Draft.of(changed(draft.text, {key: value}, ORDER))


def _keep_preset(request: Request, person: Person, form: FormData, draft: Draft, shown: Shown) -> Response:
    known, name = resources(request), str(form.get("preset_name") or "")
    if (fault := fault_of(draft.text, running=True)) is not None:
        raise CatalogError(f"preset: the spec {fault}")
    with known.catalog.write() as s:
        writes.save_preset(
            s, user_id=person.user_id, name=name, spec=draft.text, shared=bool(form.get("preset_shared"))
        )
        writes.record_audit(s, actor=person.name, action="keep preset", entity="preset", entity_id=name[:60])
    return _page(request, person, draft, _with(shown, said=f"Kept as preset {' '.join(name.split())}."))


def _place(
    request: Request, person: Person, form: FormData, draft: Draft, shown: Shown, *, scheduled: bool
) -> Response:
    """Place an order, or schedule it, if nothing is wrong with it and what is above the quota is confirmed."""
    known, flags = resources(request), {name: bool(form.get(name)) for name in FLAGS}
    found = checked(known, draft, new_defaults=flags["new_defaults"])
    if found.spec is None:
        return _page(request, person, draft, _with(shown, strict=True), status=400, found=found)
    if found.over_quota and not shown.confirm:
        failed = {"confirm": "tick that the order may take more than the quota"}
        return _page(request, person, draft, _with(shown, failed=failed), status=400, found=found)
    given = order_parameters(known, draft, found.spec, flags, person.name)
    about: dict[str, Any] = {"deployment": CATALOG, "parameters": given}
    if scheduled:
        cron, zone = str(form.get("cron") or ""), str(form.get("timezone") or "")
        made = add_schedule(known.prefect, given, cron, zone)
        action, entity, about = "schedule order", "schedule", about | {"cron": cron, "timezone": zone}
    else:
        made = known.prefect.start(CATALOG, given, key=once_key(form.get("once"), CATALOG, given))
        action, entity = "start flow", "flow run"
    with known.catalog.write() as s:
        writes.record_audit(s, actor=person.name, action=action, entity=entity, entity_id=made, after=about)
    if scheduled:
        return redirect("/orders/schedules", "Scheduled.")
    return redirect("/flows", "Run started.")


def _mode(form: FormData) -> str:
    return "yaml" if form.get("mode") == "yaml" else "form"


BESIDE = (
    *("new_name", "new_class_word", "new_style", "new_caption", "preset_name", "preset_shared", "cron", "timezone"),
    *FLAGS,
)


def _kept(form: FormData) -> dict[str, str]:
    return {name: str(form.get(name) or "") for name in BESIDE}


def _with(shown: Shown, **changes: Any) -> Shown:
    return Shown(**{**vars(shown), **changes})


def _page(
    request: Request,
    person: Person,
    draft: Draft,
    shown: Shown,
    *,
    status: int = 200,
    found: Checked | None = None,
) -> Response:
    known = resources(request)
    found = found or checked(known, draft, new_defaults=bool(shown.kept.get("new_defaults")))
    if draft.content is None:
        shown = _with(shown, mode="yaml")
    with known.catalog.read() as s:
        offered = choices(s, draft.names, shown.find, most=FOUND)
        presets, projects = views.presets(s, person.user_id), views.projects(s)
        sharable = viewer_of(s) is None and not projects
        images = {key: views.control_choices(s, {"poses": "pose"}.get(key, key)) for key in TABLES}
    return page(
        request,
        "order.html",
        person,
        status=status,
        offered=offered,
        chosen=draft.names,
        presets=presets,
        sharable=sharable,
        projects=[one.name for one in projects],
        find=shown.find,
        of_run=run_of(draft.feed),
        images=images,
        **form_context(draft, images, known.prefect),
        **_summary(request, found, shown),
    )


def _summary(request: Request, found: Checked, shown: Shown) -> dict[str, Any]:
    known = resources(request)
    return {
        "found": found,
        "draft": found.draft,
        "shown": shown,
        "takes_orders": known.takes_orders(CATALOG),
        "rates": known.settings.rates,
        "scenes": scene_rows(found.draft.get(TOGETHER)),
    }
