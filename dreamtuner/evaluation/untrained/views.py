"""The references of a subject: the first hides something (a back, a side or a crop), another shows everything.

All of a subject's references stand in one scene, as pictures of one afternoon do, so that prompts ask for other scenes
than any of them shows. What a picture hides is the renderer's truth (`pocket.world.visible`), not a reading.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from functools import cache

from dreamtuner.evaluation.measures import IDENTITY
from dreamtuner.pocket.training.shards import Picture
from dreamtuner.pocket.world import SCENES, STYLES, TEST, Context, caption, visible
from dreamtuner.pocket.world.identity import ATTRIBUTES

HIDING: dict[str, tuple[str, str]] = {
    "back": ("back", "full"),
    "side": ("side", "full"),
    "bust": ("front", "bust"),
    "close-up": ("front", "close-up"),
}
"""View and framing of the first reference, by name. A back hides emblem and eyes, a side the emblem, a bust the hat, a
close-up the emblem and sometimes pattern and shape."""
SHOWING = ("front", "full")
"""View and framing of the reference that shows everything."""


@dataclass(frozen=True)
class HidingSubject:
    """A subject with the name of its first reference's kind in ``HIDING``, and its references in order.

    The first hides something, the second shows everything, and the others are of the remaining kinds.
    """

    kind: str
    references: tuple[Picture, ...]

    @property
    def first(self) -> Picture:
        """The picture that hides something."""
        return self.references[0]

    @property
    def hidden(self) -> tuple[str, ...]:
        """The identity's attributes that cannot be seen in the first picture, in the order of the measures."""
        return tuple(name for name in IDENTITY if name not in _visible(self.first))

    @property
    def shown(self) -> tuple[str, ...]:
        """The identity's attributes that can be seen in the first picture."""
        return tuple(name for name in IDENTITY if name in _visible(self.first))

    @property
    def chance(self) -> float:
        """The share of hidden attributes that a guess would get right, 0..1; NaN if nothing is hidden."""
        return (
            sum(1 / len(ATTRIBUTES[name]) for name in self.hidden) / len(self.hidden) if self.hidden else float("nan")
        )


def hiding_subjects(count: int, seeds: range = TEST, seed: int = 0) -> list[HidingSubject]:
    """Return ``count`` subjects of ``seeds``, of each kind in turn; the same ones for any larger count.

    Every subject has four references. Subjects in whose first picture nothing is hidden do not occur.
    """
    rng = random.Random(f"hiding {seed}")
    found: list[HidingSubject] = []
    while len(found) < count:
        kind = list(HIDING)[len(found) % len(HIDING)]
        context = Context(rng.choice(SCENES), "standing", rng.choice(STYLES), size=0.88, seed=rng.getrandbits(31))
        others = [HIDING[name] for name in HIDING if name != kind][:2]
        pictures = tuple(
            Picture(identity, replace(context, view=view, framing=framing))
            for identity in [rng.choice(seeds)]
            for view, framing in (HIDING[kind], SHOWING, *others)
        )
        one = HidingSubject(kind, pictures)
        if one.hidden:
            found.append(one)
    return found


def caption_of(picture: Picture, *, worded: bool) -> str:
    """Return a reference's plain caption. ``worded``: with its view and crop, which a model may not have learnt."""
    context = picture.context if worded else replace(picture.context, view=SHOWING[0], framing=SHOWING[1])
    return caption(picture.identity, context)


@cache
def _visible(picture: Picture) -> frozenset[str]:
    return visible(picture.identity, picture.context)
