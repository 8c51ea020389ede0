"""The pocket world: a renderer that draws subjects in contexts and knows the truth of every pixel."""

from dreamtuner.pocket.world.captions import caption, detailed_caption
from dreamtuner.pocket.world.context import EXPRESSIONS, POSES, SCENES, STYLES, Context
from dreamtuner.pocket.world.identity import CLASSES, HELD_OUT, TEST, TRAIN, VALIDATION, Identity
from dreamtuner.pocket.world.render import Rendered, render

__all__ = [
    "CLASSES",
    "EXPRESSIONS",
    "HELD_OUT",
    "POSES",
    "SCENES",
    "STYLES",
    "TEST",
    "TRAIN",
    "VALIDATION",
    "Context",
    "Identity",
    "Rendered",
    "caption",
    "detailed_caption",
    "render",
]
