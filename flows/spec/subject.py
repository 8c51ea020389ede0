"""The entry of one subject in a spec: a new one with its reference or references, or one from the catalog."""

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from dreamtuner.models.layouts import Kind, KindName
from dreamtuner.settings.styles import STYLES, known_style
from flows.spec.entry import (
    NONE,
    OWN_NAMES,
    PLACE,
    Name,
    Path,
    ReferenceEntry,
    StrictModel,
    Text,
    is_auto,
    is_place,
    of_other_kinds,
)
from flows.spec.problems import PlacedError

OF_REFERENCE = ("mask", "pose", "depth", "caption")
"""Fields of a subject that describe its reference; an entry of `references` has them too."""


def _styles(schema: dict[str, Any]) -> None:
    schema["enum"] = STYLES.names()


class SubjectSpec(StrictModel):
    """One subject: a new one with its class word and reference, or one from the catalog by its name alone.

    Without `reference`, omitted values (mask, class word, style, caption) come from the catalog. With `reference`, the
    style is natural by default, and the caption is the one found for it or corrected by a person, else a plain one.

    `references` are several of it, in order: the first one is the subject's reference where there can be but one, such
    as in scores, and seeds what its images share. One entry of weight 1 means the same as `reference`.

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
    references: Annotated[tuple[ReferenceEntry, ...], Field(min_length=1, strict=False)] | None = Field(
        default=None,
        description="several images of the subject instead of `reference`, each a path or URL, or a mapping of image, "
        "weight, mask, pose, depth, controls and caption; all of them are seen in generation and in fine-tuning",
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
        return of_other_kinds(controls, OWN_NAMES)

    @model_serializer(mode="wrap")
    def _plain(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out `references` where there are none, so that specs are recorded as before there were any."""
        content: dict[str, Any] = handler(self)
        if content.get("references") is None:
            content.pop("references", None)
        return content

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
        """Whether a mask, a caption or a control image of a reference is automatic."""
        return any(
            is_auto(field, place)
            for one in self.singles()
            for field, place in {"mask": one.mask, "caption": one.caption, **one.layouts}.items()
        )

    @property
    def is_new(self) -> bool:
        """Whether the entry gives references; otherwise it names a subject of the catalog."""
        return self.reference is not None or self.references is not None

    @property
    def weights(self) -> tuple[float, ...]:
        """The weights of its references, in order."""
        return (1.0,) if self.references is None else tuple(one.weight for one in self.references)

    def singles(self) -> tuple[Self, ...]:
        """Return the subject with each of its references alone, in order; itself if it does not have `references`."""
        if self.references is None:
            return (self,)
        return tuple(
            self.model_copy(
                update={
                    "references": None,
                    "reference": one.image,
                    "controls": one.controls,
                    **{name: getattr(one, name) for name in OF_REFERENCE},
                }
            )
            for one in self.references
        )

    def caption_path(self, i: int) -> Path:
        """Return the position of the caption of its i-th reference."""
        return ("caption",) if i == 0 and self.references is None else ("references", i, "caption")

    def of_stored(self) -> Self:
        """Return the entry of a subject of the catalog as it concerns its further references: what is automatic.

        A mask, a caption or a control image that it gives is that of the first.
        """
        stated = {name: getattr(self, name) for name in OF_REFERENCE}
        kept = {name: place if _for_all(name, place) else None for name, place in stated.items()}
        controls = {kind: place for kind, place in self.controls.items() if _for_all(kind, place)}
        return self.model_copy(update={**kept, "controls": controls})

    def places(self) -> Iterator[tuple[Path, str]]:
        """Yield every path and URL that the subject names, with its position; automatic ones are none."""
        if self.references is not None:
            for i, one in enumerate(self.singles()):
                for path, place in one.places():
                    yield ("references", i, *(("image",) if path == ("reference",) else path)), place
            return
        named: dict[tuple[str, ...], str | None] = {
            (name,): getattr(self, name) for name in ("reference", "mask", "pose", "depth")
        }
        named |= {("controls", kind): place for kind, place in self.controls.items()}
        for own, stated in named.items():
            if stated is not None and is_place(own[-1], stated):
                yield own, stated

    def with_places(self, change: Callable[[str], str]) -> Self:
        """Return the subject with every path and URL changed."""
        new = {path: change(place) for path, place in self.places()}
        if self.references is not None:
            every = enumerate(self.references)
            entries = tuple(one.model_copy(update=_changed(one.controls, _under(new, i))) for i, one in every)
            return self.model_copy(update={"references": entries})
        return self.model_copy(update=_changed(self.controls, new))

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if self.references is None:
            return self
        if self.reference is not None:
            raise PlacedError(["reference"], "is given beside references; write it as one of them, or remove one")
        for name in (*OF_REFERENCE, "controls"):
            if getattr(self, name):
                raise PlacedError([name], f"is given beside references; write it into the entry of its image: {name}")
        return self

    @model_validator(mode="after")
    def _new_or_known(self) -> Self:
        if self.is_new and self.class_word is None:
            field = "reference" if self.references is None else "references"
            known = f"omit {field} too to use the subject of this name in the catalog"
            raise PlacedError(["class_word"], f"is missing; add it, or {known}")
        return self


def _for_all(field: str, place: str | None) -> bool:
    return is_auto(field, place) or (place == NONE and field != "caption")


def _under(new: Mapping[Path, str], i: int) -> dict[Path, str]:
    """Return the changed places of one entry of `references`, by their positions in it."""
    return {path[2:]: place for path, place in new.items() if path[:2] == ("references", i)}


def _changed(controls: Mapping[Kind, str], new: Mapping[Path, str]) -> dict[str, Any]:
    """Return the changed fields of an entry with these control images. `new`: other places by their positions in it."""
    fields = {str(path[0]): place for path, place in new.items() if len(path) == 1}
    return {**fields, "controls": {kind: new.get(("controls", kind), place) for kind, place in controls.items()}}
