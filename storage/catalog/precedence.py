"""Precedence of masks, captions and control images: a person's choice is not overridden by what a model finds."""

from datetime import datetime
from typing import Protocol

from storage.catalog.records import PERSONS, Given


class Version(Protocol):
    """The properties of a version that decide its precedence."""

    @property
    def given(self) -> Given: ...

    @property
    def given_at(self) -> datetime | None: ...


def keeps_current(
    current: Version | None, same: Version | None, *, given: Given, requested: bool = False, insist: bool = False
) -> bool:
    """Return whether the current version stays in use when another is added as `given`, which is then only stored.

    A version given by a person is replaced by one that a person gives later, and by a found one only if a person
    requested a new search (`requested`). What a spec gives is entered again at every run, so it only replaces others
    when it is new: `same` is the row of the entered one if it was entered before, and a version given in the dashboard
    since then stays in use, unless the spec insists (`replace: true`).
    """
    if current is None or current.given not in PERSONS or insist:
        return False
    if given in PERSONS and given != "spec":
        return False
    if given == "spec" or requested:
        return current.given == "dashboard" and same is not None and same.given_at is not None
    return True
