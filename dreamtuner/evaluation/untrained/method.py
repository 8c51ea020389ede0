"""Generation from several references of a subject, as one row of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated

from dreamtuner.baselines.method import Given, Prepared
from dreamtuner.evaluation.held_out import reference_of
from dreamtuner.evaluation.untrained.views import HidingSubject, caption_of
from dreamtuner.families.backbone import Backbone
from dreamtuner.pocket.training.shards import Picture
from dreamtuner.sampling.generate import generate
from dreamtuner.settings.recipe_fields import Later
from dreamtuner.settings.sampling import Sampling


@dataclass(frozen=True)
class Seeing:
    """Self-subject-attention and encoder see ``pictures`` of the subject, in this order.

    ``worded``: their captions name view and crop; ``changes`` update the profile's settings; ``weights``: how much each
    picture counts, > 0; empty: 1 each.
    """

    name: str
    pictures: tuple[Picture, ...]
    worded: bool = False
    changes: Mapping[str, float] = field(default_factory=dict)
    weights: Annotated[tuple[float, ...], Later(neutral=[])] = ()

    @property
    def training(self) -> str:
        """Empty: it needs no training."""
        return ""

    def prepare(self, backbone: Backbone, given: Given) -> Prepared:
        """Render the references; the one that is given is not used."""
        sampling = Sampling.model_validate({**given.sampling.model_dump(), **self.changes})
        references = [
            replace(reference_of(one), caption=caption_of(one, worded=self.worded), layouts={}, weight=weight)
            for one, weight in zip(self.pictures, self.weights or (1.0,) * len(self.pictures), strict=True)
        ]
        return Prepared(lambda cells: generate(backbone, references, cells, sampling))


ALONE, TWO, SHOWS_FIRST = "1, which hides", "2, one shows", "2, that one first"
FOUR, FRONT = "4, one shows", "1, which shows"
"""The rows: the hiding picture alone; with one that shows everything, second or first; with two more that hide; that
one alone. The order counts for inversion alone, which follows the first."""


def rows_of(
    subject: HidingSubject, *, worded: bool, changes: Mapping[str, float], weight: float = 1.0
) -> dict[str, Seeing]:
    """Return the rows of a subject by name. `weight`: that of pictures that hide, beside the one that shows, > 0."""
    given = {
        ALONE: subject.references[:1],
        TWO: subject.references[:2],
        SHOWS_FIRST: subject.references[1::-1],
        FOUR: subject.references[:4],
        FRONT: subject.references[1:2],
    }
    shows = subject.references[1]
    weights = {
        name: tuple(1.0 if one == shows else weight for one in pictures)
        for name, pictures in given.items()
        if len(pictures) > 1 and weight != 1
    }
    return {name: Seeing(name, pictures, worded, changes, weights.get(name, ())) for name, pictures in given.items()}
