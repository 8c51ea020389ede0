"""The user's order: which subjects, in which prompts, with which seeds. Unknown keys are refused, absence is null.

A field's description is the help under it in Prefect's form, and the remedy in an error about its text.
"""

import unicodedata
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from dreamtuner.models.layouts import Kind
from dreamtuner.models.profiles import get_profile, profile_names
from dreamtuner.settings.finetune import FineTuneConfig
from dreamtuner.settings.sampling import Sampling
from dreamtuner.settings.styles import STYLES, known_style
from flows.spec.problems import InputError, PlacedError, PlacedErrors, Problem, problems_of
from flows.spec.seeds import Seed, expanded
from storage.text import faults_in

PLACEHOLDER = "{subject}"
STYLE_PLACEHOLDER = "{style}"
AUTO = "auto"
"""As a subject's `mask`: it is to be found, whoever gave one before; as its `pose` or `depth`: to be estimated."""
MAX_CELLS = 250_000


def is_auto(field: str, place: str | None) -> bool:
    """Whether this field of a subject is to be found: `mask: auto`; `pose` and `depth`: auto, or auto:ESTIMATOR."""
    named = field in ("pose", "depth") and place is not None and place.startswith(f"{AUTO}:")
    return named or (field != "reference" and place == AUTO)


def _prompt(prompt: str) -> str:
    if PLACEHOLDER not in prompt:
        raise ValueError(
            f"{prompt!r} lacks the placeholder {PLACEHOLDER}; write for example 'a {PLACEHOLDER} on the beach'"
        )
    rest = prompt.replace(PLACEHOLDER, "").replace(STYLE_PLACEHOLDER, "")
    if "{" in rest or "}" in rest:
        raise ValueError(f"{prompt!r} holds another brace; the placeholders are {PLACEHOLDER} and {STYLE_PLACEHOLDER}")
    return prompt


def expand(text: str, *, class_word: str, style: str) -> str:
    """Put the class word and the style's word for a picture into a prompt or caption.

    >>> expand("a {style} of a {subject} on the beach", class_word="bear", style="anime")
    'a drawing of a bear on the beach'
    """
    return text.replace(PLACEHOLDER, class_word).replace(STYLE_PLACEHOLDER, STYLES[style].word)


def _known_profile(name: str) -> str:
    get_profile(name)  # its errors are ValueErrors, which name the remedy
    return name


def _profiles(schema: dict[str, Any]) -> None:
    """What a form offers: the profiles that there are when it is made."""
    schema["enum"] = profile_names()


def _styles(schema: dict[str, Any]) -> None:
    schema["enum"] = STYLES.names()


_NAME_RULE = "a name has 1 to 80 characters, no slashes or control characters, and does not begin with a space"
Name = Annotated[str, Field(max_length=80, pattern=r"^[^\s\x00-\x1f/\\][^\x00-\x1f/\\]*$", description=_NAME_RULE)]
Text = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"\S", description="write some text")]
_PLACE = "a path on the machine that draws, https:// or s3://"


class _Strict(BaseModel):
    # strict: a seed written "1" or a name written 123 is a slip to point at, not to guess about
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _texts_are_plain(cls, content: Any) -> Any:
        """The one door: whatever becomes a field has come through here, also what no other rule looks into."""
        if faults := [PlacedError(path, fault) for path, fault in faults_in(content)]:
            raise PlacedErrors(faults)
        return content


