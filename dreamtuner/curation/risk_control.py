"""The threshold below which pictures are hidden, so that few keepers are: conformal risk control.

Angelopoulos et al., "Conformal Risk Control", 2024, Theorem 1, for the share of keepers that are hidden: with n keepers
that the model was not fitted to, the threshold is the highest at which (hidden + 1) / (n + 1) <= risk. A next keeper,
drawn like these n, is then hidden with a probability of at most `risk`, on average over the draw of the n.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

RISK = 0.01
"""The highest share of keepers that may be hidden."""


def keepers_needed(risk: float = RISK) -> int:
    """Return how many keepers a bound rests on at least: with fewer, nothing can be hidden."""
    return math.ceil(1 / risk) - 1


def hiding_threshold(keepers: Sequence[float], risk: float = RISK) -> float | None:
    """Return the probability below which pictures may be hidden, by those of n keepers; None: n is too small.

    Raises ValueError unless 0 < risk < 1.
    """
    if not 0 < risk < 1:
        raise ValueError(f"risk {risk} is outside 0..1; give the share of keepers that may be hidden")
    rank = math.floor(risk * (len(keepers) + 1) + 1e-9)
    return sorted(keepers)[rank - 1] if rank >= 1 else None
