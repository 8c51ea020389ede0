"""The context of a subject: everything in an image that is not the subject's identity."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Annotated, Literal

from dreamtuner.settings.recipe_fields import Later

SCENES = ("on the beach", "in the snow", "in the forest", "in the city", "at night", "in a room")
POSES = ("standing", "arms up", "waving", "sitting", "jumping", "running")
Style = Literal["natural", "anime"]
STYLES: tuple[Style, ...] = ("natural", "anime")
EXPRESSIONS = ("neutral", "smiling", "eyes closed", "mouth open")
VIEWS = ("front", "side", "back")
FRAMINGS = ("full", "bust", "close-up")


@dataclass(frozen=True)
class Context:
    """The context of one subject in one image.

    ``x``, ``y`` shift the subject in half-image units (-1..1, y down), ``size`` is the subject's scale (1 fills the
    image's height), ``mirrored`` flips one-sided poses, ``seed`` varies the scene's details. ``view`` is the side the
    camera sees; from the side the subject faces right, or left where ``mirrored``. ``framing`` is how much of the
    subject the image contains: all of it, face and trunk without the hat (bust), or the head alone (close-up).
    """

    scene: str
    pose: str
    style: Style
    expression: str = "neutral"
    x: float = 0.0
    y: float = 0.0
    size: float = 0.85
    mirrored: bool = False
    seed: int = 0
    view: Annotated[str, Later(neutral="front")] = "front"
    framing: Annotated[str, Later(neutral="full")] = "full"

    def __post_init__(self) -> None:
        for name, known in (
            ("scene", SCENES),
            ("pose", POSES),
            ("style", STYLES),
            ("expression", EXPRESSIONS),
            ("view", VIEWS),
            ("framing", FRAMINGS),
        ):
            if getattr(self, name) not in known:
                raise ValueError(f"{name}: {getattr(self, name)!r} is not one of {', '.join(known)}")

    @classmethod
    def draw(cls, rng: random.Random, *, style: Style | None = None) -> Context:
        """Sample a context uniformly from ``rng``; subjects fill 78 to 95 % of the height."""
        return cls(
            scene=rng.choice(SCENES),
            pose=rng.choice(POSES),
            style=rng.choice(STYLES) if style is None else style,
            expression=rng.choice(EXPRESSIONS),
            x=rng.uniform(-0.12, 0.12),
            y=rng.uniform(-0.03, 0.05),
            size=rng.uniform(0.78, 0.90),
            mirrored=rng.random() < 0.5,
            seed=rng.getrandbits(31),
        )
