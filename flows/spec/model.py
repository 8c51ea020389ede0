"""The spec: which subjects, in which prompts, with which seeds. Unknown keys are rejected; absent values are null.

A field's description is its help text in Prefect's form, and the remedy in errors about its text.
"""

import unicodedata
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from dreamtuner.models.layouts import Kind
from dreamtuner.models.profiles import DEFAULT_PROFILE, get_profile, profile_names
from dreamtuner.settings.finetune import FineTuneConfig
from dreamtuner.settings.sampling import Sampling
from dreamtuner.settings.styles import STYLES, known_style
from flows.spec.problems import InputError, PlacedError, PlacedErrors, Problem, problems_of
from flows.spec.seeds import Seed, expanded
from storage.text import faults_in

PLACEHOLDER = "{subject}"
STYLE_PLACEHOLDER = "{style}"
AUTO = "auto"
"""As a subject's `mask`: segment it, even if a person gave one before; as `pose` or `depth`: estimate it."""
MAX_CELLS = 250_000


def is_auto(field: str, place: str | None) -> bool:
    """Return whether a subject's field is automatic: `auto`, for `pose` and `depth` also `auto:ESTIMATOR`."""
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
    """Offer the current profiles in forms."""
    schema["enum"] = profile_names()


def _styles(schema: dict[str, Any]) -> None:
    schema["enum"] = STYLES.names()


_NAME_RULE = "a name has 1 to 80 characters, no slashes or control characters, and does not begin with a space"
Name = Annotated[str, Field(max_length=80, pattern=r"^[^\s\x00-\x1f/\\][^\x00-\x1f/\\]*$", description=_NAME_RULE)]
Text = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"\S", description="write some text")]
_PLACE = "a path on the machine that generates, https:// or s3://"


class _Strict(BaseModel):
    # strict: a seed written "1" or a name written 123 is reported, not converted
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _texts_are_plain(cls, content: Any) -> Any:
        """Reject control characters and the like in every text, including those no other validator checks."""
        if faults := [PlacedError(path, fault) for path, fault in faults_in(content)]:
            raise PlacedErrors(faults)
        return content


