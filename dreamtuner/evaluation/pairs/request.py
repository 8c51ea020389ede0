"""The pairs to evaluate: two held-out subjects each, in boxes and poses as the world draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from PIL import Image

from dreamtuner.evaluation.held_out import reference_of
from dreamtuner.evaluation.views_and_pairs import sample_pairs
from dreamtuner.pocket.training.shards import Pair, Picture
from dreamtuner.pocket.world import SCENES, Context, pair_caption, render_together
from dreamtuner.pocket.world.captions import MEDIUM, action_words
from dreamtuner.pocket.world.render import SIZE
from dreamtuner.pocket.world.together import Together
from dreamtuner.sampling.request import Reference
from dreamtuner.settings.regions import Box


@dataclass(frozen=True)
class PairRequest:
    """An image of two subjects, left and right, both from the front, and its noise."""

    pair: Pair
    seed: int

    @cached_property
    def rendered(self) -> Together:
        """The image as the world draws it: boxes, skeletons. The back one is drawn first."""
        return render_together([[(one.identity, one.context) for one in self.back_to_front]])

    @property
    def back_to_front(self) -> tuple[Picture, Picture]:
        """Both subjects; the lower one stands in front."""
        first, second = sorted(self.pair, key=lambda one: one.context.y)
        return first, second

    @property
    def boxes(self) -> dict[Picture, tuple[float, float, float, float]]:
        """The box of each subject in pixels: left, top, right, bottom."""
        found = self.rendered.boxes[0].tolist()
        return {one: tuple(box) for one, box in zip(self.back_to_front, found, strict=True)}

    @property
    def regions(self) -> dict[Picture, Box]:
        """The boxes in 0..1 of the image."""
        return {one: tuple(min(1.0, max(0.0, v / SIZE)) for v in box) for one, box in self.boxes.items()}  # type: ignore[misc]

    @property
    def pose(self) -> Image.Image:
        """Both skeletons, as control image."""
        drawn = (self.rendered.pose[0].permute(1, 2, 0) * 255).round().byte().numpy()
        return Image.fromarray(drawn)

    @property
    def prompt(self) -> str:
        """The prompt of the whole image, which names both by their class words."""
        return pair_caption([(one.identity, one.context) for one in self.pair])

    def prompt_of(self, one: Picture) -> str:
        """The prompt of a subject's region."""
        action = action_words(one.context)
        words = f"{MEDIUM[one.context.style]} a {one.identity.class_word} {one.context.scene}"
        return f"{words}, {action}" if action else words

    def reference(self, one: Picture) -> Reference:
        """The reference of a subject: standing, in another scene."""
        scenes = [scene for scene in SCENES if scene != one.context.scene]
        scene = scenes[one.identity_seed % len(scenes)]
        return reference_of(Picture(one.identity_seed, Context(scene, "standing", one.context.style, size=0.88)))


def pair_requests(count: int, seeds: range) -> Sequence[PairRequest]:
    """Return `count` pairs of identities of `seeds`; the first ones are the same at every count."""
    pairs = [pair for pair in sample_pairs(count, seeds) if pair[0].identity_seed != pair[1].identity_seed]
    facing = [
        tuple(replace(one, context=replace(one.context, view="front", framing="full")) for one in pair)
        for pair in pairs
    ]
    return [PairRequest((left, right), i) for i, (left, right) in enumerate(facing)]
