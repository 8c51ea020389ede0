"""What entries of a spec share: the strict base model, automatic values, regions, and the entry of one reference."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from dreamtuner.models.layouts import Kind, KindName
from dreamtuner.settings.regions import Box, check_box
from flows.spec.problems import PlacedError, PlacedErrors
from storage.text import faults_in

T = TypeVar("T")
AUTO = "auto"
"""As a subject's `mask`: segment it, even if a person gave one before; `caption`: write it; control image: estimate it.

`auto:NAME` names the masker, captioner or estimator.
"""
NONE = "none"
"""As a control image of a subject: encode the reference without one, even if it has one in the catalog."""


def is_auto(field: str, place: str | None) -> bool:
    """Return whether a subject's field is automatic: `auto`, or `auto:NAME` with the backend to use."""
    return field != "reference" and place is not None and (place == AUTO or place.startswith(f"{AUTO}:"))


def named_by_auto(place: str | None) -> str | None:
    """Return the NAME of `auto:NAME`; None for `auto` alone."""
    return None if place is None else place.removeprefix(AUTO).removeprefix(":") or None


def is_place(field: str, stated: str) -> bool:
    """Return whether a subject's field names a file: it is neither automatic nor `none`."""
    return not is_auto(field, stated) and not (stated == NONE and field not in ("reference", "mask"))


_NAME_RULE = "a name has 1 to 80 characters, no slashes or control characters, and does not begin with a space"
Name = Annotated[str, Field(max_length=80, pattern=r"^[^\s\x00-\x1f/\\][^\x00-\x1f/\\]*$", description=_NAME_RULE)]
Text = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"\S", description="write some text")]
Path = tuple[str | int, ...]
"""The position of a value in a spec: keys and indices from the top."""
PLACE = "a path on the machine that generates, https:// or s3://"


def _box(value: Any) -> Any:
    """Read a list as a box; texts and null are left to the type."""
    if value is None or isinstance(value, str):
        return value
    if not isinstance(value, list | tuple):
        raise ValueError(f"must be a box such as [0, 0, 0.5, 1], or the place of a mask, not {str(value)[:70]}")
    if not all(isinstance(one, int | float) and not isinstance(one, bool) for one in value):
        raise ValueError("a box is four numbers: left, top, right and bottom in 0..1, such as [0, 0, 0.5, 1]")
    return check_box(value)


Region = Annotated[Box | Text | None, BeforeValidator(_box)]
"""Where a subject is: [left, top, right, bottom] in 0..1 of the image, the path or URL of a mask, or null.

Fields of this type need union_mode left_to_right.
"""


def moved(region: Region, change: Callable[[str], str]) -> Region:
    """Return the region with the place of its mask changed; a box stays."""
    return change(region) if isinstance(region, str) else region


class StrictModel(BaseModel):
    """The base of what a user writes: unknown keys, other types and control characters are rejected."""

    # strict: a seed written "1" or a name written 123 is reported, not converted
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _texts_are_plain(cls, content: Any) -> Any:
        """Reject control characters and the like in every text, including those no other validator checks."""
        if faults := [PlacedError(path, fault) for path, fault in faults_in(content)]:
            raise PlacedErrors(faults)
        return content


class ReferenceEntry(StrictModel):
    """One of several references of a subject. `image` and the fields beside it are as those of a subject's only one.

    A path or URL alone is an entry with that image.
    """

    image: Text = Field(description=f"an image of the subject, PNG, JPEG or WebP: {PLACE}")
    weight: float = Field(
        default=1.0,
        gt=0,
        allow_inf_nan=False,
        description="how much it counts: w_ref is multiplied by it; two references of weight 1 count twice as much as "
        "one, two of weight 0.5 as much",
    )
    mask: Text | None = Field(default=None, description="as the subject's mask, of this image")
    pose: Text | None = Field(default=None, description="as the subject's pose, of this image")
    depth: Text | None = Field(default=None, description="as the subject's depth, of this image")
    controls: Mapping[KindName, Text] = Field(
        default_factory=dict, description="as the subject's controls, of this image"
    )
    caption: Text | None = Field(default=None, description="as the subject's caption, of this image")

    @model_validator(mode="before")
    @classmethod
    def _of_image_alone(cls, content: Any) -> Any:
        return {"image": content} if isinstance(content, str) else content

    @field_validator("controls")
    @classmethod
    def _of_other_kinds(cls, controls: Mapping[Kind, str]) -> Mapping[Kind, str]:
        return of_other_kinds(controls, OWN_NAMES)


OWN_NAMES: Mapping[Kind, str] = {name: name for name in ("pose", "depth", "mask", "caption")}
"""What a reference has fields of its own for; `controls` holds none of them."""


def of_other_kinds(controls: Mapping[Kind, T], fields: Mapping[Kind, str]) -> Mapping[Kind, T]:
    """Refuse the kinds that have a field of their own."""
    for kind in controls:
        if kind in fields:
            raise PlacedError([kind], f"has a field of its own; write {fields[kind]}: instead")
    return controls