class SubjectSpec(_Strict):
    """One subject: a new one with its class word and reference, or one from the catalog by its name alone.

    Without `reference`, omitted values (mask, class word, style, caption) come from the catalog. With `reference`,
    omitted values get their defaults (style natural, a plain caption); only a mask given by a person is kept.
    `reference`, `mask`, `pose`, `depth`: a path, s3:// or https://. `pose` and `depth` describe the reference
    image itself. They are used where generated images are conditioned on the same kind of control image; if omitted,
    the reference is encoded without that ControlNet. They are not stored with the subject: set them in every spec.
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
        description=f"the image of the subject, PNG, JPEG or WebP; null: the one in the catalog: {_PLACE}",
    )
    mask: Text | None = Field(
        default=None,
        description="white where the subject is; null: the mask a person gave, else segmented; "
        f"auto: segmented again: {_PLACE}",
    )
    pose: Text | None = Field(default=None, description=f"the reference's own pose skeleton; auto: estimated: {_PLACE}")
    depth: Text | None = Field(default=None, description=f"the reference's own depth map; auto: estimated: {_PLACE}")
    caption: Text | None = Field(
        default=None, description="a caption of the reference; null: from class word and style"
    )
    replace: bool = Field(
        default=False,
        description="replace reference, class word and style of the catalog's subject of this name, if they differ",
    )

    @model_validator(mode="after")
    def _new_or_known(self) -> Self:
        if self.reference is not None and self.class_word is None:
            known = "omit reference too to use the subject of this name in the catalog"
            raise PlacedError(["class_word"], f"is missing; add it, or {known}")
        return self


class Spec(_Strict):
    """A grid: every subject in every prompt, pose, depth map and seed.

    `finetune`: fine-tuning settings that differ from the profile's, {} for none; null: no fine-tuning.

    `poses`, `depth`: control images (a path, s3:// or https://), or null for none. A cell is conditioned on one of each
    list, and on both if neither is null.
    """

    name: Name
    profile: Annotated[str, AfterValidator(_known_profile)] = Field(
        default=DEFAULT_PROFILE, description="the profile to generate with", json_schema_extra=_profiles
    )
    subjects: tuple[SubjectSpec, ...] = Field(
        min_length=1, strict=False, description="the subjects, each with its reference"
    )
    prompts: tuple[Annotated[Text, AfterValidator(_prompt)], ...] = Field(
        min_length=1,
        strict=False,
        description="{subject} is replaced by the class word, {style} by photo or drawing: a {style} of a {subject}",
    )
    seeds: tuple[Seed, ...] = Field(
        min_length=1,
        strict=False,
        description="one image per seed, for every subject, prompt, pose and depth map; 1-100 is a range",
    )
    poses: tuple[Text | None, ...] = Field(
        default=(None,),
        min_length=1,
        strict=False,
        description=f"pose skeletons to condition on, null for none: {_PLACE}",
    )
    depth: tuple[Text | None, ...] = Field(
        default=(None,), min_length=1, strict=False, description=f"depth maps to condition on, null for none: {_PLACE}"
    )
    negative_prompt: str = Field(default="", max_length=2000, description="what the images should not show")
    finetune: dict[str, Any] | None = Field(
        default=None,
        description='fine-tune on each subject first: {} for the profile\'s values, or {"steps": 300, "mode": "lora"}',
    )
    score: tuple[str, ...] = Field(
        default=("clip_i", "clip_t"),
        strict=False,
        description="metrics: clip_i and clip_i_masked (similarity to the reference), clip_t (to the prompt); or none",
    )
    sampling: dict[str, Any] = Field(
        default_factory=dict,
        description='sampling settings that differ from the profile\'s: {"w_ref": 0, "steps": 30}',
    )

    @field_validator("seeds", mode="before")
    @classmethod
    def _ranges_of_seeds(cls, given: Any) -> Any:
        return expanded(given, most=MAX_CELLS)

    @field_validator("prompts")
    @classmethod
    def _prompts_differ(cls, prompts: tuple[str, ...]) -> tuple[str, ...]:
        """Compare prompts as CLIP's tokenizer reads them: it ignores case and repeated white space."""
        first: dict[str, int] = {}
        for i, prompt in enumerate(prompts):
            same = first.setdefault(" ".join(unicodedata.normalize("NFC", prompt).lower().split()), i)
            if same != i and prompts[same] == prompt:
                raise PlacedError([i], f"duplicate prompt {prompt!r}; remove one")
            if same != i:
                why = "the model ignores case and extra spaces"
                raise PlacedError([i], f"{prompt!r} equals prompts[{same}] to the model: {why}; remove one")
        return prompts

    @field_validator("depth", "score")
    @classmethod
    def _each_once(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        seen: set[Any] = set()
        for i, value in enumerate(values):
            if value in seen:
                raise PlacedError([i], f"duplicate value {_quoted(value)}; remove one")
            seen.add(value)
        return values

    @field_validator("subjects")
    @classmethod
    def _names_differ(cls, subjects: tuple[SubjectSpec, ...]) -> tuple[SubjectSpec, ...]:
        seen: dict[str, int] = {}
        for i, subject in enumerate(subjects):
            if subject.name in seen:
                message = f"the name {subject.name!r} is already used by subjects[{seen[subject.name]}]"
                raise PlacedError([i, "name"], f"{message}; give each subject its own name")
            seen[subject.name] = i
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
        """Return the number of cells per subject."""
        return len(self.prompts) * len(self.poses) * len(self.depth) * len(self.seeds)

    @property
    def layouts(self) -> dict[Kind, tuple[str | None, ...]]:
        """Return the control images by kind."""
        return {"pose": self.poses, "depth": self.depth}

    def follows(self, kind: Kind) -> bool:
        """Return whether any cell is conditioned on a control image of this kind."""
        return any(place is not None for place in self.layouts[kind])

    def repeated_poses(self) -> list[Problem]:
        """Return a problem for each repeated pose; only videos may repeat poses."""
        first: dict[str | None, int] = {}
        for i, place in enumerate(self.poses):
            first.setdefault(place, i)
        return [
            Problem(
                path=("poses", i), message=f"duplicate value {_quoted(place)}; remove one (a video may repeat poses)"
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
    """Raise InputError if the spec repeats a pose; for everything but videos."""
    if problems := spec.repeated_poses():
        raise InputError(f"spec {spec.name!r}", problems)


def _quoted(value: Any) -> str:
    return "null" if value is None else repr(value)
