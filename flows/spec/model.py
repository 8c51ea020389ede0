"""The spec: which subjects, in which prompts, with which seeds. Unknown keys are rejected; absent values are null.

A field's description is its help text in Prefect's form, and the remedy in errors about its text.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from math import prod
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from dreamtuner.models.layouts import Kind, KindName
from dreamtuner.models.profiles import DEFAULT_PROFILE, get_profile, profile_names
from dreamtuner.settings.finetune import FineTuneConfig
from dreamtuner.settings.sampling import Sampling
from flows.spec.entry import PLACE, Name, Path, StrictModel, Text, moved, of_other_kinds
from flows.spec.generated_pictures import Consistency, Edit
from flows.spec.problems import InputError, PlacedError, Problem, problems_of
from flows.spec.prompt import Prompt
from flows.spec.scenes.scene import Scene, demand_known
from flows.spec.seeds import Seed, expanded
from flows.spec.subject import SubjectSpec
from flows.spec.video import VideoSpec, scene_prompts
from storage.catalog.records import Priority

MAX_CELLS = 250_000
Workers = Annotated[int, Field(ge=0, le=1000)]
"""A number of workers; 0: as many as there are."""


def _known_profile(name: str) -> str:
    get_profile(name)  # its errors are ValueErrors, which name the remedy
    return name


def _profiles(schema: dict[str, Any]) -> None:
    """Offer the current profiles in forms."""
    schema["enum"] = profile_names()


def _or_feed(schema: dict[str, Any]) -> None:
    """Allow a feed where a list of subjects is."""
    from flows.spec.feed_source import SCHEMA  # as below: most specs name no feed, and load none of it

    rows = {key: schema.pop(key) for key in ("type", "items", "minItems") if key in schema}
    schema["anyOf"] = [rows, SCHEMA]


class Budget(StrictModel):
    """The most that a run may spend: seconds of all devices together, or money; whichever is reached first."""

    device_seconds: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="seconds in which devices compute, of all workers together"
    )
    money: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="in the currency of DREAMTUNER_RATES, devices alone"
    )

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if self.device_seconds is None and self.money is None:
            raise ValueError("give device_seconds or money")
        return self


class Spec(StrictModel):
    """A grid: every subject in every prompt, and every scene, in every pose, depth map and seed.

    `finetune`: fine-tuning settings that differ from the profile's, {} for none; null: no fine-tuning.

    `poses`, `depth`, `controls`: control images (a path, s3:// or https://), or null for none. A cell is conditioned
    on one of each list, and on all that are not null.
    """

    name: Name
    profile: Annotated[str, AfterValidator(_known_profile)] = Field(
        default=DEFAULT_PROFILE, description="the profile to generate with", json_schema_extra=_profiles
    )
    subjects: tuple[SubjectSpec, ...] = Field(
        min_length=1,
        strict=False,
        description="the subjects, each with its reference; {from: feed.csv} reads them from a table",
        json_schema_extra=_or_feed,
    )
    prompts: tuple[Prompt, ...] = Field(
        default=(),
        strict=False,
        description="each subject alone, in each of these; needed without `together`: {subject} is replaced by "
        "the class word, {style} by photo or drawing: a {style} of a {subject}",
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
        description=f"pose skeletons to condition on, null for none: {PLACE}",
    )
    depth: tuple[Text | None, ...] = Field(
        default=(None,), min_length=1, strict=False, description=f"depth maps to condition on, null for none: {PLACE}"
    )
    controls: Mapping[KindName, Annotated[tuple[Text | None, ...], Field(min_length=1, strict=False)]] = Field(
        default_factory=dict,
        description="control images of other kinds that the profile has a ControlNet for, each a list as `poses`, "
        f'such as {{"canny": ["edges.png"]}}: {PLACE}',
    )
    masker: Text | None = Field(
        default=None,
        description="the masker that segments new references, such as birefnet; null: that of DREAMTUNER_MASKER, of "
        "the profile, or auto",
    )
    captioner: Text | None = Field(
        default=None,
        description="the captioner of new references, such as blip; null: that of DREAMTUNER_CAPTIONER, of the "
        "profile, or one that uses the class word",
    )
    estimators: Mapping[KindName, Text] = Field(
        default_factory=dict,
        description='the estimators of new references\' own control images, by kind, such as {"pose": "dwpose"}; those '
        "of DREAMTUNER_ESTIMATORS and of the profile where none is named",
    )
    negative_prompt: str = Field(
        default="",
        max_length=2000,
        description="what the images should not show; with a reference it acts in 1 - p_r of the steps, in every step "
        "with sampling.negative_in: all",
    )
    finetune: dict[str, Any] | None = Field(
        default=None,
        description='fine-tune on each subject first: {} for the profile\'s values, or {"steps": 300, "mode": "lora"}',
    )
    score: tuple[str, ...] | None = Field(
        default=None,
        strict=False,
        description="metrics: clip_i and clip_i_masked (similarity to the reference), clip_t (to the prompt), "
        "dino_s16, clip_i_l14, clip_t_l14 and others; [] for none; null: the profile's, else clip_i and clip_t",
    )
    workers: Workers | None = Field(
        default=None,
        exclude_if=lambda workers: workers is None,  # the digests of specs without it stay as they were
        description="how many workers generate at once: flow runs of the work pool, or processes of this machine; 0: "
        "one for each worker or GPU; null: what the run is started with",
    )
    together: tuple[Scene, ...] = Field(
        default=(),
        strict=False,
        exclude_if=lambda together: not together,  # as of `workers`
        description="images of several subjects, each a prompt that names them, a {pip} and a {momo} on the beach, or "
        "a mapping of prompt, subjects and background; in every pose, depth map and seed",
    )
    priority: Priority = Field(
        default="normal",
        exclude_if=lambda priority: priority == "normal",
        description="the run's share of the workers beside other runs: normal has four times that of low, high four "
        "times that of normal",
    )
    project: Text | None = Field(
        default=None,
        exclude_if=lambda project: project is None,  # as of `workers`
        description="the project that the run and its new subjects belong to, by name; null: that of its subjects, or "
        "everybody's",
    )
    video: VideoSpec | None = Field(
        default=None,
        exclude_if=lambda video: video is None,  # as of `workers`
        description="what `dreamtuner video` makes of the spec beyond one frame per pose; other commands ignore it",
    )
    sampling: dict[str, Any] = Field(
        default_factory=dict,
        description='sampling settings that differ from the profile\'s: {"w_ref": 0, "steps": 30}',
    )

    edit: Edit | None = Field(
        default=None,
        exclude_if=lambda edit: edit is None,  # as of `workers`
        description='a picture of the catalog that is made again with these prompts: {"output": 12}; at its own seed '
        "what the prompts do not change stays most alike; null: none",
    )
    consistency: Consistency | None = Field(
        default=None,
        exclude_if=lambda consistency: consistency is None,  # as of `workers`
        description="a subject's images also see the first of them, so that what neither its reference nor a prompt "
        "says is alike in all: a weight such as 1, or a mapping; null: they do not see each other",
    )
    budget: Budget | None = Field(
        default=None,
        exclude_if=lambda budget: budget is None,  # as of `workers`
        description='where the run stops, unfinished: {"device_seconds": 3600}, or {"money": 5} at the rates of '
        "DREAMTUNER_RATES; null: nowhere",
    )

    @model_validator(mode="before")
    @classmethod
    def _prompts_of_scenes(cls, content: Any) -> Any:
        """Take the prompts from the video's scenes, so that all that reads and checks prompts knows them."""
        if not isinstance(content, Mapping) or not isinstance(video := content.get("video"), Mapping | VideoSpec):
            return content
        prompts = scene_prompts(video)
        if prompts is None:
            return content
        given = content.get("prompts") or ()
        if not isinstance(given, list | tuple):
            return content  # refused as prompts of another type are
        if given and list(given) != prompts:
            raise PlacedError(["prompts"], "is given beside video.scenes; write it as the scene at 0, or remove one")
        return {**content, "prompts": prompts}

    @model_validator(mode="before")
    @classmethod
    def _subjects_of_a_feed(cls, content: Any) -> Any:
        if not isinstance(content, Mapping) or not isinstance(content.get("subjects"), dict):
            return content
        from flows.spec.feed_source import with_feed

        return with_feed(content, projects="project" in cls.model_fields)

    @field_validator("seeds", mode="before")
    @classmethod
    def _ranges_of_seeds(cls, given: Any) -> Any:
        return expanded(given, most=MAX_CELLS)

    @field_validator("prompts")
    @classmethod
    def _prompts_differ(cls, prompts: tuple[str, ...]) -> tuple[str, ...]:
        """Compare prompts as CLIP's tokenizer reads them: it ignores case and repeated white space.

        BREAK may have a meaning: whether it has one is known once the syntax is.
        """
        first: dict[tuple[str, ...], int] = {}
        for i, prompt in enumerate(prompts):
            parts = re.split(r"\bBREAK\b", unicodedata.normalize("NFC", prompt))
            same = first.setdefault(tuple(" ".join(part.lower().split()) for part in parts), i)
            if same != i and prompts[same] == prompt:
                raise PlacedError([i], f"duplicate prompt {prompt!r}; remove one")
            if same != i:
                why = "the model ignores case and extra spaces"
                raise PlacedError([i], f"{prompt!r} equals prompts[{same}] to the model: {why}; remove one")
        return prompts

    @field_validator("depth", "score")
    @classmethod
    def _each_once(cls, values: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
        return None if values is None else _each_once(values)

    @field_validator("controls")
    @classmethod
    def _of_other_kinds(cls, controls: Mapping[Kind, tuple[str | None, ...]]) -> Mapping[Kind, tuple[str | None, ...]]:
        for kind, places in controls.items():
            _each_once(places, kind)
        return of_other_kinds(controls, {"pose": "poses", "depth": "depth"})

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

    @model_validator(mode="after")
    def _shows_something(self) -> Self:
        if not self.prompts and not self.scenes:
            raise PlacedError(
                ["prompts"],
                "is empty; give at least one" if "prompts" in self.model_fields_set else "is missing; add it",
            )
        names = [one.name for one in self.subjects]
        try:
            demand_known(self.scenes, names)
        except PlacedError as error:
            raise PlacedError(["together", *error.path], str(error)) from error
        return self

    @field_validator("sampling")
    @classmethod
    def _numbers_of_the_method(cls, overrides: dict[str, Any]) -> dict[str, Any]:
        try:
            numbers = Sampling.model_validate(overrides)
        except ValidationError as error:
            first = problems_of(error, Sampling)[0]
            raise PlacedError(first.path, first.message) from error
        size, side = overrides.get("size"), overrides.get("resolution")
        if size is not None and side not in (None, numbers.resolution):
            raise PlacedError(["resolution"], f"is {side} beside the size {size}; remove one of the two")
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
        return len(self.prompts) * prod(map(len, self.layouts.values())) * len(self.seeds)

    @property
    def film(self) -> str | None:
        """Return the driving film whose poses a video follows; None: it has none."""
        return None if self.video is None else self.video.film

    @property
    def scenes(self) -> tuple[Scene, ...]:
        """Return the images of several subjects; what a video calls scenes are prompts in time."""
        return self.together

    @property
    def cells_of_scenes(self) -> int:
        """Return the number of cells of all scenes."""
        return len(self.scenes) * prod(map(len, self.layouts.values())) * len(self.seeds)

    @property
    def cells(self) -> int:
        """Return the number of cells of the whole grid."""
        return len(self.subjects) * self.cells_per_subject + self.cells_of_scenes

    @property
    def layout_fields(self) -> dict[Kind, tuple[Path, tuple[str | None, ...]]]:
        """Return the control images by kind, each with the position of their list in the spec."""
        own: dict[Kind, tuple[Path, tuple[str | None, ...]]] = {
            "pose": (("poses",), self.poses),
            "depth": (("depth",), self.depth),
        }
        return own | {kind: (("controls", kind), self.controls[kind]) for kind in sorted(self.controls)}

    @property
    def layouts(self) -> dict[Kind, tuple[str | None, ...]]:
        """Return the control images by kind."""
        return {kind: places for kind, (_, places) in self.layout_fields.items()}

    def follows(self, kind: Kind) -> bool:
        """Return whether any cell is conditioned on a control image of this kind."""
        return any(place is not None for place in self.layouts.get(kind, ())) or (
            kind == "pose" and self.film is not None
        )

    def places(self) -> Iterator[tuple[Path, str]]:
        """Yield every path and URL that the spec names, with its position."""
        for i, subject in enumerate(self.subjects):
            yield from ((("subjects", i, *path), place) for path, place in subject.places())
        if self.film is not None:
            yield ("video", "film"), self.film
        for path, places in self.layout_fields.values():
            yield from (((*path, i), place) for i, place in enumerate(places) if place is not None)
        for i, scene in enumerate(self.scenes):
            yield from ((("together", i, *path), place) for path, place in scene.places())
        if self.edit is not None and isinstance(self.edit.mask, str):
            yield ("edit", "mask"), self.edit.mask

    def with_places(self, change: Callable[[str], str]) -> Self:
        """Return the spec with every path and URL changed."""

        def changed(places: tuple[str | None, ...]) -> tuple[str | None, ...]:
            return tuple(None if place is None else change(place) for place in places)

        video, edit = self.video, self.edit
        if video is not None and video.film is not None:
            video = video.model_copy(update={"film": change(video.film)})
        return self.model_copy(
            update={
                "video": video,
                "edit": edit and edit.model_copy(update={"mask": moved(edit.mask, change)}),
                "subjects": tuple(subject.with_places(change) for subject in self.subjects),
                "poses": changed(self.poses),
                "depth": changed(self.depth),
                "controls": {kind: changed(places) for kind, places in self.controls.items()},
                "together": tuple(scene.with_places(change) for scene in self.scenes),
            }
        )

    def repeated_poses(self) -> list[Problem]:
        """Return a problem for each repeated pose and for a film; only videos may have them."""
        driven = "only videos follow a film; make one with dreamtuner video, or remove it"
        film = [] if self.film is None else [Problem(path=("video", "film"), message=driven)]
        first: dict[str | None, int] = {}
        for i, place in enumerate(self.poses):
            first.setdefault(place, i)
        return film + [
            Problem(
                path=("poses", i), message=f"duplicate value {_quoted(place)}; remove one (a video may repeat poses)"
            )
            for i, place in enumerate(self.poses)
            if first[place] != i
        ]

    @model_validator(mode="after")
    def _driven_once(self) -> Self:
        if self.film is not None and any(place is not None for place in self.poses):
            raise PlacedError(["poses"], "is given beside video.film, whose poses are estimated; remove one of the two")
        return self

    @model_validator(mode="after")
    def _of_one_subject(self) -> Self:
        """A picture of the catalog shows one subject: a spec that names one is about that subject alone."""
        named = {("edit", "output"): self.edit, ("consistency", "first"): self.consistency}
        for path, stated in named.items():
            if getattr(stated, path[1], None) is not None and len(self.subjects) > 1:
                message = f"is a picture of one subject, and subjects has {len(self.subjects)}; name its subject alone"
                raise PlacedError(path, message)
        if self.together and self.consistency is not None and self.consistency.weight > 0:
            message = "images of several subjects do not see each other; order together in a spec of its own"
            raise PlacedError(["consistency"], message)
        if self.together and self.edit is not None:
            raise PlacedError(["edit"], "is of a picture of one subject; remove it, or order together in another spec")
        return self

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        cells = self.cells
        if cells > MAX_CELLS:
            raise ValueError(f"the grid has {cells:,} cells, more than {MAX_CELLS:,}; split it into several specs")
        return self


def demand_grid(spec: Spec) -> None:
    """Raise InputError if the spec repeats a pose; for everything but videos."""
    if problems := spec.repeated_poses():
        raise InputError(f"spec {spec.name!r}", problems)


def _each_once(values: tuple[Any, ...], *path: str) -> tuple[Any, ...]:
    seen: set[Any] = set()
    for i, value in enumerate(values):
        if value in seen:
            raise PlacedError([*path, i], f"duplicate value {_quoted(value)}; remove one")
        seen.add(value)
    return values


def _quoted(value: Any) -> str:
    return "null" if value is None else repr(value)
