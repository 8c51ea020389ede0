"""Chooses a reference's own control images (pose, depth map, ...): given in its entry, stored before, or estimated."""

from dataclasses import dataclass

from PIL import Image

from dreamtuner.models.layouts import Kind, LayoutError, checked
from dreamtuner.models.weights import WeightsMissingError
from dreamtuner.preprocess import ImageLimits, decode_image
from dreamtuner.preprocess.estimators import Estimator, estimate_of, estimator_of
from flows.image_io import png_bytes
from flows.ingestion.annotations import ChosenAnnotation, KnownAnnotations, licence_of_backend, offered, stays
from flows.ingestion.choice import IngestionChoice
from flows.ingestion.masking import giver_of
from flows.ingestion.sources import read
from flows.settings import Settings
from flows.spec.entry import NONE, is_auto, named_by_auto
from flows.spec.subject import SubjectSpec
from storage.catalog.precedence import keeps_current
from storage.catalog.records import PERSONS, AnnotationFacts, Given


@dataclass(frozen=True)
class ControlChooser:
    """Chooses the control images of one reference (RGB), for an entry of origin `given` ("spec" or "ingest")."""

    reference: Image.Image
    known: KnownAnnotations
    choice: IngestionChoice
    settings: Settings
    given: Given = "spec"

    def choose(self, subject: SubjectSpec, kind: Kind) -> ChosenAnnotation | str | None:
        """Choose the control image of a kind; None if there is none, a note if one could be estimated.

        Raises SourceError, ImageError, LayoutError or PluginError.
        """
        place = subject.layouts.get(kind)
        if place == NONE:
            return None
        if place is None:
            return self._omitted(kind)
        if not is_auto(kind, place):
            return self._kept(self._read(kind, place), insist=subject.replace or self.given == "ingest")
        estimator = estimator_of(kind, named_by_auto(place) or self.choice.estimators.get(kind))
        found = self._found(estimator, kind)
        return self._kept(found.requested(), insist=subject.replace)

    def _omitted(self, kind: Kind) -> ChosenAnnotation | str | None:
        current, name = self.known.current(kind), self.choice.estimators.get(kind)
        if current is not None and (stored := self.known.reused(current)) is not None:
            more = self._changed(current) if current.given in PERSONS else ()
            return stored.noting(*more, *(() if name is None else offered(current, estimator_of(kind, name))))
        if name is None or kind not in self.choice.kinds:
            return None
        if current is None and self.known.is_used():  # its images were generated without
            return f"the reference has no {kind} of its own; set {kind}: auto to estimate it by {name}"
        try:
            return self._found(estimator_of(kind, name), kind)
        except LayoutError as error:  # a plain wall has no depth: no reason to reject a subject that did not ask for it
            estimator = estimator_of(kind, name)
            return ChosenAnnotation(kind, f"{name}-{estimator.version}", remarks=(str(error),), notes=(str(error),))
        except WeightsMissingError as error:  # specs that follow such control images were checked before
            return f"the reference has no {kind} of its own: {error}"

    def _kept(self, chosen: ChosenAnnotation, *, insist: bool) -> ChosenAnnotation:
        """Return the chosen control image, or the current one if that has precedence."""
        current, same = self.known.current(chosen.kind), self.known.same(chosen)
        if current is None or current is same:
            return chosen
        if not keeps_current(current, same, given=chosen.given, requested=chosen.asked, insist=insist):
            return chosen
        stored = self.known.reused(current)
        assert stored is not None, "a person's is either read or refused"
        return stored.noting(stays(current, chosen.asked))

    def _read(self, kind: Kind, place: str) -> ChosenAnnotation:
        data = read(place, self.settings)
        limits = ImageLimits(max_bytes=self.settings.max_source_bytes, min_side=1)
        image, reference = decode_image(data, limits=limits).image, self.reference
        if image.size != reference.size:
            raise LayoutError(
                f"{kind}: the control image is {image.width} x {image.height} pixels, the reference "
                f"{reference.width} x {reference.height}; "
                "it describes the reference itself, so both must have the same size"
            )
        checked(kind, image)
        return ChosenAnnotation(kind, "user", self.given, data=data)

    def _found(self, estimator: Estimator, kind: Kind) -> ChosenAnnotation:
        """Return what this estimator found in the image before, else let it look."""
        there = self.known.found_by(kind, estimator)
        if there is not None:
            return there
        found = estimate_of(estimator, self.reference)
        notes = found.notes or (() if found.image is not None else (f"{found.method} found no {kind} in it",))
        return ChosenAnnotation(
            kind,
            found.method,
            data=None if found.image is None else png_bytes(found.image),
            confidence=found.confidence,
            licence=licence_of_backend(estimator),
            remarks=notes,
            notes=notes,
        )

    def _changed(self, current: AnnotationFacts) -> tuple[str, ...]:
        """Return a note if earlier images follow such control images under another one of the reference, or none."""
        uses = self.known.uses(current.kind)
        if not uses or current.image_sha256 in uses:
            return ()
        earlier = sum(uses.values())
        return (
            f"the reference's own {current.kind} is version {current.version}, given by {giver_of(current)}: images "
            f"are regenerated with it, and {earlier} earlier {'image keeps' if earlier == 1 else 'images keep'} the "
            "old one, or none",
        )
