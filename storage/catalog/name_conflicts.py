"""Subject names are unique in a catalog; this describes conflicts with the stored subject."""

import difflib
from collections.abc import Callable, Sequence

from storage.catalog.records import SubjectAssets

REPLACE = "replace: true"
MOST_HINTS = 10
"""The most unknown names of one order that similar ones are looked up for."""


def differences(
    stored: SubjectAssets,
    *,
    class_word: str | None = None,
    style: str | None = None,
    references: Sequence[tuple[str, float]] | None = None,
) -> list[str]:
    """Describe how a subject differs from the stored one of the same name; arguments that are None are not compared.

    `references`: the SHA-256 and the weight of each, in order.
    """
    found = []
    if class_word is not None and class_word != stored.class_word:
        found.append(f"class word ({stored.class_word!r} there, {class_word!r} here)")
    if style is not None and style != stored.style:
        found.append(f"style ({stored.style} there, {style} here)")
    if references is not None:
        found += _of_references([(one.image_sha256, one.weight) for one in stored.references], references)
    return found


def _of_references(there: Sequence[tuple[str, float]], here: Sequence[tuple[str, float]]) -> list[str]:
    if len(there) != len(here):
        return [f"references ({len(there)} there, {len(here)} here)"]
    what = [f"reference {i + 1}" if len(here) > 1 else "reference" for i in range(len(here))]
    pairs = list(zip(what, there, here, strict=True))
    images = [f"{name} ({a[:12]} there, {b[:12]} here)" for name, (a, _), (b, _) in pairs if a != b]
    weights = [f"weight of {name} ({a:g} there, {b:g} here)" for name, (_, a), (_, b) in pairs if a != b]
    return images + weights


def name_taken_message(name: str, stored: SubjectAssets, found: Sequence[str], how: str = REPLACE) -> str:
    """Build the message for a name that another subject has, with the remedies."""
    return (
        f"{name!r} is already the name of a {stored.class_word} in the catalog, which differs in "
        f"{' and '.join(found)}; give this one another name, or name it alone to use the stored one, or add {how} to "
        "replace the stored reference, class word and style from now on"
    )


class UnknownNames:
    """Messages for the unknown names of one order, of which the first `MOST_HINTS` have similar names.

    Each of those is compared with all names of the catalog, and nobody reads thousands of hints. `known`: called for
    these names once, at the first message.
    """

    def __init__(self, known: Callable[[], Sequence[str]]) -> None:
        self._known = known
        self._names: Sequence[str] | None = None
        self._hints = 0

    def message(self, name: str) -> str:
        """Build the message for the next unknown name."""
        if self._names is None:
            self._names = self._known()
        self._hints += 1
        return unknown_name_message(name, self._names if self._hints <= MOST_HINTS else ())


def unknown_name_message(name: str, known: Sequence[str]) -> str:
    """Build the message for an unknown subject name, with similar names."""
    folded = {one.casefold(): one for one in known}
    close = difflib.get_close_matches(name.casefold(), list(folded), n=3, cutoff=0.6)
    if not close:
        return f"the catalog has no subject {name!r}; a new subject needs class_word and reference"
    hint = " or ".join(repr(folded[one]) for one in close)
    return f"the catalog has no subject {name!r}; did you mean {hint}? A new subject needs class_word and reference"
