"""Orders of programs: a spec, checked and priced as the dashboard's form does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml
from pydantic import ValidationError

from deploy.dashboard.api.models.runs import OrderRequest, Plan, Warning
from deploy.dashboard.api.problems import ProblemError
from deploy.dashboard.flow_parameters import check_names
from deploy.dashboard.resources import Resources
from deploy.dashboard.security.text import check_plain
from flows.planning.estimate import estimate
from flows.spec.model import Spec, demand_grid
from flows.spec.problems import InputError, Problem, problems_of
from storage.redaction import contains_secret

REMOTE = ("s3://", "https://")


def spec_of(known: Resources, sent: OrderRequest) -> Spec:
    """Return the spec of a request. Raises ProblemError naming every value that is refused, CatalogError."""
    given = _mapping(sent)
    check_plain(given)
    if contains_secret(given):
        raise _refused(["spec"], "an address in it holds a password or signature; upload the image, or use s3://")
    try:
        spec = Spec.model_validate(given)
        demand_grid(spec)
    except ValidationError as error:
        raise _invalid(problems_of(error, Spec)) from error
    except InputError as error:
        raise _invalid(error.problems) from error
    _demand_remote(spec)
    with known.catalog.read() as s:
        check_names({"spec": given}, s)
    return spec


def plan(known: Resources, spec: Spec, sent: OrderRequest) -> Plan:
    """Return what an order comes to, with its price, by the one estimate that the order form shows too."""
    try:
        found = estimate(spec, known.catalog, known.settings.rates, new_defaults=sent.new_defaults)
    except ValidationError as error:
        raise _invalid(problems_of(error, Spec)) from error
    except InputError as error:
        raise _invalid(error.problems) from error
    return Plan.model_validate({**found.json(), "notes": list(found.notes), "warnings": []})


def _mapping(sent: OrderRequest) -> Mapping[str, Any]:
    if sent.spec is not None:
        return sent.spec
    try:
        found = yaml.safe_load(sent.yaml or "")
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _refused(["yaml"], f"not YAML: {str(error)[:300]}; correct it") from error
    if not isinstance(found, dict):
        raise _refused(["yaml"], "no mapping of keys to values; begin with a line such as name: trip")
    return found


def _demand_remote(spec: Spec) -> None:
    """Raise ProblemError for a path on the worker's disk: a program names subjects, or addresses."""
    local = [path for path, place in spec.places() if not place.startswith(REMOTE)]
    if local:
        remedy = "name a subject of the catalog (POST /subjects), or give an https:// or s3:// address"
        raise _invalid([Problem(path=path, message=f"a path of the worker's disk; {remedy}") for path in local])


def _refused(path: list[str | int], message: str) -> ProblemError:
    return _invalid([Problem(path=tuple(path), message=message)])


def _invalid(problems: Any) -> ProblemError:
    found = [{"field": _field(one), "message": one.message} for one in problems][:50]
    first = found[0]
    return ProblemError(422, f"{first['field']}: {first['message']}", field=first["field"], errors=found)


def _field(one: Problem) -> str:
    if one.path[:1] in (("spec",), ("yaml",)):
        return str(one.path[0])
    return ".".join(("spec", *map(str, one.path)))


__all__ = ["Warning", "plan", "spec_of"]
