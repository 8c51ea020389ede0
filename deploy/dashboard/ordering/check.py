"""Checks an order before it is placed: problems at their fields, what its prompts read like, what it comes to."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from deploy.dashboard.ordering.choices import of_workers
from deploy.dashboard.ordering.draft import Draft
from deploy.dashboard.ordering.feeds import feed_reader, read_feed_of
from deploy.dashboard.ordering.yaml_text import REMOVED, changed
from deploy.dashboard.resources import Resources
from deploy.dashboard.security.text import check_plain
from dreamtuner.models.lineage import PurposeError, objections
from dreamtuner.models.part_licences import controlnet_weight, weights_of_sampling
from dreamtuner.models.profiles import Profile
from flows.planning.estimate import Estimate, Work, estimate
from flows.planning.generated.pictures import named_pictures
from flows.planning.projects.limits import project_of, purpose_of
from flows.planning.readings import PromptReading, prompt_readings
from flows.spec.feed_source import reads_feeds
from flows.spec.feed_table import Fault
from flows.spec.model import Spec
from flows.spec.problems import InputError, Problem, dotted, problems_of
from flows.spec.yaml_file import MAX_SPEC_BYTES, parse_spec
from storage.catalog import views
from storage.catalog.name_conflicts import UnknownNames
from storage.catalog.records import CatalogError
from storage.catalog.views import ProjectView
from storage.redaction import contains_secret
from storage.run_costs import duration, money
from storage.sources import SourceError, object_digest

_BASE = Path("/relative-to-nothing")
MOST_FAULTS = 100
"""Faults of a table that a page lists; the rest is counted, and the download has all."""


@dataclass(frozen=True)
class Checked:
    """What is to be said of a draft. `spec`: None if it is not valid; `faults`: of its table of subjects.

    `readings`: of each prompt, None: not known here; `estimate`: None without a valid spec; `grid`: how many of what
    are multiplied.
    """

    draft: Draft
    spec: Spec | None
    problems: Sequence[Problem]
    faults: Sequence[Fault] = ()
    readings: Sequence[PromptReading | None] | None = None
    estimate: Estimate | None = None
    quota: float | None = None
    grid: Sequence[tuple[int, str]] = ()

    @property
    def unread(self) -> list[tuple[int, PromptReading]]:
        """Return the prompts that the model cannot read as written, with their positions."""
        return [(i, one) for i, one in enumerate(self.readings or ()) if one is not None and (one.cut or one.spelled)]

    @property
    def missing(self) -> list[str]:
        """Return the keys that are not written yet: no fault of an order that is only begun."""
        return [str(one.path[0]) for one in self.problems if _is_missing(one)]

    @property
    def by_field(self) -> dict[str, list[str]]:
        """Return the problems by the field of the form that shows them, each with its place within it."""
        found: dict[str, list[str]] = {}
        for one in self.problems:
            if not _shown(one):
                continue
            parts = 2 if one.path[0] in NESTED and len(one.path) > 1 else 1
            within = _within(one.path[parts:])
            field = dotted(one.path[:parts])
            found.setdefault(field, []).append(f"{within}: {one.message}" if within else one.message)
        return found

    @property
    def elsewhere(self) -> list[str]:
        """Return the problems that no field of the form shows."""
        return [str(one) for one in self.problems if not _shown(one)]

    @property
    def over_quota(self) -> str | None:
        """Return why the order has to be confirmed; None if it need not."""
        if self.estimate is None or self.quota is None:
            return None
        seconds = self.estimate.device_seconds
        if seconds is None:
            return None if not self.estimate.to_make else "Not all of its device time is known, and there is a quota."
        if seconds <= self.quota:
            return None
        price = "" if self.estimate.money is None else f", {money(self.estimate.money)} {self.estimate.currency}"
        most = f"the quota of an order is {duration(self.quota)}"
        return f"It takes about {duration(seconds)} of device time{price}; {most}."


SHOWN = (
    *("name", "profile", "subjects", "prompts", "negative_prompt", "seeds", "poses", "depth", "finetune", "score"),
    *("sampling", "together", "masker", "captioner", "estimators", "workers", "priority", "budget", "project", "edit"),
    "consistency",
)
"""The keys of a spec that the form shows problems of."""
NESTED = ("sampling", "finetune", "estimators", "budget", "edit", "consistency")
"""Those of them whose values have fields of their own."""


def checked(known: Resources, draft: Draft, *, new_defaults: bool = False) -> Checked:
    """Check a draft. Never raises for what somebody wrote."""
    spec, problems = _spec(known, draft)
    faults: Sequence[Fault] = ()
    if draft.feed:
        with suppress(SourceError):  # the problem of its field says it
            faults = read_feed_of(known, draft.feed).faults
    if spec is not None:
        problems = [*problems, *_of_the_house(known, spec, draft)]
    profile = draft.profile
    readings = None if profile is None else _readings(known, draft, spec, profile)
    quota = known.settings.order_quota
    if spec is None:
        return Checked(draft, None, problems, faults, readings, quota=quota)
    if profile is None:
        cells = spec.cells
        note = (
            f"the profile {spec.profile} is on the workers' machines alone: what exists and the time are not known here"
        )
        size = Estimate(len(spec.subjects), 0, cells, 0, (Work("generate", cells),), None, None, None, (note,))
        return Checked(draft, None if problems else spec, problems, faults, readings, size, quota, _grid(spec))
    try:
        found = estimate(spec, known.catalog, known.settings.rates, new_defaults=new_defaults)
    except ValidationError as error:  # what the spec sets and the profile's defaults do not go together
        problems = [*problems, *problems_of(error, Spec, ("sampling",))]
        return Checked(draft, None, problems, faults, readings, quota=quota)
    if not any(one.path[:1] == ("project",) for one in problems):
        problems = [*problems, *_over_month(known, spec, found.device_seconds if found.to_make else 0.0)]
    return Checked(draft, None if problems else spec, problems, faults, readings, found, quota, _grid(spec))


def _grid(spec: Spec) -> list[tuple[int, str]]:
    """Return how many subjects, prompts, control images and seeds the grid has."""
    words = {"pose": "pose", "depth": "depth map"}
    layouts = [(len(each), words.get(kind, kind)) for kind, each in spec.layouts.items() if spec.follows(kind)]
    prompts = [(len(spec.prompts), "prompt")] if spec.prompts or not spec.scenes else []
    scenes = [(len(spec.scenes), "scene")] if spec.scenes else []
    return [(len(spec.subjects), "subject"), *prompts, *scenes, *layouts, (len(spec.seeds), "seed")]


def _spec(known: Resources, draft: Draft) -> tuple[Spec | None, list[Problem]]:
    if len(draft.text.encode("utf-8", "replace")) > MAX_SPEC_BYTES:
        what = f"the spec is larger than {MAX_SPEC_BYTES:,} bytes; upload its subjects as a table"
        return None, [Problem(path=("subjects",), message=what)]
    before = reads_feeds.set(feed_reader(known))
    name, text = str(draft.get("profile") or ""), draft.text
    try:
        if draft.content and draft.profile is None and name in of_workers(known.prefect):
            # only the workers have this profile: here everything else of the spec is checked
            return parse_spec(changed(text, {"profile": REMOVED}), source="the order", base=_BASE).model_copy(
                update={"profile": name}
            ), []
        return parse_spec(text, source="the order", base=_BASE), []
    except InputError as error:
        return None, [one.model_copy(update={"line": None}) if _shown(one) else one for one in error.problems]
    finally:
        reads_feeds.reset(before)


def _within(path: Sequence[str | int]) -> str:
    """Return a place within a field for people: (2, "name") is number 3, name."""
    return ", ".join(f"number {part + 1}" if isinstance(part, int) else part for part in path)


def _is_missing(problem: Problem) -> bool:
    return len(problem.path) == 1 and problem.message == "is missing; add it"


def _shown(problem: Problem) -> bool:
    return bool(problem.path) and problem.path[0] in SHOWN


def _of_the_house(known: Resources, spec: Spec, draft: Draft) -> list[Problem]:
    """Return the problems that only this installation knows: names, files, characters, licences."""
    found = []
    for path, place in spec.places():
        if place.startswith(f"{_BASE}/"):
            what = f"{place.removeprefix(f'{_BASE}/')!r} is a relative path; give a path that begins with / on the"
            found.append(
                Problem(path=path, message=f"{what} machines that generate, an https:// or s3:// URL, or upload it")
            )
        elif contains_secret(place):
            what = "contains a password or signature, which would be visible in Prefect; ingest the subject with"
            found.append(Problem(path=path, message=f"the URL {what} `dreamtuner ingest`, or use an s3:// URL"))
        elif place.startswith("object://") and object_digest(place) is None:
            found.append(Problem(path=path, message=f"{place[:90]!r} names no file; upload it"))
    try:
        check_plain(draft.content)
    except CatalogError as error:
        found.append(Problem(path=(), message=str(error)))
    if not draft.feed:  # a table's rows are compared when it is read
        found += _names(known, spec)
    try:
        named_pictures(spec, known.catalog)  # a flow sees every picture; a person names those that they see
        project = project_of(spec, known.catalog)
    except InputError as error:
        return [*found, *error.problems]
    return found + _hidden(known, spec) + _licences(spec, draft.profile, project)


def _hidden(known: Resources, spec: Spec) -> list[Problem]:
    """Return the subjects whose names are taken by others that the person does not see."""
    with known.catalog.read() as s:
        taken = views.hidden_names(s, [one.name for one in spec.subjects])
    message = "this name is taken; choose another"
    places = [i for i, one in enumerate(spec.subjects) if one.name in taken]
    return [Problem(path=("subjects", i, "name"), message=message) for i in places]


def _over_month(known: Resources, spec: Spec, seconds: float | None) -> list[Problem]:
    """Return that the order takes more than its project has left this month."""
    with suppress(InputError):  # said by the check of the project
        project = project_of(spec, known.catalog)
        with known.catalog.read() as s:
            said = "" if project is None else views.over_quota(views.quota_left(s, project.id), seconds)
        return [Problem(path=("project",), message=said.removeprefix("project: "))] if said else []
    return []


def _names(known: Resources, spec: Spec) -> list[Problem]:
    with known.catalog.read() as s:
        stored = views.subject_states(s, [one.name for one in spec.subjects])
        unknown = [one for one in spec.subjects if one.name not in stored and not one.is_new]
        known_names = views.subject_names(s) if unknown else ()
    names = UnknownNames(lambda: known_names)
    found = []
    for i, one in enumerate(spec.subjects):
        there = stored.get(one.name)
        if there is None:
            if not one.is_new:
                found.append(Problem(path=("subjects", i, "name"), message=names.message(one.name)))
            continue
        style = one.style or ("natural" if one.is_new else None)
        for field, ours, theirs in (("class_word", one.class_word, there.class_word), ("style", style, there.style)):
            if ours is not None and ours != theirs and not one.replace:
                what = f"is {ours!r}, but the catalog's {one.name!r} has {theirs!r}; correct it, give this subject"
                message = f"{what} another name, or add replace: true"
                found.append(Problem(path=("subjects", i, field), message=message))
    return found


def _licences(spec: Spec, profile: Profile | None, project: ProjectView | None) -> list[Problem]:
    """Return what the licences of the base and the ControlNets say against the stated purpose."""
    if profile is None:
        return []
    try:
        stated = purpose_of(project)
    except PurposeError as error:
        return [Problem(path=(), message=str(error))]
    sampling = profile.sampling("natural", learnt=spec.finetune is not None, **spec.sampling)
    weights = [*weights_of_sampling(profile, sampling)]
    weights += [controlnet_weight(profile, kind) for kind in spec.layouts if spec.follows(kind)]
    return [
        Problem(path=("profile",), message=str(one))
        for one in objections(weights, None if stated is None else stated.purpose)
    ]


def _readings(known: Resources, draft: Draft, spec: Spec | None, profile: Profile) -> list[PromptReading | None] | None:
    """Read the prompts of a draft with the class words of its subjects, as far as these are known."""
    subjects: list[tuple[str, str]] = []
    if spec is not None:
        subjects = [(one.class_word, one.style or "natural") for one in spec.subjects[:50] if one.class_word]
        wanted = [one.name for one in spec.subjects[:50]]
    else:
        wanted = draft.names[:50]
    with known.catalog.read() as s:
        subjects += [(one.class_word, one.style) for one in views.subject_states(s, wanted).values()]
    prompts: list[Any] = draft.prompts
    syntax = draft.numbers("sampling").get("prompt_syntax")
    plain = profile.sampling("natural").prompt_syntax
    word = draft.numbers("finetune").get("word") if draft.get("finetune") is not None else None
    return prompt_readings(
        prompts, subjects, profile, syntax if syntax in ("literal", "weighted") else plain, word if word else None
    )
