"""The models of what a project's people keep: stored in the catalog, and fitted anew after enough new decisions.

A project's images are judged by decisions on its own images alone; those of no project by decisions on such.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

from sqlalchemy.orm import Session

from deploy.dashboard.culling.signs import known_of
from dreamtuner.curation.perceptual_hash import HASH_VERSION
from dreamtuner.curation.risk_control import RISK, keepers_needed
from dreamtuner.curation.signs import Signs
from dreamtuner.curation.triage import FEWEST, TRIAGE_VERSION, Triage, fit_triage
from storage.catalog import Catalog, views, writes
from storage.catalog.narrowing import everything
from storage.catalog.records import Decision

MOST = 3000  # decisions of either kind that a model is fitted to: the newest
AGAIN = 0.05  # a model is fitted anew after this many new decisions, as a share of those that it rests on
VERSION = f"{TRIAGE_VERSION}-{HASH_VERSION}"
_fitting = Lock()


@dataclass(frozen=True)
class Standing:
    """How far the decisions on a project's images go: `keepers` and `rejects`, up to MOST of each.

    `project`: its name, None: of images of no project; `fitted`: keepers and rejects that a model needs at least;
    `hiding`: keepers that hiding needs at least.
    """

    keepers: int
    rejects: int
    project: str | None = None
    risk: float = RISK
    fitted: int = FEWEST
    hiding: int = keepers_needed() + FEWEST

    @property
    def orders(self) -> bool:
        """Return whether a model can order pictures."""
        return min(self.keepers, self.rejects) >= self.fitted

    @property
    def hides(self) -> bool:
        """Return whether it can hide any."""
        return self.orders and self.keepers >= self.hiding


@dataclass(frozen=True)
class TeamModel:
    """A model with what it rests on: `decisions`, of which `keepers` were approvals; `id` is its row."""

    id: int | None
    decisions: int
    keepers: int
    triage: Triage


def as_json(models: Sequence[TeamModel]) -> dict[str, Any]:
    """Return what a queue states of its triage. `models`: those of the projects of its images, at least one.

    The bound holds for each of them, and so for the queue.
    """
    hiding = [one for one in models if one.triage.hides_below is not None]
    return {
        "model": models[0].id,
        "models": [one.id for one in models],
        "version": VERSION,
        "decisions": sum(one.decisions for one in models),
        "keepers": sum(one.keepers for one in models),
        "checked": sum(one.triage.checked for one in hiding or models),
        "risk": max(one.triage.risk for one in models),
        "hides": bool(hiding),
    }


def standings(s: Session) -> list[Standing]:
    """Count the decisions as far as they matter, for each project that the session sees, and for images of none."""
    projects = [(one.id, one.name) for one in views.projects(s)]
    with everything(s):  # each of them is the viewer's, which need not be asked for every output
        none = standing(s, None)
        found = [standing(s, id, name) for id, name in projects]
    return [none, *found] if not found or none.keepers or none.rejects else found


def standing(s: Session, project_id: int | None, name: str | None = None) -> Standing:
    """Count the decisions on images of a project, None: of no project, as far as they matter."""
    keepers, rejects = (views.count_decided(s, one, MOST, project_id) for one in ("approved", "rejected"))
    return Standing(keepers, rejects, name)


def team_model(catalog: Catalog, project_id: int | None) -> TeamModel | None:
    """Return a project's model, fitted anew if there are many new decisions; None: there are too few of either kind.

    Whoever asks sees the project.
    """
    with _fitting:
        with catalog.read() as s, everything(s):
            stored = views.triage_model(s, VERSION, project_id)
            last = views.last_review(s)
            if stored is None:
                fresh = not standing(s, project_id).orders
            else:
                most = int(AGAIN * stored.decisions)
                fresh = views.decided_since(s, int(stored.weights["last"]), most + 1, project_id) <= most
        if fresh:
            if stored is None:
                return None
            return TeamModel(stored.id, stored.decisions, stored.keepers, Triage.from_json(stored.weights))
        return _fit(catalog, last, project_id)


def _fit(catalog: Catalog, last: int, project_id: int | None) -> TeamModel | None:
    with catalog.read() as s, everything(s):
        keepers, rejects = (_decided(s, one, project_id) for one in ("approved", "rejected"))
    triage = fit_triage(keepers, rejects)
    if triage is None:
        return None
    decisions, kept, model_id = len(keepers) + len(rejects), len(keepers), None
    if not catalog.read_only:
        with catalog.write() as s:
            given: dict[str, Any] = {"version": VERSION, "weights": triage.as_json() | {"last": last}}
            given |= {"project_id": project_id, "decisions": decisions, "keepers": kept}
            model_id = writes.add_triage_model(s, **given)
    return TeamModel(model_id, decisions, kept, triage)


def _decided(s: Session, decision: Decision, project_id: int | None) -> Mapping[str, Signs]:
    """Return what is known of the newest outputs with this decision, by a name that has nothing to do with them."""
    signs = views.signs_of(s, views.decided(s, decision, MOST, project_id))
    return {f"{one.image_sha256} {one.output_id}": known_of(one) for one in signs}
