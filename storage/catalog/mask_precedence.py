"""Which mask of a reference is in use when another one is entered: what a person said stays said."""

from datetime import datetime
from typing import Protocol

from storage.catalog.records import PERSONS, Given


class MaskLike(Protocol):
    """What has to be known of a mask."""

    @property
    def given(self) -> Given: ...

    @property
    def given_at(self) -> datetime | None: ...


def stands(
    current: MaskLike | None, same: MaskLike | None, *, given: Given, asked: bool = False, insist: bool = False
) -> bool:
    """Whether the mask in use stays although another one is entered as `given`; that one is then kept beside it.

    A mask that a person gave gives way to one that a person gives later, and to a found one only where a person asked
    to have it found anew (`asked`). A spec says the same at every run, so what it says counts when it is new: `same` is
    the row of the entered mask where it was entered before, and a mask that somebody painted since then stays in use,
    unless the spec insists (`replace: true`).
    """
    if current is None or current.given not in PERSONS or insist:
        return False
    if given in PERSONS and given != "spec":
        return False
    if given == "spec" or asked:
        return current.given == "dashboard" and same is not None and same.given_at is not None
    return True
