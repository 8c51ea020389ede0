"""Expands a spec's scenes to cells of several subjects. Pure, as `flows.planning.cells` is.

A cell of a scene has the recipe of its first subject, the one at the back, and under "scene" what is of all: each
subject's region and words, what guides it differently, and the references and fine-tunings of the further ones.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from dreamtuner.models.layouts import Kind
from dreamtuner.settings.regions import columns
from flows.ingestion.facts import Facts
from flows.planning.cells import (
    GenerationSetup,
    PlannedCell,
    digest_of,
    further_of,
    further_reference,
    places_of,
    recipe_of,
)
from flows.planning.scenes.words import SceneWords, filled, words_of
from flows.spec.model import Spec
from flows.spec.scenes.scene import Scene, SceneSubject

UNREAD: Mapping[str, Any] = {"size": [0, 0], "counts": []}
"""Stands for a mask that is not known here; no recipe of the catalog has it."""


def plan_scenes(
    spec: Spec, facts: Sequence[Facts], setup: GenerationSetup, *, new: Collection[str] | None = None
) -> list[PlannedCell]:
    """Expand the scenes whose subjects are all in `facts`: by scene, then pose, depth map, other kinds and seed.

    `new`: only those with one of these subjects; None: all.
    """
    known = {one.name: one for one in facts}
    chosen = [scene for scene in spec.scenes if known.keys() >= {*scene.names}]
    planners = [
        _Planner(spec, scene, [known[name] for name in scene.names], setup)
        for scene in chosen
        if new is None or not {*scene.names}.isdisjoint(new)
    ]
    return [planner.cell(layouts, seed) for planner in planners for layouts, seed in places_of(spec, setup)]


def same_images(
    spec: Spec, facts: Sequence[Facts], setup: GenerationSetup, *, apart_from: Collection[str] = ()
) -> dict[int, int]:
    """Return the scenes whose images are those of an earlier one, by position in the spec, each with that position.

    Recipes are compared, of the first control images and the first seed, without the fields `apart_from`. Only scenes
    whose subjects are all in `facts` are compared.
    """
    known = {one.name: one for one in facts}
    places = places_of(spec.model_copy(update={"seeds": spec.seeds[:1]}), setup)[:1]
    first: dict[str, int] = {}
    found = {}
    for i, scene in enumerate(spec.scenes):
        if known.keys() >= {*scene.names}:
            planner = _Planner(spec, scene, [known[name] for name in scene.names], setup)
            for layouts, seed in places:
                recipe = planner.cell(layouts, seed).recipe
                key = digest_of({name: value for name, value in recipe.items() if name not in apart_from})
                if (same := first.setdefault(key, i)) != i:
                    found[i] = same
    return found


def regions_of(
    spec: Spec, facts: Sequence[Facts], setup: GenerationSetup
) -> Iterator[tuple[int, Scene, dict[str, Any]]]:
    """Yield each scene whose subjects are all in `facts`, by position, with their regions by name, for each layout."""
    known = {one.name: one for one in facts}
    places = places_of(spec.model_copy(update={"seeds": spec.seeds[:1]}), setup)
    for i, scene in enumerate(spec.scenes):
        if known.keys() >= {*scene.names}:
            planner = _Planner(spec, scene, [known[name] for name in scene.names], setup)
            seen: list[dict[str, Any]] = []
            for layouts, _ in places:
                if (regions := planner.regions(layouts)) not in seen:
                    seen.append(regions)
                    yield i, scene, regions


def scene_texts(scene: Scene, called: Mapping[str, str], style: str) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield the texts of a scene as the model reads them, each with its place in the scene.

    `called`: what its subjects are called, by name.
    """
    words = words_of(scene.prompt)
    listed = {one.name: i for i, one in enumerate(scene.subjects)}
    for one in scene.cast:
        stated = one.prompt is not None
        place = ("subjects", listed[one.name], "prompt") if stated else ("prompt",)
        yield place, _of_region(one, words, called, style)
    yield ("prompt",) if scene.background is None else ("background",), _outside(scene, words, called, style)


def _of_region(one: SceneSubject, words: SceneWords, called: Mapping[str, str], style: str) -> str:
    text = words.subjects[one.name] if one.prompt is None else one.prompt
    return filled(text, {**called, "subject": called[one.name]}, style)


