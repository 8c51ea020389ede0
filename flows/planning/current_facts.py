"""The facts about subjects of the catalog, as ingestion would find them, from the catalog alone: no file is read."""

from __future__ import annotations

from collections.abc import Mapping

from PIL.Image import Image

from dreamtuner.preprocess.captioners import DEFAULT_CAPTIONER, ClassWordCaptioner, captioned
from dreamtuner.settings.styles import STYLES
from flows.ingestion.choice import IngestionChoice
from flows.ingestion.facts import Facts
from flows.spec.entry import NONE, is_auto
from flows.spec.model import expand
from flows.spec.subject import SubjectSpec
from storage.catalog.records import CAPTION, PERSONS
from storage.catalog.views import ReferenceState, SubjectState


def current_facts(subject: SubjectSpec, stored: SubjectState | None, choice: IngestionChoice) -> Facts | None:
    """Return the facts about an entry that names a stored subject; None where they show only in a file.

    Such are new references, given files, and whatever is to be found anew.
    """
    if stored is None or not stored.references or subject.is_new or subject.asks:
        return None
    if subject.mask is not None or any(place != NONE for place in subject.layouts.values()):
        return None
    class_word, style = subject.class_word or stored.class_word, subject.style or stored.style
    if (class_word, style) != (stored.class_word, stored.style):
        return None
    found = []
    for i, one in enumerate(stored.references):
        entry = subject if i == 0 else subject.of_stored()
        caption = _caption(entry, one, class_word, style, choice)
        if caption is None or one.mask_sha256 is None:
            return None
        found.append(
            Facts(
                name=subject.name,
                class_word=class_word,
                style=style,
                caption=caption,
                reference_sha256=one.image_sha256,
                mask_sha256=one.mask_sha256,
                layouts=_controls(entry, one.controls),
                weight=one.weight,
            )
        )
    first, *further = found
    return Facts(**{**vars(first), "further": tuple(further)})


def _controls(subject: SubjectSpec, stored: Mapping[str, str]) -> dict[str, str]:
    return {kind: sha256 for kind, sha256 in stored.items() if subject.layouts.get(kind) != NONE}


def _caption(
    subject: SubjectSpec, one: ReferenceState, class_word: str, style: str, choice: IngestionChoice
) -> str | None:
    """Return the caption that `flows.ingestion.captioning` would choose; None if a captioner would have to look."""
    if subject.caption is not None and not is_auto(CAPTION, subject.caption):
        return expand(subject.caption, class_word=class_word, style=style)
    stored, current = one.caption, next(iter(one.captions), None)
    if stored is None and current is not None and current.given in PERSONS and current.given != "spec":
        stored = current.text
    if stored is not None:
        return expand(stored, class_word=class_word, style=style)
    words = f"{STYLES[style].word} {class_word}"
    before = next((each.text for each in one.captions if each.given == "found" and each.words == words), None)
    if before is not None:
        return before
    if choice.captioner != DEFAULT_CAPTIONER:
        return None
    plain = ClassWordCaptioner()
    return captioned(plain, _no_image, class_word=class_word, style_word=STYLES[style].word).text


def _no_image() -> Image:
    raise AssertionError("the caption by the class word needs no image")
