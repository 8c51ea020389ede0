"""The facts about subjects of the catalog, as ingestion would find them, from the catalog alone: no file is read."""

from __future__ import annotations

from collections.abc import Mapping

from PIL.Image import Image

from dreamtuner.preprocess.captioners import DEFAULT_CAPTIONER, ClassWordCaptioner, captioned
from dreamtuner.settings.styles import STYLES
from flows.ingestion.choice import IngestionChoice
from flows.ingestion.facts import Facts
from flows.spec.entry import NONE, is_auto
from flows.spec.prompt import expand
from flows.spec.subject import SubjectSpec
from storage.catalog.records import CAPTION, PERSONS
from storage.catalog.views import ReferenceState, SubjectState
from storage.redaction import redact_url


def current_facts(subject: SubjectSpec, stored: SubjectState | None, choice: IngestionChoice) -> Facts | None:
    """Return the facts about an entry of a stored subject; None where they show only in a file.

    Such are new references, given files, and whatever is to be found anew. A reference at the place that the stored one
    was read from is taken to be the same file.
    """
    if stored is None or not stored.references or subject.asks:
        return None
    places = [redact_url(one.reference or "") for one in subject.singles()]
    if subject.is_new and (subject.replace or places != [one.source for one in stored.references]):
        return None
    files = [place for one in subject.singles() for place in (one.mask, *one.layouts.values())]
    if any(place not in (None, NONE) for place in files):
        return None
    class_word = subject.class_word or stored.class_word
    style = subject.style or ("natural" if subject.is_new else stored.style)
    if (class_word, style) != (stored.class_word, stored.style):
        return None
    found = []
    for i, one in enumerate(stored.references):
        entry = subject.singles()[i] if subject.is_new else subject if i == 0 else subject.of_stored()
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
                weight=subject.weights[i] if subject.is_new else one.weight,
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
    stored, current = None if subject.is_new else one.caption, next(iter(one.captions), None)
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
