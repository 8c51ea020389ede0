"""Precedence of masks: a person's choice is not overridden by automatic detection."""

from datetime import datetime
from typing import Protocol

from storage.catalog.records import PERSONS, Given


class MaskLike(Protocol):
    """The properties of a mask that decide its precedence."""

    @property
    def given(self) -> Given: ...

    @property
    def given_at(self) -> datetime | None: ...


def keeps_current(
    current: MaskLike | None, same: MaskLike | None, *, given: Given, requested: bool = False, insist: bool = False
) -> bool:
    """Return whether the current mask stays in use when another is added as `given`, which is then only stored.

    A mask given by a person is replaced by one that a person gives later, and by a detected one only if a person
    requested a new detection (`requested`). The mask of a spec is entered again at every run, so it only replaces
    others when it is new: `same` is the row of the entered mask if it was entered before, and a mask painted since then
    stays in use, unless the spec insists (`replace: true`).
    """
    if current is None or current.given not in PERSONS or insist:
        return False
    if given in PERSONS and given != "spec":
        return False
    if given == "spec" or requested:
        return current.given == "dashboard" and same is not None and same.given_at is not None
    return True
