"""What a spec says of generated pictures that its images also see: one that is edited, and the first of a set."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from flows.spec.entry import PLACE, Region, StrictModel

WEIGHT = 1.0
"""How much a generated picture counts beside the subject's reference, unless a spec says another number."""


def _picture(stated: Any) -> Any:
    if isinstance(stated, bool) or not isinstance(stated, int | str):
        raise ValueError(f"must be the number of a picture or the digest of its cell, not {stated!r}")
    if isinstance(stated, int) and stated < 1:
        raise ValueError(f"{stated} is no picture; numbers begin with 1, as in /outputs/1")
    if isinstance(stated, str) and not (8 <= len(stated) <= 64 and all(c in "0123456789abcdef" for c in stated)):
        raise ValueError(
            f"{stated[:70]!r} is no picture; write its number, as in /outputs/12, or 8 to 64 hex digits of its cell"
        )
    return stated


PictureName = Annotated[int | str, BeforeValidator(_picture)]
"""A picture of the catalog: its number there, or the digest of its cell, 8 to 64 hex digits."""


class Edit(StrictModel):
    """A picture of the catalog that is made again with another prompt: the same, but smiling."""

    output: PictureName = Field(
        description="the picture: its number in the catalog, as in /outputs/12, or its cell's digest"
    )
    weight: float = Field(
        default=WEIGHT,
        ge=0,
        le=100,
        allow_inf_nan=False,
        description="how much its subject counts beside the reference; 0: it is not seen",
    )
    keep_background: bool = Field(
        default=False,
        description="pixels outside of its subject stay as they are, for expressions; false: the prompt decides them, "
        "for poses and scenes",
    )
    mask: Region = Field(
        default=None,
        union_mode="left_to_right",
        exclude_if=lambda mask: mask is None,  # so that specs from before it are recorded as they were
        description="where its subject is: a mask, white on the subject, or a box [left, top, right, bottom] in 0..1 "
        f"of the picture; null: the masker finds it: {PLACE}",
    )


class Consistency(StrictModel):
    """A set: the images of a subject also see its first one, so that what nobody says is alike in all."""

    weight: float = Field(
        default=WEIGHT,
        ge=0,
        le=100,
        allow_inf_nan=False,
        description="how much the first image counts beside the reference; 0: images do not see each other",
    )
    first: PictureName | None = Field(
        default=None,
        description="a picture of the catalog that is the first: its number or its cell's digest; null: the first "
        "image of each subject's grid (first prompt, control images and seed)",
    )

    @model_validator(mode="before")
    @classmethod
    def _weight_alone(cls, content: Any) -> Any:
        """A number alone is the weight."""
        if isinstance(content, str | bool | list):
            raise ValueError(f"must be a weight, such as 1, or a mapping of keys to values, not {content!r}")
        return {"weight": content} if isinstance(content, int | float) else content