class SubjectSpec(_Strict):
    """One subject: a new one with its class word and reference, or one of the catalog by its name alone.

    Without `reference` everything that is left out (mask, class word, style, caption) is as the catalog has it. With it
    the entry says all: style natural and the plain caption where they are left out; only a mask that a person gave
    stands. `reference`, `mask`, `pose`, `depth`: a path, s3:// or https://. `pose` and `depth` describe the reference
    image itself. They are used where generated images are conditioned on the same kind of control image; if omitted,
    the reference is encoded without that ControlNet. They are not stored with the subject: state them here too.
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
        description=f"the picture of the subject, PNG, JPEG or WebP; null: the one in the catalog: {_PLACE}",
    )
    mask: Text | None = Field(
        default=None,
        description="white where the subject is; null: one that a person gave stands, else it is found; "
        f"auto: found anew: {_PLACE}",
    )
    pose: Text | None = Field(
        default=None, description=f"the reference's own skeleton, auto: estimated, or null: {_PLACE}"
    )
    depth: Text | None = Field(
        default=None, description=f"the reference's own depth map, auto: estimated, or null: {_PLACE}"
    )
    caption: Text | None = Field(
        default=None, description="what the reference shows; null: its class word and style say it"
    )
    replace: bool = Field(
        default=False,
        description="where the catalog has another subject of this name: replace its reference, class word and style",
    )

    @model_validator(mode="after")
    def _new_or_known(self) -> Self:
        if self.reference is not None and self.class_word is None:
            known = "leave reference out as well to mean the subject of this name in the catalog"
            raise PlacedError(["class_word"], f"is missing; add it, or {known}")
        return self


class Spec(_Strict):
    """A grid: every subject in every prompt, pose, depth map and seed.

    `finetune`: numbers of a fine-tuning that differ from the profile's, {} for none; null: subjects are not learnt.

    `poses`, `depth`: layout pictures (a path, s3:// or https://) or null, nothing to follow. A cell follows one of each
    list, so both at once where neither is null.
    """

    name: Name
    profile: Annotated[str, AfterValidator(_known_profile)] = Field(
        default="pocket", description="the model that draws", json_schema_extra=_profiles
    )
    subjects: tuple[SubjectSpec, ...] = Field(
        min_length=1, strict=False, description="whom the pictures show, each with its reference"
    )
    prompts: tuple[Annotated[Text, AfterValidator(_prompt)], ...] = Field(
        min_length=1,
        strict=False,
        description="{subject} stands for the class word, {style} for photo or drawing: a {style} of a {subject}",
    )
    seeds: tuple[Seed, ...] = Field(
        min_length=1,
        strict=False,
        description="a picture for each, of every subject in every prompt, pose and depth map; 1-100 is a range",
    )
    poses: tuple[Text | None, ...] = Field(
        default=(None,), min_length=1, strict=False, description=f"skeletons to follow, null for none: {_PLACE}"
    )
    depth: tuple[Text | None, ...] = Field(
        default=(None,), min_length=1, strict=False, description=f"depth maps to follow, null for none: {_PLACE}"
    )
    negative_prompt: str = Field(default="", max_length=2000, description="what the pictures should not show")
    finetune: dict[str, Any] | None = Field(
        default=None,
        description='learn each subject first: {} for the profile\'s numbers, or {"steps": 300, "mode": "lora"}',
    )
    score: tuple[str, ...] = Field(
        default=("clip_i", "clip_t"),
        strict=False,
        description="metrics: clip_i and clip_i_masked (like the reference), clip_t (like the prompt); or none",
    )
    sampling: dict[str, Any] = Field(
        default_factory=dict,
        description='numbers of the method that differ from the profile\'s: {"w_ref": 0, "steps": 30}',
    )

    @field_validator("seeds", mode="before")
    @classmethod
    def _ranges_of_seeds(cls, given: Any) -> Any:
        return expanded(given, most=MAX_CELLS)

    @field_validator("prompts")
    @classmethod
    def _prompts_differ(cls, prompts: tuple[str, ...]) -> tuple[str, ...]:
        """Prompts are twice the same where CLIP's tokenizer reads them so: it folds spaces, lines and capitals."""
        first: dict[str, int] = {}
        for i, prompt in enumerate(prompts):
            same = first.setdefault(" ".join(unicodedata.normalize("NFC", prompt).lower().split()), i)
            if same != i and prompts[same] == prompt:
                raise PlacedError([i], f"{prompt!r} is there twice; remove one")
            if same != i:
                why = "the model does not see spaces and capitals"
                raise PlacedError([i], f"{prompt!r} is twice the same as prompts[{same}]: {why}; remove one")
        return prompts

    @field_validator("depth", "score")
    @classmethod
    def _each_once(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        seen: set[Any] = set()
        for i, value in enumerate(values):
            if value in seen:
                raise PlacedError([i], f"{_quoted(value)} is there twice; remove one")
            seen.add(value)
        return values

    @field_validator("subjects")
    @classmethod
    def _names_differ(cls, subjects: tuple[SubjectSpec, ...]) -> tuple[SubjectSpec, ...]:
        taken: dict[str, int] = {}
        for i, subject in enumerate(subjects):
            if subject.name in taken:
                message = f"the name {subject.name!r} is taken by subjects[{taken[subject.name]}]"
                raise PlacedError([i, "name"], f"{message}; give each subject its own")
            taken[subject.name] = i
        return subjects

    @field_validator("sampling")
    @classmethod
    def _numbers_of_the_method(cls, overrides: dict[str, Any]) -> dict[str, Any]:
        try:
            Sampling.model_validate(overrides)
        except ValidationError as error:
            first = problems_of(error, Sampling)[0]
            raise PlacedError(first.path, first.message) from error
        return overrides

    @field_validator("finetune")
    @classmethod
    def _numbers_of_a_fine_tuning(cls, overrides: dict[str, Any] | None) -> dict[str, Any] | None:
        try:
            FineTuneConfig.model_validate(overrides or {})
        except ValidationError as error:
            first = problems_of(error, FineTuneConfig)[0]
            raise PlacedError(first.path, first.message) from error
        return overrides

    @property
    def cells_per_subject(self) -> int:
        """How many cells the grid has of each subject."""
        return len(self.prompts) * len(self.poses) * len(self.depth) * len(self.seeds)

    @property
    def layouts(self) -> dict[Kind, tuple[str | None, ...]]:
        """The layout pictures by their kind."""
        return {"pose": self.poses, "depth": self.depth}

    def follows(self, kind: Kind) -> bool:
        """Whether some cell follows a layout of this kind."""
        return any(place is not None for place in self.layouts[kind])

    def repeated_poses(self) -> list[Problem]:
        """The poses that a grid would hold twice; in a video a pose may come again."""
        first: dict[str | None, int] = {}
        for i, place in enumerate(self.poses):
            first.setdefault(place, i)
        return [
            Problem(
                path=("poses", i), message=f"{_quoted(place)} is there twice; remove one (a video may repeat poses)"
            )
            for i, place in enumerate(self.poses)
            if first[place] != i
        ]

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        cells = len(self.subjects) * self.cells_per_subject
        if cells > MAX_CELLS:
            raise ValueError(f"the grid has {cells:,} cells, more than {MAX_CELLS:,}; split it into several specs")
        return self


def demand_grid(spec: Spec) -> None:
    """InputError unless every pose of the spec is another; for whatever is not a video."""
    if problems := spec.repeated_poses():
        raise InputError(f"spec {spec.name!r}", problems)


def _quoted(value: Any) -> str:
    return "null" if value is None else repr(value)
