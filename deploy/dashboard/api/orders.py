"""Orders of programs: checked and priced by what the order form checks and prices with."""

from __future__ import annotations

import json
from collections.abc import Iterable

from deploy.dashboard.api.models.runs import OrderRequest, Plan
from deploy.dashboard.api.problems import ProblemError
from deploy.dashboard.ordering.check import Checked, checked
from deploy.dashboard.ordering.draft import Draft
from deploy.dashboard.resources import Resources
from flows.spec.model import Spec
from flows.spec.problems import Problem

REMOTE = ("s3://", "https://", "object://")


def check(known: Resources, sent: OrderRequest) -> tuple[Checked, Spec]:
    """Check an order; its estimate is in the first of both.

    Raises ProblemError naming every value that is refused: of the spec, the house's licences, unknown names, paths.
    """
    # JSON is YAML
    draft = Draft.of(json.dumps(sent.spec, ensure_ascii=False) if sent.spec is not None else sent.yaml or "")
    if draft.content is None:
        raise _invalid([Problem(path=(), message=f"not read: {draft.why}; correct it")])
    found = checked(known, draft, new_defaults=sent.new_defaults)
    local = [] if found.spec is None else [*_local(found.spec)]
    if found.problems or local or found.spec is None:
        raise _invalid([*found.problems, *local])
    return found, found.spec


def plan(found: Checked) -> Plan:
    """Return what a checked order comes to, and what may differ from what was asked for."""
    if found.estimate is None:
        raise ProblemError(500, "the order has no estimate; report it")
    warnings = []
    for i, one in found.unread:
        if one.cut:
            said = f"{one.tokens} tokens of {one.limit}: the model does not read {one.cut!r}; shorten the prompt"
            warnings.append({"kind": "text cut off", "message": said, "place": f"prompts[{i}]"})
        if one.spelled:
            said = f"the model does not know {', '.join(map(repr, one.spelled))}; use other words"
            warnings.append({"kind": "unknown words", "message": said, "place": f"prompts[{i}]"})
    notes = [*found.estimate.notes]
    about = {**found.estimate.json(), "notes": notes, "warnings": warnings, "over_quota": found.over_quota}
    return Plan.model_validate(about)


def _local(spec: Spec) -> Iterable[Problem]:
    """Yield a problem for each path on the worker's disk: a program names subjects, or addresses."""
    remedy = "name a subject of the catalog (POST /subjects), or give an https:// or s3:// address"
    for path, place in spec.places():
        if not place.startswith(REMOTE):
            yield Problem(path=path, message=f"a path of the worker's disk; {remedy}")


def _invalid(problems: Iterable[Problem]) -> ProblemError:
    found = [{"field": ".".join(("spec", *map(str, one.path))), "message": one.message} for one in problems][:50]
    first = found[0]
    return ProblemError(422, f"{first['field']}: {first['message']}", field=first["field"], errors=found)
