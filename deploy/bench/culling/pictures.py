"""Pictures of held-out subjects, made by the product's pipeline or a baseline, and kept in the catalog."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import typer
from PIL import Image

from deploy.bench.measured.cells import CatalogCells, cache_of
from deploy.bench.refusal import refuse_without_oracle
from dreamtuner.baselines.registry import methods_of
from dreamtuner.evaluation.cells import image_requests
from dreamtuner.evaluation.held_out import held_out_subjects, reference_of
from dreamtuner.evaluation.run import Bench, measure_methods
from flows.resources import Resources
from flows.settings import Settings

OURS = "training-free"


@dataclass(frozen=True, eq=False)
class Made:
    """A picture, what it was asked for, and what the oracle and the CLIP model read in it (`measures`, by name)."""

    subject: str
    prompt: str
    seed: int
    method: str
    image: Image.Image
    measures: Mapping[str, float]


def made_pictures(
    methods: Sequence[str], subjects: int, prompts: int, seeds: int
) -> tuple[Bench, list[Made], dict[str, Image.Image]]:
    """Return the models, the pictures, and each subject's reference. What was measured before is not made again."""
    settings = Settings.load()
    resources = Resources.open(settings)
    profile = resources.profile("pocket")
    refuse_without_oracle(profile, "DREAMTUNER_POCKET_WEIGHTS")
    bench = Bench.load(profile, resources.device)
    cache, store = cache_of(settings, profile), CatalogCells(resources.catalog, resources.store)
    chosen = {name: methods_of(profile)[name] for name in methods}
    people = held_out_subjects(subjects)
    say = partial(typer.echo, err=True)
    measure_methods(bench, cache, chosen, people, prompts, seeds, say, all_images=True)
    found = []
    for who in people:
        for name, method in chosen.items():
            cells = image_requests(who, prompts, seeds)
            digests = [cache.digest(method, who, cell) for cell in cells]
            measured, images = store.measured(digests), store.pictures(digests)
            found += [
                Made(str(who.identity_seed), cell.prompt(who), cell.seed, name, images[one], measured[one].measures)
                for cell, one in zip(cells, digests, strict=True)
                if one in images
            ]
    return bench, found, {str(who.identity_seed): reference_of(who).image for who in people}
