"""Generation that also sees a generated picture: an edit of it, or the set that it is the first of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from PIL import Image

from dreamtuner.baselines.method import Given, Prepared
from dreamtuner.evaluation.held_out import reference_of
from dreamtuner.evaluation.untrained.views import caption_of
from dreamtuner.families.backbone import Backbone
from dreamtuner.pocket.training.shards import Picture
from dreamtuner.preprocess.maskers import DEFAULT_MASKER, MASKERS, found_by, styled
from dreamtuner.sampling.edits.kept_background import Background
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.request import Cell, Reference


@dataclass(frozen=True)
class Editing:
    """Edits of one picture, which is generated from ``prompt`` and ``seed`` first: it is a further reference.

    ``weight``: how much it counts beside the subject's own reference, 0: it is not seen; ``keep_background``: pixels
    outside of its subject stay; ``masker``: finds its subject. Where nothing is found the picture is not seen.
    """

    name: str
    prompt: str
    seed: int
    weight: float = 1.0
    keep_background: bool = False
    masker: str = DEFAULT_MASKER

    @property
    def training(self) -> str:
        """Empty: it needs no training."""
        return ""

    def prepare(self, backbone: Backbone, given: Given) -> Prepared:
        """Generate the picture that is edited, and find its subject."""
        [picture] = generate(backbone, given.reference, [Cell(self.prompt, self.seed)], given.sampling)
        mask = subject_of(picture, self.masker, given.style)
        references = [given.reference]
        if mask is not None and self.weight > 0:
            references.append(Reference(picture, mask, self.prompt, frame=True, weight=self.weight))
        background = Background(picture, mask) if self.keep_background and mask is not None else None
        return Prepared(lambda cells: generate(backbone, references, cells, given.sampling, background=background))


@dataclass(frozen=True)
class InSet:
    """A set of one subject: all images also see its first one, which is generated from ``prompt`` and ``seed``.

    ``pictures``: the subject's own references; ``worded``: their captions name view and crop; ``weight``: how much the
    first image counts beside them, > 0; ``masker``: as in ``Editing``.
    """

    name: str
    pictures: tuple[Picture, ...]
    prompt: str
    seed: int
    weight: float = 1.0
    worded: bool = False
    masker: str = DEFAULT_MASKER

    @property
    def training(self) -> str:
        """Empty: it needs no training."""
        return ""

    def prepare(self, backbone: Backbone, given: Given) -> Prepared:
        """Generate the first image; the reference that is given is not used."""
        own = [
            replace(reference_of(one), caption=caption_of(one, worded=self.worded), layouts={}) for one in self.pictures
        ]
        cell = Cell(self.prompt, self.seed)
        [first] = generate(backbone, own, [cell], given.sampling)
        mask = subject_of(first, self.masker, given.style)
        seen = [] if mask is None else [Reference(first, mask, self.prompt, frame=True, weight=self.weight)]

        def images(cells: Sequence[Cell]) -> list[Image.Image]:
            others = generate(backbone, [*own, *seen], [one for one in cells if one != cell], given.sampling)
            following = iter(others)
            return [first if one == cell else next(following) for one in cells]

        return Prepared(images)


def subject_of(picture: Image.Image, masker: str, style: str) -> Image.Image | None:
    """Return the mask of a generated picture's subject, L; None if the masker finds none."""
    mask = found_by(styled(MASKERS[masker], style), picture.convert("RGB")).mask
    return mask if mask.getbbox() else None
