"""Arranges the outputs of a new queue: stacks of near-duplicates, likely keepers first, the hopeless hidden."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deploy.dashboard.culling.signs import known_of, look_of
from deploy.dashboard.culling.team_model import TeamModel, as_json, team_model
from dreamtuner.curation.stacks import stacks
from storage.catalog import Catalog, views
from storage.catalog.records import Arrangement
from storage.catalog.views import OutputSigns

UNKNOWN = 0.5
"""The chance of an output whose project has no model: it stands in the middle, and is never hidden."""


@dataclass(frozen=True)
class Culling:
    """What a person asks of a new queue: near-duplicates as stacks, and triage."""

    stacks: bool = False
    triage: bool = False


def arrange(catalog: Catalog, ids: Sequence[int], metric: str | None, asked: Culling) -> Arrangement:
    """Arrange outputs, which are given in the order of the filter.

    A stack stands where its first picture would; on top is the picture that is likeliest to be kept or, without
    triage, the one with most pixels, then with the best score of `metric`. With triage the likeliest keepers come
    first, and what is hidden is undecided, not flagged, and as hopeless as the model's bound asks.
    """
    if not ids or not (asked.stacks or asked.triage):
        return Arrangement(ids=ids)
    with catalog.read() as s:
        signs = {one.output_id: one for one in views.signs_of(s, ids)}
    there = [one for one in dict.fromkeys(ids) if one in signs]
    models = _models(catalog, there) if asked.triage else {}
    chances = _chances(models, there, signs)
    groups = _stacked(there, signs, chances, metric) if asked.stacks else {}
    behind = {one for others in groups.values() for one in others}
    tops = _in_places(there, groups, behind)
    if not models:
        return Arrangement(ids=tops, stacks=groups)
    best = {top: max(chances.get(one, UNKNOWN) for one in (top, *groups.get(top, ()))) for top in tops}
    tops.sort(key=lambda top: -best[top])  # stable: equal chances stay in the order of the filter

    def hopeless(one: int) -> bool:
        limit = models[one].triage.hides_below if one in models else None
        return limit is not None and chances[one] < limit and signs[one].decision == "none"

    hidden = [top for top in tops if all(hopeless(one) for one in (top, *groups.get(top, ())))]
    left = set(hidden)
    shown = [top for top in tops if top not in left]
    every = list({id(one): one for one in models.values()}.values())
    return Arrangement(ids=shown, stacks=groups, hidden=hidden, triage=as_json(every))


def _models(catalog: Catalog, ids: Sequence[int]) -> dict[int, TeamModel]:
    """Return the model of each output's project, by output, where there is one."""
    with catalog.read() as s:
        projects = views.projects_of(s, ids)
    found = {one: team_model(catalog, one) for one in dict.fromkeys(projects.values())}
    of = {one: found[projects[one]] for one in ids if one in projects}
    return {one: model for one, model in of.items() if model is not None}


def _chances(models: Mapping[int, TeamModel], ids: Sequence[int], signs: Mapping[int, OutputSigns]) -> dict[int, float]:
    """Return how likely each output that has a model is to be kept, by output."""
    chances: dict[int, float] = {}
    for model in {id(one): one for one in models.values()}.values():
        ours = [one for one in ids if models.get(one) is model]
        found = model.triage.chances([known_of(signs[one]) for one in ours])
        chances |= dict(zip(ours, found.tolist(), strict=True))
    return chances


def _stacked(
    ids: Sequence[int], signs: Mapping[int, OutputSigns], chances: Mapping[int, float], metric: str | None
) -> dict[int, Sequence[int]]:
    """Return the others of each stack by its top."""

    def best(one: int) -> tuple[Any, ...]:
        sign = signs[one]
        scores = [sign.scores[metric]] if metric is not None and metric in sign.scores else list(sign.scores.values())
        return (-chances.get(one, 0), -sign.width * sign.height, -sum(scores), one)

    order = sorted(ids, key=best)
    found = stacks([look_of(signs[one]) for one in order])
    return {order[stack[0]]: [order[one] for one in stack[1:]] for stack in found}


def _in_places(ids: Sequence[int], groups: Mapping[int, Sequence[int]], behind: set[int]) -> list[int]:
    """Return the outputs that have a place, each stack's top at the place of its first picture."""
    top_of = {one: top for top, others in groups.items() for one in (top, *others)}
    return list(dict.fromkeys(top_of.get(one, one) for one in ids))
