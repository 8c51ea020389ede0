"""What is asked for: references of one subject, and the cells to draw of it."""

from dataclasses import dataclass, field

from PIL import Image

from dreamtuner.models.layouts import Layouts


@dataclass(frozen=True)
class Reference:
    """One picture of the subject.

    `image`: RGB; `mask`: L, 255 subject, 0 background, the image's size, or None: all of it is subject; `caption`: what
    the picture shows, in the words of the model's captions; `layouts`: the picture's own layout of a kind, of its size,
    with which it passes where cells follow a layout of that kind; `whole`: self-subject-attention sees all of the
    picture, its background too, which regular images keep (Sec. 3.3).
    """

    image: Image.Image
    mask: Image.Image | None
    caption: str
    layouts: Layouts = field(default_factory=dict)
    whole: bool = False


@dataclass(frozen=True)
class Cell:
    """One picture to draw. `seed` alone decides x_T; `layouts`: where things are to be; none: the prompt decides."""

    prompt: str
    seed: int
    layouts: Layouts = field(default_factory=dict)
