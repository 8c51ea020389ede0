"""The pocket world: a renderer of subjects in contexts, with the ground truth of every pixel."""

from dreamtuner.pocket.world.captions import caption, detailed_caption, pair_caption
from dreamtuner.pocket.world.context import EXPRESSIONS, FRAMINGS, POSES, SCENES, STYLES, VIEWS, Context
from dreamtuner.pocket.world.identity import CLASSES, HELD_OUT, TEST, TRAIN, VALIDATION, Identity
from dreamtuner.pocket.world.render import Rendered, render
from dreamtuner.pocket.world.together import Together, draw_pair, render_together
from dreamtuner.pocket.world.visible import visible

__all__ = [
    "CLASSES",
    "EXPRESSIONS",
    "FRAMINGS",
    "HELD_OUT",
    "POSES",
    "SCENES",
    "STYLES",
    "TEST",
    "TRAIN",
    "VALIDATION",
    "VIEWS",
    "Context",
    "Identity",
    "Rendered",
    "Together",
    "caption",
    "detailed_caption",
    "draw_pair",
    "pair_caption",
    "render",
    "render_together",
    "visible",
]
