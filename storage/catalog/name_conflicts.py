"""Subject names are unique in a catalog; this describes conflicts with the stored subject."""

import difflib
from collections.abc import Sequence

from storage.catalog.records import SubjectAssets

REPLACE = "replace: true"


def differences(
    stored: SubjectAssets,
    *,
    class_word: str | None = None,
    style: str | None = None,
    image_sha256: str | None = None,
) -> list[str]:
    """Describe how a subject differs from the stored one of the same name; arguments that are None are not compared."""
    found = []
    if class_word is not None and class_word != stored.class_word:
        found.append(f"class word ({stored.class_word!r} there, {class_word!r} here)")
    if style is not None and style != stored.style:
        found.append(f"style ({stored.style} there, {style} here)")
    if image_sha256 is not None and image_sha256 != stored.image_sha256:
        found.append(f"reference ({stored.image_sha256[:12]} there, {image_sha256[:12]} here)")
    return found


def name_taken_message(name: str, stored: SubjectAssets, found: Sequence[str], how: str = REPLACE) -> str:
    """Build the message for a name that another subject has, with the remedies."""
    return (
        f"{name!r} is already the name of a {stored.class_word} in the catalog, which differs in "
        f"{' and '.join(found)}; give this one another name, or name it alone to use the stored one, or add {how} to "
        "replace the stored reference, class word and style from now on"
    )


def unknown_name_message(name: str, known: Sequence[str]) -> str:
    """Build the message for an unknown subject name, with similar names."""
    folded = {one.casefold(): one for one in known}
    close = difflib.get_close_matches(name.casefold(), list(folded), n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(repr(folded[one]) for one in close)}? " if close else ""
    return f"the catalog has no subject {name!r}; {hint}A new subject needs class_word and reference"
