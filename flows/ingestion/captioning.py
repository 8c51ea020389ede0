"""Chooses the caption of a reference: a person's takes precedence; a found one stays until a new one is requested."""

from dataclasses import dataclass, field

from dreamtuner.preprocess.captioners import (
    CAPTIONERS,
    DEFAULT_CAPTIONER,
    Captioner,
    ClassWordCaptioner,
    ImageLoader,
    captioned,
    styles_of,
)
from dreamtuner.preprocess.maskers import MISSING
from dreamtuner.settings.styles import STYLES
from flows.ingestion.annotations import ChosenAnnotation, KnownAnnotations, licence_of_backend, offered, stays
from flows.ingestion.choice import BUILT_IN, IngestionChoice
from flows.spec.entry import is_auto, named_by_auto
from flows.spec.prompt import expand
from flows.spec.subject import SubjectSpec
from storage.catalog.records import CAPTION, PERSONS


@dataclass(frozen=True)
class ChosenCaption:
    """The caption of a reference, with its placeholders filled in; `found`: as an annotation, if it was found."""

    text: str
    found: ChosenAnnotation | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class CaptionChooser:
    """Chooses captions of one reference of a subject with this class word and style."""

    class_word: str
    style: str
    image: ImageLoader
    known: KnownAnnotations = field(default_factory=KnownAnnotations)
    choice: IngestionChoice = BUILT_IN

    def choose(self, subject: SubjectSpec, stored: str | None) -> ChosenCaption:
        """Choose the caption of an entry. `stored`: the caption in the catalog that it uses if it gives none, if any.

        A reference that images were generated from without a caption of its own keeps the one that they have.
        """
        stated = subject.caption
        if is_auto(CAPTION, stated):
            return self._again(captioner_for(named_by_auto(stated), self.choice, self.style), insist=subject.replace)
        if stated is not None:
            return ChosenCaption(self._expanded(stated))
        current = self.known.current(CAPTION)
        if stored is None and current is not None and current.given in PERSONS and current.given != "spec":
            stored = current.text  # a correction; what a spec gives holds for specs that only name the subject
        if stored is not None:
            return ChosenCaption(self._expanded(stored))
        wanted = CAPTIONERS[self.choice.captioner]
        ours = (one for one in self.known.of(CAPTION) if one.given == "found" and one.words == self.words)
        if (before := next(ours, None)) is not None and before.text is not None:
            return ChosenCaption(before.text, self.known.reused(before), offered(before, wanted))
        if self.choice.captioner == DEFAULT_CAPTIONER:
            return ChosenCaption(self.plain)
        return self._used(wanted) if self.known.is_used() else self._found(wanted)

    @property
    def words(self) -> str:
        """The words that a found caption begins with, such as "photo bear"."""
        return f"{STYLES[self.style].word} {self.class_word}"

    @property
    def plain(self) -> str:
        """The caption by the class word alone."""
        return captioned(
            ClassWordCaptioner(), self.image, class_word=self.class_word, style_word=STYLES[self.style].word
        ).text

    def _expanded(self, caption: str) -> str:
        return expand(caption, class_word=self.class_word, style=self.style)

    def _used(self, wanted: Captioner) -> ChosenCaption:
        """Return the caption of a reference that was used before its captions were stored."""
        if self.known.has_caption(self.plain):
            method = f"{wanted.name}-{wanted.version}"
            offer = f"the caption {self.plain!r} stays in use; set caption: auto to have it written by {method}"
            return ChosenCaption(self.plain, notes=() if method.endswith(MISSING) else (offer,))
        usual = self.choice.usual_captioner
        return ChosenCaption(self.plain) if usual == DEFAULT_CAPTIONER else self._found(CAPTIONERS[usual])

    def _again(self, captioner: Captioner, *, insist: bool) -> ChosenCaption:
        from storage.catalog.precedence import keeps_current  # where a new caption is requested

        found, current = self._found(captioner), self.known.current(CAPTION)
        assert found.found is not None
        same = self.known.same(found.found)
        requested = {"given": "found", "requested": True, "insist": insist}
        if current is not None and current is not same and keeps_current(current, same, **requested):  # type: ignore[arg-type]
            assert current.text is not None
            return ChosenCaption(self._expanded(current.text), notes=(stays(current, asked=True),))
        return ChosenCaption(found.text, found.found.requested())

    def _found(self, captioner: Captioner) -> ChosenCaption:
        """Return what this captioner wrote of the image before, else let it look."""
        there = self.known.found_by(CAPTION, captioner, self.words)
        if there is None or there.text is None:
            found = captioned(captioner, self.image, class_word=self.class_word, style_word=STYLES[self.style].word)
            there = ChosenAnnotation(
                CAPTION,
                found.method,
                text=found.text,
                words=self.words,
                confidence=found.confidence,
                licence=licence_of_backend(captioner),
            )
        assert there.text is not None
        return ChosenCaption(there.text, there)


def captioner_for(name: str | None, choice: IngestionChoice, style: str) -> Captioner:
    """Return the captioner of `caption: auto`: the named one, else the chosen one, else the best whose model is here.

    One that is made for the subject's style comes first, then one of another package; one that is made for other styles
    alone is not chosen. Raises PluginError.
    """
    if name is not None:
        return CAPTIONERS[name]
    if choice.captioner != DEFAULT_CAPTIONER:
        return CAPTIONERS[choice.captioner]
    added = CAPTIONERS.added()
    working = [(one, styles_of(one)) for one in CAPTIONERS.working().values()]
    ready = [one for one, styles in working if style in (styles or (style,)) and not one.version.endswith(MISSING)]
    ready.sort(key=lambda one: (one.name == DEFAULT_CAPTIONER, not styles_of(one), one.name not in added))
    return ready[0]
