"""The request: references of one subject, and the cells to generate."""

from dataclasses import dataclass, field
from math import isfinite
from typing import NamedTuple

from PIL import Image

from dreamtuner.models.layouts import Layouts
from dreamtuner.settings.frames import LIKE_REFERENCES, FrameUse


@dataclass(frozen=True)
class Reference:
    """One reference image of the subject.

    `image`: RGB; `mask`: L, 255 subject, 0 background, of the image's size, or None if the whole image is subject;
    `caption`: what the image shows, in the words of the model's captions; `layouts`: control images of the reference
    itself, of its size, used when cells are conditioned on the same kind of control image; `whole`:
    self-subject-attention sees the whole image including its background, which class images preserve (Sec. 3.3);
    `frame`: it is a generated image (an earlier frame of a video, a picture to edit, the first of a set), which is
    never cropped; `weight`: how much it counts among several
    references: its tokens weigh w_ref * weight in self-subject-attention, and as many times more than those of weight 1
    in subject-encoder-attention. Weights are not normalised: two references weigh twice as much as one.
    `seen`: whether it is seen at all; one that is not can be the first, which seeds what the images share. `use`,
    `noise_seed`: of a frame alone, how it is seen, and the seed of the noise that the frames start from.
    """

    image: Image.Image
    mask: Image.Image | None
    caption: str
    layouts: Layouts = field(default_factory=dict)
    whole: bool = False
    frame: bool = False
    weight: float = 1.0
    seen: bool = True
    use: FrameUse = LIKE_REFERENCES
    noise_seed: int | None = None

    def __post_init__(self) -> None:
        """Raise ValueError unless the weight is positive and finite."""
        if not (self.weight > 0 and isfinite(self.weight)):
            raise ValueError(f"reference: the weight is {self.weight}; give a positive number, 1 for an equal share")


class TextBlend(NamedTuple):
    """Another prompt whose text states are mixed into the cell's own. `share`: how much of them, 0..1."""

    prompt: str
    share: float


@dataclass(frozen=True)
class Cell:
    """One image to generate. `seed` determines x_T, alone unless `Sampling.inversion` adds the reference's noise.

    `layouts`: the control images it is conditioned on, by kind; `blend`: another prompt between which and its own the
    text states are interpolated, as where scenes of a video fade.
    """

    prompt: str
    seed: int
    layouts: Layouts = field(default_factory=dict)
    blend: TextBlend | None = None

    @property
    def prompts(self) -> tuple[str, ...]:
        """Return its prompt, and the one that is mixed into it."""
        return (self.prompt,) if self.blend is None else (self.prompt, self.blend.prompt)