def _outside(scene: Scene, words: SceneWords, called: Mapping[str, str], style: str) -> str:
    return filled(words.background if scene.background is None else scene.background, dict(called), style)


class _Planner:
    """Plans the cells of one scene; what they share is computed once."""

    def __init__(self, spec: Spec, scene: Scene, facts: Sequence[Facts], setup: GenerationSetup) -> None:
        self._spec, self._scene, self._facts, self._setup = spec, scene, facts, setup
        recipes = [setup.finetune_recipe(one) for one in facts]
        self._checkpoints = [None if recipe is None else digest_of(recipe) for recipe in recipes]
        settings = None if setup.finetune is None else setup.finetune.settings
        self._called = {
            one.name: one.class_word if settings is None else settings.subject_words(one.class_word) for one in facts
        }
        self._words = words_of(scene.prompt)

    def cell(self, layouts: Mapping[Kind, str], seed: int) -> PlannedCell:
        """Plan one image of the scene; style, and with it the settings, are those of its first subject."""
        first, *others = self._facts
        style = first.style
        prompt = filled(self._scene.prompt, dict(self._called), style)
        texts = [text for _, text in scene_texts(self._scene, self._called, style)]
        captions = [each.caption for one in self._facts for each in (one, *one.further)]
        own = {kind: sha for kind, sha in first.layouts.items() if kind in layouts}
        recipe = recipe_of(
            reference=first.reference_sha256,
            mask=first.mask_sha256,
            caption=first.caption,
            weights=self._setup.weights,
            checkpoint=self._checkpoints[0],
            prompt=prompt,
            negative_prompt=self._spec.negative_prompt,
            seed=seed,
            sampling=self._setup.fields[style],
            layouts=layouts,
            own_layouts=own,
            controlnets=self._setup.controlnets,
            adapters=self._setup.adapters_used(style, (prompt, *texts, self._spec.negative_prompt, *captions)),
            weight=first.weight,
            further=further_of(first, layouts),
            scene=self._of_all(layouts, style),
        )
        return PlannedCell(
            digest_of(recipe), first.name, prompt, seed, recipe, layouts, own, tuple(one.name for one in others)
        )

    def _of_all(self, layouts: Mapping[Kind, str], style: str) -> dict[str, Any]:
        regions = self.regions(layouts)
        entries = []
        for i, (one, facts) in enumerate(zip(self._scene.cast, self._facts, strict=True)):
            entry: dict[str, Any] = {
                "region": regions[one.name],
                "prompt": _of_region(one, self._words, self._called, style),
            }
            entry |= {name: float(value) for name in ("w_ref", "w_r") if (value := getattr(one, name)) is not None}
            entries.append(entry if i == 0 else entry | self._of_other(facts, self._checkpoints[i], layouts))
        return {"subjects": entries, "background": _outside(self._scene, self._words, self._called, style)}

    def _of_other(self, one: Facts, checkpoint: str | None, layouts: Mapping[Kind, str]) -> dict[str, Any]:
        """Assemble what decides an image of a further subject: its references and its fine-tuning."""
        reference = further_reference(
            reference=one.reference_sha256,
            mask=one.mask_sha256,
            caption=one.caption,
            weight=one.weight,
            layouts={kind: sha for kind, sha in one.layouts.items() if kind in layouts},
        )
        more = {"checkpoint": checkpoint, "references": further_of(one, layouts)}
        return reference | {name: value for name, value in more.items() if value}

    def regions(self, layouts: Mapping[Kind, str]) -> dict[str, Any]:
        """Return each subject's region: as stated, else from the pose skeleton, else side by side."""
        names = self._scene.named  # from left to right
        figures = self._setup.figures.get(layouts.get("pose", ""), ())
        boxes = figures if len(figures) == len(names) else columns(len(names))
        found: dict[str, Any] = {name: [round(side, 4) for side in box] for name, box in zip(names, boxes, strict=True)}
        for one in self._scene.cast:
            if isinstance(one.region, str):
                found[one.name] = dict(self._setup.regions.get(one.region, UNREAD))
            elif one.region is not None:
                found[one.name] = [float(side) for side in one.region]
        return found
