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

TRIAGE_VERSION = "2"
"""Increment it when the same decisions would give another model."""
FEWEST = 20
"""Keepers, and rejects, that a model is fitted to at least."""
PARTS = 10
"""Parts of the keepers, each of which is checked by a model that was fitted without it."""


@dataclass(frozen=True, eq=False)
class Triage:
    """A fitted model. `hides_below`: pictures with a lower chance may be hidden; None: too few decisions for that.

    `fitted`: keepers and rejects that it was fitted to; `checked`: the keepers that the bound rests on; `risk`: the
    share of keepers that may be hidden at most.
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

    The bound rests on all keepers: a tenth at a time is left out, a model is fitted to the rest, and says how likely
    those are. So none is checked by a model that has seen it, and all train the one that is used (cross-conformal
    prediction; Barber et al., "Predictive inference with the jackknife+", 2021). What belongs to which tenth follows
    from the names and `salt`, so that the same decisions give the same model.
    """
    if min(len(keepers), len(rejects)) < FEWEST:
        return None
    order = sorted(keepers, key=lambda name: sha256(f"{salt}{name}".encode()).digest())
    seen = [keepers[name] for name in order] + [rejects[name] for name in sorted(rejects)]
    columns = Columns.of(seen)
    x, y = columns(seen), np.array([1.0] * len(order) + [0.0] * len(rejects))
    coefficients = fit_logistic(x, y, columns.penalty())
    held = _unseen(x, y, columns.penalty(), coefficients) if len(order) >= keepers_needed(risk) else []
    return Triage(columns, coefficients, (len(order), len(rejects)), len(held), hiding_threshold(held, risk), risk)


def _unseen(x: Array, y: Array, penalty: Array, coefficients: Array) -> list[float]:
    """Return the chance of each keeper by a model that was fitted without it. `coefficients` are those of all."""
    chances, part = np.zeros(int(y.sum())), np.arange(len(y)) % PARTS
    for i in range(PARTS):
        out = (part == i) & (y > 0)
        chances[out[: len(chances)]] = probabilities(x[out], fit_logistic(x[~out], y[~out], penalty, coefficients))
    return chances.tolist()
