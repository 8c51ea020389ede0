"""Expands a spec and its subjects to cells. Pure, so that equal specs always give equal digests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any

from dreamtuner.models.layouts import OWN_FIELDS, Kind
from dreamtuner.settings.recipe_fields import to_fields
from dreamtuner.settings.sampling import ENGINE_VERSION, Sampling, Style
from flows.ingestion.facts import Facts
from flows.spec.model import Spec
from flows.spec.prompt import expand

if TYPE_CHECKING:
    from dreamtuner.settings.regions import Box
    from flows.planning.finetune import FineTuneJob
    from flows.planning.generated.pictures import GeneratedPictures


@dataclass(frozen=True)
class PlannedCell:
    """One image of the grid. `recipe`: everything that decides its pixels; `digest`: the recipe's SHA-256.

    `layouts`: its control images by kind, as SHA-256; `own_layouts`: those of the reference, of the same kinds.
    `others`: the names of the further subjects of a scene, whose first is `subject`.
    """

    digest: str
    subject: str
    prompt: str
    seed: int
    recipe: Mapping[str, Any]
    layouts: Mapping[Kind, str] = field(default_factory=dict)
    own_layouts: Mapping[Kind, str] = field(default_factory=dict)
    others: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of all its subjects; of a scene, from back to front."""
        return self.subject, *self.others

    @property
    def further(self) -> Sequence[Mapping[str, Any]]:
        """Return the subject's other references, as `further_reference` gives them."""
        return tuple(self.recipe.get("references", ()))

    @property
    def sources(self) -> Mapping[str, str]:
        """Return the digests of the cells whose pictures it is made from: "edit", and "first" of its set."""
        named = {"edit": ("edit", "cell"), "first": ("set", "first")}
        return {role: self.recipe[key][name] for role, (key, name) in named.items() if key in self.recipe}

    @property
    def of_others(self) -> Sequence[Mapping[str, Any]]:
        """Return what the recipe has of a scene's further subjects."""
        return tuple(self.recipe.get("scene", {}).get("subjects", ()))[1:]

    @property
    def place(self) -> tuple[str, tuple[tuple[Kind, str], ...], int]:
        """Return its position in its subject's grid: prompt, control images (pose and depth map first), seed."""
        kinds = ("pose", "depth", *sorted(self.layouts.keys() - OWN_FIELDS))
        return self.prompt, tuple((kind, self.layouts[kind]) for kind in kinds if kind in self.layouts), self.seed


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def canonical(recipe: Mapping[str, Any]) -> str:
    """Encode a recipe as canonical JSON: sorted keys, no spaces, ASCII. Its SHA-256 is the cell's digest."""
    return _ENCODER.encode(recipe)


