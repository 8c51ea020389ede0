"""Lists the installed backends that find a mask, a caption or a control image; loads no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from storage.catalog.records import CAPTION, CatalogError

if TYPE_CHECKING:
    from dreamtuner.preprocess.maskers import Chooser

MASK = "mask"
"""The kind of masks, beside CAPTION and the kinds of control images."""


@dataclass(frozen=True)
class Backend:
    """A backend by its name.

    `has_model`: it loads a model, or would today; `missing`: that is not on this machine, but may be on a worker's.
    """

    name: str
    has_model: bool = False
    missing: bool = False

    def here(self, kind: str, orders: bool) -> bool:
        """Return whether the dashboard itself runs it; what it finds is then in use at once.

        `orders`: detection can be ordered from workers; then only maskers without a model run here.
        """
        return kind == MASK and (not self.has_model or not (orders or self.missing))


def backends_of(kind: str) -> Sequence[Backend]:
    """List the backends that find this kind, in their registry's order, without those that cannot be loaded."""
    from dreamtuner.preprocess.backends.auxiliary import AuxiliaryBackend
    from dreamtuner.preprocess.maskers import MISSING, Chooser

    found = []
    for name, one in _working(kind).items():
        own = isinstance(one, AuxiliaryBackend)
        missing = own and one.version.endswith(MISSING)
        found.append(Backend(name, own or (isinstance(one, Chooser) and _loads_a_model(one)), missing))
    return found


def backend_of(kind: str, name: str) -> Backend:
    """Return the backend of this name. Raises CatalogError, with the names that there are."""
    found = {one.name: one for one in backends_of(kind)}
    if name not in found:
        have = f"choose one of {', '.join(found)}" if found else "none is installed"
        raise CatalogError(f"{kind}: there is no {name[:60]!r} that finds it; {have}")
    return found[name]


def _loads_a_model(chooser: Chooser) -> bool:
    """Return whether one of the maskers that it leaves images to has a model."""
    from dreamtuner.preprocess.backends.auxiliary import AuxiliaryBackend
    from dreamtuner.preprocess.maskers import masker_of

    found: list[object] = [masker_of(method) for method in chooser.methods]
    return any(isinstance(one, AuxiliaryBackend) for one in found)


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
