"""The model of what this team keeps: stored in the catalog, and fitted anew once there are enough new decisions."""

from __future__ import annotations

from collections.abc import Mapping
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
from storage.catalog.records import Decision

MOST = 3000  # decisions of either kind that a model is fitted to: the newest
AGAIN = 0.05  # a model is fitted anew after this many new decisions, as a share of those that it rests on
VERSION = f"{TRIAGE_VERSION}-{HASH_VERSION}"
_fitting = Lock()


@dataclass(frozen=True)
class Standing:
    """How far the team's decisions go: `keepers` and `rejects` (up to MOST of each), the newest of them is `last`.

    `fitted`: keepers and rejects that a model needs at least; `hiding`: keepers that hiding needs at least.
    """

    keepers: int
    rejects: int
    last: int
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

    def as_json(self) -> dict[str, Any]:
        """Return what a queue states of its triage."""
        return {
            "model": self.id,
            "version": VERSION,
            "decisions": self.decisions,
            "keepers": self.keepers,
            "checked": self.triage.checked,
            "risk": self.triage.risk,
            "hides": self.triage.hides_below is not None,
        }


def standing(s: Session) -> Standing:
    """Count the decisions of the catalog, as far as they matter."""
    keepers, rejects = (views.count_decided(s, decision, MOST) for decision in ("approved", "rejected"))
    return Standing(keepers, rejects, views.last_review(s))


def team_model(catalog: Catalog) -> TeamModel | None:
    """Return the team's model, fitted anew if there are many new decisions; None: there are too few of either kind."""
    with _fitting:
        with catalog.read() as s:
            now, stored = standing(s), views.triage_model(s, VERSION)
        if not now.orders:
            return None
        if stored is not None and now.last - int(stored.weights["last"]) <= AGAIN * stored.decisions:
            return TeamModel(stored.id, stored.decisions, stored.keepers, Triage.from_json(stored.weights))
        return _fit(catalog, now.last)


def _fit(catalog: Catalog, last: int) -> TeamModel | None:
    with catalog.read() as s:
        keepers, rejects = _decided(s, "approved"), _decided(s, "rejected")
    triage = fit_triage(keepers, rejects)
    if triage is None:
        return None
    decisions, kept, model_id = len(keepers) + len(rejects), len(keepers), None
    if not catalog.read_only:
        with catalog.write() as s:
            given: dict[str, Any] = {"version": VERSION, "weights": triage.as_json() | {"last": last}}
            model_id = writes.add_triage_model(s, decisions=decisions, keepers=kept, **given)
    return TeamModel(model_id, decisions, kept, triage)


def _decided(s: Session, decision: Decision) -> Mapping[str, Signs]:
    """Return what is known of the newest outputs with this decision, by a name that has nothing to do with them."""
    signs = views.signs_of(s, views.decided(s, decision, MOST))
    return {f"{one.image_sha256} {one.output_id}": known_of(one) for one in signs}