def digest_of(recipe: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a recipe's canonical JSON, 64 hex digits."""
    return hashlib.sha256(canonical(recipe).encode("ascii")).hexdigest()


def recipe_of(
    *,
    reference: str,
    mask: str | None,
    caption: str,
    weights: str,
    checkpoint: str | None = None,
    prompt: str,
    negative_prompt: str,
    seed: int,
    sampling: Mapping[str, Any],
    layouts: Mapping[Kind, str] | None = None,
    own_layouts: Mapping[Kind, str] | None = None,
    controlnets: Mapping[Kind, str] | None = None,
    frames: Mapping[str, Any] | None = None,
    adapters: Mapping[str, str] | None = None,
    weight: float = 1.0,
    further: Sequence[Mapping[str, Any]] = (),
    blend: Mapping[str, Any] | None = None,
    edit: Mapping[str, Any] | None = None,
    shared: Mapping[str, Any] | None = None,
    scene: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Assemble everything that decides an image. `checkpoint`: the digest of the fine-tuning; None: the base model.

    `sampling`: the settings as `to_fields` gives them; `controlnets`: the weights digest of each ControlNet used;
    `frames`: in a video, the cells used as additional references, and how (flows.planning.video); `adapters`: the
    digest of each LoRA, VAE and embedding used, by labels such as "lora watercolour"; `weight`: of the reference;
    `further`: the subject's other references as `further_reference` gives them. Their order is part of the digest: it
    decides the last bits of an image; `blend`: the prompt whose text states are mixed in, and its share;
    `edit`, `shared`: the generated pictures that it sees, see flows.planning.generated.pictures; `scene`: regions,
    words and further subjects of an image of several (flows.planning.scenes.plan), whose first is the subject.

    Without control images a recipe has only `pose: None`, as in the first release, so that its digest stays the same.
    """
    followed, own = layouts or {}, own_layouts or {}
    recipe = {
        "reference": reference,
        "mask": mask,
        "caption": caption,
        "checkpoint": checkpoint,
        "weights": weights,
        "prompt": prompt,
        "negative_prompt": negative_prompt,
        "pose": followed.get("pose"),
        "seed": seed,
        "sampling": sampling,
        "engine": ENGINE_VERSION,
    }
    more = {
        "depth": followed.get("depth"),
        "controls": {kind: sha256 for kind, sha256 in followed.items() if kind not in OWN_FIELDS},
        "reference_layouts": {kind: own[kind] for kind in followed if kind in own},
        "controlnets": {kind: (controlnets or {})[kind] for kind in followed},
        "frames": dict(frames or {}),
        "adapters": dict(adapters or {}),
        "reference_weight": None if weight == 1 else float(weight),
        "references": [dict(one) for one in further],
        "blend": dict(blend or {}),
        "edit": dict(edit or {}),
        "set": dict(shared or {}),
        "scene": None if scene is None else dict(scene),
    }
    return recipe | _stated(more)


def further_reference(
    *, reference: str, mask: str | None, caption: str, weight: float, layouts: Mapping[Kind, str]
) -> dict[str, Any]:
    """Assemble what decides an image of a further reference. `layouts`: its own control images of the cell's kinds."""
    more = {"weight": None if weight == 1 else float(weight), "layouts": dict(layouts)}
    plain = {"reference": reference, "mask": mask, "caption": caption}
    return plain | _stated(more)


def _stated(more: Mapping[str, Any]) -> dict[str, Any]:
    """Return the later fields that are not neutral: a weight of 0 is one, null and an empty mapping are not."""
    return {name: value for name, value in more.items() if value or value == 0.0}


def further_of(one: Facts, layouts: Mapping[Kind, str], factors: Sequence[float] | None = None) -> list[dict[str, Any]]:
    """Assemble what decides an image of a subject's further references.

    `layouts`: the cell's control images; `factors`: what their weights are multiplied by, 1 each if None.
    """
    factors = (1.0,) * len(one.further) if factors is None else factors
    return [
        further_reference(
            reference=other.reference_sha256,
            mask=other.mask_sha256,
            caption=other.caption,
            weight=other.weight * factor,
            layouts={kind: sha for kind, sha in other.layouts.items() if kind in layouts},
        )
        for other, factor in zip(one.further, factors, strict=True)
    ]


@dataclass(frozen=True)
class GenerationSetup:
    """What the cells of a spec share: weights digest, sampling settings by style (the spec's override the profile's).

    `layouts`: the grid's control images by kind, in spec order, as SHA-256 or None; `controlnets`: the weights digest
    of each ControlNet used; `finetune`: the fine-tuning of each subject; None: the base model. `adapters`: the digests
    of LoRAs and VAE used, by style and label; `embeddings`: those of all embeddings, by token; `pictures`: generated
    pictures that the cells see. Of scenes, `regions`: their masks by path or URL, as `dreamtuner.settings.regions`
    encodes them; `figures`: the boxes of the figures of each pose skeleton, by SHA-256, from left to right.
    """

    weights: str
    sampling: Mapping[Style, Sampling]
    layouts: Mapping[Kind, Sequence[str | None]] = field(default_factory=dict)
    controlnets: Mapping[Kind, str] = field(default_factory=dict)
    finetune: FineTuneJob | None = None
    adapters: Mapping[Style, Mapping[str, str]] = field(default_factory=dict)
    embeddings: Mapping[str, str] = field(default_factory=dict)
    pictures: GeneratedPictures | None = None
    regions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    figures: Mapping[str, Sequence[Box]] = field(default_factory=dict)

    @cached_property
    def fields(self) -> Mapping[Style, dict[str, Any]]:
        """Return each style's settings as recipe fields; computed once, as grids are large."""
        return {style: to_fields(numbers) for style, numbers in self.sampling.items()}

    def adapters_used(self, style: Style, texts: Sequence[str]) -> dict[str, str]:
        """Return the digests of the adapters that an image of this style and these texts uses, by label."""
        own = dict(self.adapters.get(style, {}))
        if not self.embeddings:
            return own
        from dreamtuner.models.adapters import embedding_label
        from dreamtuner.models.adapters.embedding import tokens_in

        return own | {embedding_label(token): self.embeddings[token] for token in tokens_in(texts, self.embeddings)}

    def finetune_recipe(self, one: Facts) -> dict[str, Any] | None:
        """Return the recipe of a subject's fine-tuning; None without fine-tuning."""
        if self.finetune is None:
            return None
        return self.finetune.recipe(
            reference=one.reference_sha256,
            mask=one.mask_sha256,
            caption=one.caption,
            class_word=one.class_word,
            style=one.style,
            weights=self.weights,
            further=[(other.reference_sha256, other.mask_sha256) for other in one.further],
        )


def of_kinds(pose: str | None, depth: str | None, others: Mapping[Kind, str | None] | None = None) -> dict[Kind, str]:
    """Map the kinds of the given control images to their SHA-256."""
    every: dict[Kind, str | None] = {"pose": pose, "depth": depth, **(others or {})}
    return {kind: sha256 for kind, sha256 in every.items() if sha256 is not None}


def plan_cells(spec: Spec, facts: Sequence[Facts], setup: GenerationSetup) -> list[PlannedCell]:
    """Expand the grid of the subjects in `facts`: by subject, then prompt, pose, depth map, other kinds and seed.

    Scenes are planned by `flows.planning.scenes.plan`.
    """
    positions = [(template, *place) for template, place in product(spec.prompts, places_of(spec, setup))]
    return [cell for one in facts for cell in SubjectPlanner(spec, one, setup).grid(positions)]


def places_of(spec: Spec, setup: GenerationSetup) -> list[tuple[dict[Kind, str], int]]:
    """Expand the control images and seeds of a grid: by pose, depth map, other kinds and seed."""
    kinds = ("pose", "depth", *sorted(setup.layouts.keys() - OWN_FIELDS))
    grid = product(product(*(setup.layouts.get(kind, (None,)) for kind in kinds)), spec.seeds)
    return [
        ({kind: sha256 for kind, sha256 in zip(kinds, images, strict=True) if sha256 is not None}, seed)
        for images, seed in grid
    ]


class SubjectPlanner:
    """Plans the cells of one subject; what they share is computed once."""

    def __init__(self, spec: Spec, one: Facts, setup: GenerationSetup) -> None:
        self._spec, self._one, self._setup = spec, one, setup
        recipe = setup.finetune_recipe(one)
        self._checkpoint = None if recipe is None else digest_of(recipe)
        job = setup.finetune
        self._called = one.class_word if job is None else job.settings.subject_words(one.class_word)
        self._edit = None if setup.pictures is None else setup.pictures.edit_of(one.style)

    def grid(self, positions: Sequence[tuple[str, Mapping[Kind, str], int]]) -> list[PlannedCell]:
        """Plan the images of a grid: template, control images and seed of each. Those of a set name its first."""
        cells, pictures = [self.cell(*one) for one in positions], self._setup.pictures
        if pictures is None or not cells:
            return cells
        first = pictures.first or cells[0].digest
        shared = pictures.shared_of(self._one.style, first)
        if shared is None:
            return cells
        each = zip(cells, positions, strict=True)
        return [cell if cell.digest == first else self.cell(*one, shared=shared) for cell, one in each]

    def cell(
        self,
        template: str,
        layouts: Mapping[Kind, str],
        seed: int,
        frames: Mapping[str, Any] | None = None,
        *,
        blend: tuple[str, float] | None = None,
        weights: Sequence[float] | None = None,
        shared: Mapping[str, Any] | None = None,
    ) -> PlannedCell:
        """Plan one image of the subject. `layouts`, `frames`, `shared`: as in `recipe_of`.

        `blend`: another template, and the share of its text states; `weights`: what the weight of each reference is
        multiplied by, in order.
        """
        one = self._one
        prompt, mixed = (
            None if text is None else expand(text, class_word=self._called, style=one.style)
            for text in (template, None if blend is None else blend[0])
        )
        assert prompt is not None
        texts = [prompt] if mixed is None else [prompt, mixed]
        factors = [1.0] * (1 + len(one.further)) if weights is None else weights
        own = {kind: sha for kind, sha in one.layouts.items() if kind in layouts}
        recipe = recipe_of(
            reference=one.reference_sha256,
            mask=one.mask_sha256,
            caption=one.caption,
            weights=self._setup.weights,
            checkpoint=self._checkpoint,
            prompt=prompt,
            negative_prompt=self._spec.negative_prompt,
            seed=seed,
            sampling=self._setup.fields[one.style],
            layouts=layouts,
            own_layouts=own,
            controlnets=self._setup.controlnets,
            frames=frames,
            adapters=self._setup.adapters_used(
                one.style,
                (*texts, self._spec.negative_prompt, one.caption, *(other.caption for other in one.further)),
            ),
            weight=one.weight * factors[0],
            further=further_of(one, layouts, factors[1:]),
            blend=None if blend is None else {"prompt": mixed, "share": blend[1]},
            edit=self._edit,
            shared=shared,
        )
        return PlannedCell(digest_of(recipe), one.name, prompt, seed, recipe, layouts, own)
