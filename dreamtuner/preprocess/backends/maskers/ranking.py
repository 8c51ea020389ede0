"""Which network `auto` uses: the first of a ranking that is installed, and whose licence allows it."""

from __future__ import annotations

import os
from importlib.util import find_spec

from dreamtuner.models.auxiliary import AUXILIARY, auxiliary_place
from dreamtuner.models.auxiliary.place import auxiliary_lock, auxiliary_variable
from dreamtuner.models.licences import Purpose, allowed, licence_of
from dreamtuner.preprocess.backends.maskers.segmenter import Segmenter
from dreamtuner.preprocess.maskers import MASKERS

GENERAL = ("birefnet", "inspyrenet", "birefnet-lite", "isnet")
"""Maskers of any object, the best first, as their papers compare them on DIS5K."""

OF_STYLE = {"anime": ("anime",)}
"""Maskers that come before them for references of a style."""


def best_network(style: str | None = None, purpose: Purpose | None = None) -> Segmenter | None:
    """Return the first masker of the ranking whose model is on this machine and may be used; None if there is none.

    `style`: that of the reference. `purpose`: what images are made for; commercial by default.

    Raises IntakeError if a lock is damaged.
    """
    order = (*OF_STYLE.get(style or "", ()), *GENERAL)
    there = {one.name: one for one in installed_networks() if one.name in order}
    return next((there[one] for one in order if one in there and is_usable(there[one], purpose or Purpose())), None)


def installed_networks() -> list[Segmenter]:
    """Return the maskers of the ranking whose models are on this machine. Raises IntakeError if a lock is damaged."""
    if find_spec("onnxruntime") is None:
        return []
    known = (MASKERS[name] for name in (*GENERAL, *(one for names in OF_STYLE.values() for one in names)))
    return [one for one in known if isinstance(one, Segmenter) and auxiliary_place(one.model) is not None]


def is_usable(masker: Segmenter, purpose: Purpose) -> bool:
    """Return whether the licence of a masker's model, which is on this machine, allows the purpose.

    Both the licence that is known of the model and the one that the hub's page stated when it was fetched count. A file
    that a variable names is used: whoever named it chose it.
    """
    if os.environ.get(auxiliary_variable(masker.model)):
        return True
    from dreamtuner.models.intake.lock import read_lock

    lock = read_lock(auxiliary_lock(masker.model))
    stated = None if lock is None or (place := lock.place("weights")) is None else place.licence
    licences = [AUXILIARY[masker.model].licence, *([] if stated is None else [licence_of(stated)])]
    return all(allowed(one, purpose).allowed for one in licences)
