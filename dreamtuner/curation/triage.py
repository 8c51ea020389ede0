"""Triage: how likely each picture is to be kept, and below which chance pictures may be hidden."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Self

import numpy as np

from dreamtuner.curation.logistic import Array, fit_logistic, probabilities
from dreamtuner.curation.risk_control import RISK, hiding_threshold, keepers_needed
from dreamtuner.curation.signs import Columns, Signs

TRIAGE_VERSION = "1"
"""Increment it when the same decisions would give another model."""
FEWEST = 20
"""Keepers, and rejects, that a model is fitted to at least."""


@dataclass(frozen=True, eq=False)
class Triage:
    """A fitted model. `hides_below`: pictures with a lower chance may be hidden; None: too few decisions for that.

    `fitted`: keepers and rejects that it was fitted to; `checked`: the keepers that the bound rests on, which it was
    not fitted to; `risk`: the share of keepers that may be hidden at most.
    """

    columns: Columns
    coefficients: Array
    fitted: tuple[int, int]
    checked: int
    hides_below: float | None
    risk: float = RISK

    def chances(self, seen: Sequence[Signs]) -> Array:
        """Return how likely each picture is to be kept, 0..1, by the model."""
        return probabilities(self.columns(seen), self.coefficients) if seen else np.zeros(0)

    def as_json(self) -> dict[str, Any]:
        """Return the model as JSON values."""
        return {
            "columns": self.columns.as_json(),
            "coefficients": [float(f"{one:.8g}") for one in self.coefficients],
            "fitted": list(self.fitted),
            "checked": self.checked,
            "hides_below": self.hides_below,
            "risk": self.risk,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Read what `as_json` returned."""
        keepers, rejects = stored["fitted"]
        return cls(
            columns=Columns.from_json(stored["columns"]),
            coefficients=np.array(stored["coefficients"]),
            fitted=(keepers, rejects),
            checked=stored["checked"],
            hides_below=stored["hides_below"],
            risk=stored["risk"],
        )


def fit_triage(
    keepers: Mapping[str, Signs], rejects: Mapping[str, Signs], *, risk: float = RISK, salt: str = ""
) -> Triage | None:
    """Fit a model to decisions, given by a name of each picture; None: there are fewer than FEWEST of either kind.

    About half of the keepers are set aside for the bound, by their names and `salt`, so that the same decisions give
    the same model. Rejects are not needed for the bound and all train the model.
    """
    if min(len(keepers), len(rejects)) < FEWEST:
        return None
    order = sorted(keepers, key=lambda name: sha256(f"{salt}{name}".encode()).digest())
    aside = _set_aside(len(order), risk)
    checked, fitted = order[:aside], order[aside:]
    seen = [keepers[name] for name in fitted] + [rejects[name] for name in sorted(rejects)]
    columns = Columns.of(seen)
    y = np.array([1.0] * len(fitted) + [0.0] * len(rejects))
    coefficients = fit_logistic(columns(seen), y, columns.penalty())
    held = probabilities(columns([keepers[name] for name in checked]), coefficients) if checked else np.zeros(0)
    limit = hiding_threshold(held.tolist(), risk)
    return Triage(columns, coefficients, (len(fitted), len(rejects)), len(checked), limit, risk)


def _set_aside(keepers: int, risk: float) -> int:
    """Return how many keepers to set aside: half, or what a bound needs if that leaves enough to fit to."""
    half, needed = keepers // 2, keepers_needed(risk)
    if half >= needed:
        return half
    return needed if keepers - needed >= FEWEST else 0
