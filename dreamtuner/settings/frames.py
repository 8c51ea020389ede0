"""How the frames of a video see earlier ones: which, how much, in which steps and layers. Everything here is ours.

The paper says that first and previous frame are references like the subject's own (Sec. 3.2). That is the neutral value
of every field. docs/evaluation/flicker.md has what each field does to a video.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dreamtuner.settings.recipe_fields import Later
from dreamtuner.settings.sampling import Number, Probability

See = Literal["both", "first", "previous", "draft", "none"]
FrameNoise = Literal["own", "shared", "image"]
FrameLayers = Literal["all", "fine", "coarse"]


class FrameUse(BaseModel):
    """How a frame sees the frames before it. Unknown keys are rejected; neutral fields are in no digest."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    see: Annotated[See, Later(neutral="both")] = Field(
        default="both",
        description="frames that a frame sees: both (the first and the one before), first, previous, draft (the "
        "first as it is without others; every frame sees that one alone, the first too) or none",
    )
    weight: Annotated[float, Number, Later(neutral=1.0)] = Field(
        default=1.0,
        gt=0,
        le=100,
        description="weight of an earlier frame beside the subject's references: its tokens weigh w_ref times this",
    )
    noise: Annotated[FrameNoise, Later(neutral="own")] = Field(
        default="own",
        description="the noise that an earlier frame is noised with: own (another for each frame), shared (that of the "
        "subject's reference), or image (the noise that the frames start from, the same in every step)",
    )
    guided: Annotated[bool, Later(neutral=True)] = Field(
        default=True,
        description="true: only the wanted branch of Eq. 4 sees earlier frames, so that guidance amplifies them; "
        "false: both branches do",
    )
    encoder: Annotated[bool, Later(neutral=True)] = Field(
        default=True, description="whether the subject-encoder reads earlier frames too"
    )
    begin: Annotated[Probability, Later(neutral=0.0)] = Field(
        default=0.0, description="share of the steps after which earlier frames are seen; 0 = from the first step"
    )
    end: Annotated[Probability, Later(neutral=1.0)] = Field(
        default=1.0, description="share of the steps up to which earlier frames are seen; 1 = to the last step"
    )
    layers: Annotated[FrameLayers, Later(neutral="all")] = Field(
        default="all",
        description="self-attention layers that see earlier frames: all, fine (those of the most tokens) or "
        "coarse (the others)",
    )

    @model_validator(mode="after")
    def _some_steps(self) -> Self:
        if self.begin >= self.end:
            raise ValueError(f"begin is {self.begin:g} and end {self.end:g}; begin must be less, or set see to none")
        return self


DRAFT = "draft"
"""The name of a frame that is generated without others, beside the video's own."""
LIKE_REFERENCES = FrameUse()
"""As the paper has it: earlier frames are references like the subject's own."""


def frame_order(count: int, *, loop: bool = False) -> list[int]:
    """Return the order in which `count` frames are generated: one after the other, or for a loop to both sides.

    A loop is generated from the first frame forwards and backwards in turn, so that its two ends meet in the middle,
    where the frame that is generated last sees both of its neighbours.
    """
    if not loop:
        return list(range(count))
    return [0, *(i if step else count - i for i in range(1, count // 2 + 1) for step in (True, False))][:count]


def earlier_frames(i: int, count: int, use: FrameUse = LIKE_REFERENCES, *, loop: bool = False) -> Mapping[str, int]:
    """Return the frames that frame `i` sees, by name: first, previous and, in a loop, next; or the draft of the first.

    All of them come before it in `frame_order`.
    """
    if use.see == "draft":
        return {DRAFT: 0}
    if i == 0 or use.see == "none":
        return {}
    forwards = not loop or i <= (count - 1) // 2
    meets = loop and i == frame_order(count, loop=True)[-1]
    seen = {"first": 0} if use.see in ("both", "first") else {}
    if use.see in ("both", "previous"):
        seen |= {"previous": i - 1} if forwards or meets else {}
        seen |= {"next": (i + 1) % count} if not forwards or meets else {}
    return seen
