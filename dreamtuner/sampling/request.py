"""The request: references of one subject, and the cells to generate."""

from dataclasses import dataclass, field

from PIL import Image

from dreamtuner.models.layouts import Layouts


@dataclass(frozen=True)
class Reference:
    """One reference image of the subject.

    `image`: RGB; `mask`: L, 255 subject, 0 background, of the image's size, or None if the whole image is subject;
    `caption`: what the image shows, in the words of the model's captions; `layouts`: control images of the reference
    itself, of its size, used when cells are conditioned on the same kind of control image; `whole`:
    self-subject-attention sees the whole image including its background, which class images preserve (Sec. 3.3);
    `frame`: it is an earlier frame of a video, which is never cropped.
    """

    image: Image.Image
    mask: Image.Image | None
    caption: str
    layouts: Layouts = field(default_factory=dict)
    whole: bool = False
    frame: bool = False


@dataclass(frozen=True)
class Cell:
    """One image to generate. `seed` alone determines x_T.

    `layouts`: the control images it is conditioned on, by kind.
    """

    prompt: str
    seed: int
    layouts: Layouts = field(default_factory=dict)
