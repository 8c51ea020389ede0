"""The entry of one subject in a spec: a new one with its reference, or one from the catalog."""

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from dreamtuner.models.layouts import Kind, KindName
from dreamtuner.settings.styles import STYLES, known_style
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


def _styles(schema: dict[str, Any]) -> None:
    schema["enum"] = STYLES.names()


_NAME_RULE = "a name has 1 to 80 characters, no slashes or control characters, and does not begin with a space"
Name = Annotated[str, Field(max_length=80, pattern=r"^[^\s\x00-\x1f/\\][^\x00-\x1f/\\]*$", description=_NAME_RULE)]
Text = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"\S", description="write some text")]
Path = tuple[str | int, ...]
"""The position of a value in a spec: keys and indices from the top."""
PLACE = "a path on the machine that generates, https:// or s3://"


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


class SubjectSpec(StrictModel):
    """One subject: a new one with its class word and reference, or one from the catalog by its name alone.

    Without `reference`, omitted values (mask, class word, style, caption) come from the catalog. With `reference`, the
    style is natural by default, and the caption is the one found for it or corrected by a person, else a plain one.

    `reference`, `mask`, `pose`, `depth`, `controls`: a path, s3:// or https://. The last three describe the reference
    image itself. They are used where generated images are conditioned on the same kind of control image, and stored
    with the reference: if omitted, the stored one is used. `none`: the reference is encoded without that ControlNet.
    `mask`, `caption` and control images may be `auto` or `auto:NAME`: found anew, by the masker, captioner or estimator
    of this name.
    """

    name: Name
    class_word: str | None = Field(
        default=None,
        max_length=80,
        pattern=r"^[^{}\s]+( [^{}\s]+)*$",
        description="a class word is a plain noun such as bear or teddy bear, without braces and outer spaces",
    )
    style: Annotated[str, AfterValidator(known_style), Field(json_schema_extra=_styles)] | None = Field(
        default=None, description="natural for photographs (the default), anime for drawings"
    )
    reference: Text | None = Field(
        default=None,
        description=f"the image of the subject, PNG, JPEG or WebP; null: the one in the catalog: {PLACE}",
    )
    mask: Text | None = Field(
        default=None,
        description="white where the subject is; null: the mask a person gave, else segmented; "
        f"auto or auto:MASKER: segmented again: {PLACE}",
    )
    pose: Text | None = Field(
        default=None, description=f"the reference's own pose skeleton; null: the stored one; auto: estimated: {PLACE}"
    )
    depth: Text | None = Field(
        default=None, description=f"the reference's own depth map; null: the stored one; auto: estimated: {PLACE}"
    )
    controls: Mapping[KindName, Text] = Field(
        default_factory=dict,
        description=f'the reference\'s own control images of other kinds, such as {{"canny": "auto"}}: {PLACE}',
    )
    caption: Text | None = Field(
        default=None,
        description="a caption of the reference; null: the one found or corrected before, else the captioner's; "
        "auto or auto:CAPTIONER: written anew",
    )
    replace: bool = Field(
        default=False,
        description="replace reference, class word and style of the catalog's subject of this name, if they differ",
    )

    @field_validator("controls")
    @classmethod
    def _of_other_kinds(cls, controls: Mapping[Kind, str]) -> Mapping[Kind, str]:
        return of_other_kinds(controls, {name: name for name in ("pose", "depth", "mask", "caption")})

    @property
    def layouts(self) -> dict[Kind, str]:
        """Return the places of the reference's own control images by kind."""
        own = {"depth": self.depth, "pose": self.pose, **self.controls}
        return {kind: place for kind, place in own.items() if place is not None}

    @property
    def own_caption(self) -> str | None:
        """The caption that the entry gives; None if it gives none, or has it written."""
        return None if is_auto("caption", self.caption) else self.caption

    @property
    def asks(self) -> bool:
        """Whether its mask, its caption or a control image is automatic."""
        stated = {"mask": self.mask, "caption": self.caption, **self.layouts}
        return any(is_auto(field, place) for field, place in stated.items())

    def places(self) -> Iterator[tuple[Path, str]]:
        """Yield every path and URL that the subject names, with its position; automatic ones are none."""
        named: dict[tuple[str, ...], str | None] = {
            (name,): getattr(self, name) for name in ("reference", "mask", "pose", "depth")
        }
        named |= {("controls", kind): place for kind, place in self.controls.items()}
        for path, place in named.items():
            if place is not None and is_place(path[-1], place):
                yield path, place

    def with_places(self, change: Callable[[str], str]) -> Self:
        """Return the subject with every path and URL changed."""
        new = {path: change(place) for path, place in self.places()}
        controls = {kind: new.get(("controls", kind), place) for kind, place in self.controls.items()}
        fields = {str(path[0]): place for path, place in new.items() if len(path) == 1}
        return self.model_copy(update={**fields, "controls": controls})

    @model_validator(mode="after")
    def _new_or_known(self) -> Self:
        if self.reference is not None and self.class_word is None:
            known = "omit reference too to use the subject of this name in the catalog"
            raise PlacedError(["class_word"], f"is missing; add it, or {known}")
        return self


def of_other_kinds(controls: Mapping[Kind, T], fields: Mapping[Kind, str]) -> Mapping[Kind, T]:
    """Refuse the kinds that have a field of their own."""
    for kind in controls:
        if kind in fields:
            raise PlacedError([kind], f"has a field of its own; write {fields[kind]}: instead")
    return controls
