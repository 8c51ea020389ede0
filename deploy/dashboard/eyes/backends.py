"""Lists the installed backends that find a mask, a caption or a control image; loads no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from storage.catalog.records import CAPTION, CatalogError

MASK = "mask"
"""The kind of masks, beside CAPTION and the kinds of control images."""


@dataclass(frozen=True)
class Backend:
    """A backend by its name.

    `has_model`: it loads a model, as only workers do; `missing`: that is not on this machine, but may be on theirs.
    """

    name: str
    has_model: bool = False
    missing: bool = False

    def here(self, kind: str) -> bool:
        """Return whether the dashboard itself runs it; what it finds is then in use at once."""
        return kind == MASK and not self.has_model


def backends_of(kind: str) -> Sequence[Backend]:
    """List the backends that find this kind, in their registry's order, without those that cannot be loaded."""
    from dreamtuner.preprocess.backends.auxiliary import AuxiliaryBackend
    from dreamtuner.preprocess.maskers import MISSING

    found = []
    for name, one in _working(kind).items():
        has_model = isinstance(one, AuxiliaryBackend)
        found.append(Backend(name, has_model, has_model and one.version.endswith(MISSING)))
    return found


def backend_of(kind: str, name: str) -> Backend:
    """Return the backend of this name. Raises CatalogError, with the names that there are."""
    found = {one.name: one for one in backends_of(kind)}
    if name not in found:
        have = f"choose one of {', '.join(found)}" if found else "none is installed"
        raise CatalogError(f"{kind}: there is no {name[:60]!r} that finds it; {have}")
    return found[name]


def kinds_with_backends() -> list[str]:
    """List the kinds of control images that an installed estimator finds."""
    from dreamtuner.preprocess.estimators import ESTIMATORS

    return sorted({one.kind for one in ESTIMATORS.working().values()})


def _working(kind: str) -> Mapping[str, Any]:
    from dreamtuner.preprocess.captioners import CAPTIONERS
    from dreamtuner.preprocess.estimators import ESTIMATORS
    from dreamtuner.preprocess.maskers import MASKERS

    if kind == MASK:
        return MASKERS.working()
    if kind == CAPTION:
        return CAPTIONERS.working()
    return {name: one for name, one in ESTIMATORS.working().items() if one.kind == kind}
