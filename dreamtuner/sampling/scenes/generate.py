"""Generates images of several subjects: each acts in its region alone, as in an image of it alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from dreamtuner.attention.by_region import Regions
from dreamtuner.families.backbone import Parts
from dreamtuner.families.inference_memory import portions, tiling
from dreamtuner.families.schedulers import chosen_scheduler
from dreamtuner.models.layouts import Kind
from dreamtuner.sampling.adapted import adapted
from dreamtuner.sampling.generate import by_kinds, free_for, generate_batch, report_step
from dreamtuner.sampling.loop import fresh_scheduler, seeded
from dreamtuner.sampling.reference_cache import SubjectFeatures
from dreamtuner.sampling.request import Cell
from dreamtuner.sampling.scenes.model import guided_scene
from dreamtuner.sampling.scenes.noise import noise_of_regions
from dreamtuner.sampling.scenes.prepared import PreparedSubject, prepare
from dreamtuner.sampling.scenes.regions import regions_of
from dreamtuner.sampling.scenes.request import SceneSubject
from dreamtuner.sampling.second_pass import second_calls, second_pass, second_size
from dreamtuner.sampling.subject import layout_pixels
from dreamtuner.settings.regions import WHOLE
from dreamtuner.settings.sampling import Sampling


@torch.inference_mode()
def generate_scene(
    backbone: Parts,
    subjects: Sequence[SceneSubject],
    background: str,
    cells: Sequence[Cell],
    sampling: Sampling,
    *,
    negative_prompt: str = "",
    batch_size: int | None = None,
    kv_bytes: int | None = None,
    embeddings: Collection[str] | None = None,
    features: Sequence[SubjectFeatures] | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> list[Image.Image]:
    """Generate one RGB image per cell, in order, all of the same subjects in the same regions.

    A subject's references, words, guidance and model act in its region alone; the image's own tokens are seen from
    everywhere. Outside all regions `background` acts, without a reference. One subject whose region is the whole image
    gives what `generate` does.

    Args:
        backbone: The model.
        subjects: From back to front: of two whose regions overlap, the later one is in front.
        background: The prompt of what lies outside all regions.
        cells: A cell's prompt is that of the whole image, which models with a pooled text see, and the same in all of
            them; seeds and control images are as in `generate`.
        sampling: The settings of all subjects. With `inversion`, each region starts from its own subject's noise.
        negative_prompt: As in `generate`; it acts everywhere.
        batch_size: As in `generate`.
        kv_bytes: As in `generate`, for all subjects together.
        embeddings: As in `generate`.
        features: What is held of each subject's references, see `ReferenceCache.of`; what is there is not captured
            again. It depends on the subject and the settings alone, not on region, words or the others.
        on_step: As in `generate`.

    Raises:
        ValueError: names what does not fit.
        LayoutError: names the control image that cannot be used.
    """
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"batch_size: {batch_size} is too small; give 1 or more")
    if not subjects:
        raise ValueError("subjects: none; give at least one subject of the scene")
    if len(others := {cell.prompt for cell in cells}) > 1:
        raise ValueError(f"cells: {len(others)} different prompts of the whole image; call this once for each of them")
    if sampling.beta > 0:
        backbone.check_encoder()
    backbone.latent_shape(sampling.width, sampling.height)  # validate before anything is computed
    backbone.latent_shape(*second_size(sampling))
    held = [SubjectFeatures() for _ in subjects] if features is None else list(features)
    template = chosen_scheduler(backbone.scheduler, sampling)
    outside = SceneSubject((), WHOLE, background)
    everyone = [prepare(backbone, one, template, sampling, negative_prompt, embeddings) for one in (*subjects, outside)]
    texts = [negative_prompt, background, *(cell.prompt for cell in cells)]
    with (
        adapted(backbone, sampling, texts, embeddings) as (parts, read),
        tiling(parts, sampling.vae_tiling),
    ):
        return _Scene(parts, subjects, everyone, sampling, held).images(
            [replace(cell, prompt=read(cell.prompt)) for cell in cells], batch_size, kv_bytes, on_step
        )


class _Scene:
    """A prepared scene."""

    def __init__(
        self,
        parts: Parts,
        subjects: Sequence[SceneSubject],
        everyone: Sequence[PreparedSubject],
        sampling: Sampling,
        features: Sequence[SubjectFeatures],
    ) -> None:
        self._parts, self._everyone, self._sampling, self._features = parts, everyone, sampling, features
        self._images = [one.references[0].image if one.references else None for one in subjects]
        self._weights = [one.weight for one in subjects]
        self._template = chosen_scheduler(parts.scheduler, sampling)
        self._regions: dict[tuple[int, int], Regions] = {}
        for size in {(sampling.width, sampling.height), second_size(sampling)}:
            _, rows, columns = parts.latent_shape(*size)
            grids = parts.denoiser().token_grids((rows, columns))
            found = regions_of([one.region for one in subjects], size, grids)
            owners = {count: one.to(parts.device) for count, one in found.owners.items()}
            self._regions[rows, columns] = replace(found, owners=owners)
        length = max(one.length for one in everyone)
        self._texts = [one.padded(length) for one in everyone]

    def images(
        self,
        cells: Sequence[Cell],
        batch_size: int | None,
        kv_bytes: int | None,
        on_step: Callable[[int, int], None] | None,
    ) -> list[Image.Image]:
        """Generate the cells, those of the same kinds of control image together."""
        s, parts = self._sampling, self._parts
        places = by_kinds(cells)
        scales: dict[str, Any] = {"control_weights": s.control_weights} if s.control_weights else {}
        encoder = s.beta > 0 and any(one.references for one in self._everyone)
        # validated before anything is computed, too
        denoisers = {kinds: parts.denoiser(kinds, encoder=encoder, **scales) for kinds in places}
        free = free_for(parts.device, sum(one.nbytes for one in self._features))
        fits = {k: portions(parts, *second_size(s), controlnets=len(k), free=free) for k in places}
        batches = {
            kinds: [
                ours[i : i + (batch_size or fits[kinds].cells)]
                for i in range(0, len(ours), batch_size or fits[kinds].cells)
            ]
            for kinds, ours in places.items()
        }
        again = second_calls(s, fresh_scheduler(self._template, s.steps))
        calls = len(self._everyone[-1].plan)
        z_r, inside = noise_of_regions(
            parts,
            self._everyone[:-1],
            self._images,
            self._regions[parts.latent_shape(s.width, s.height)[1:]],
            s,
            self._features,
        )
        total, done = (calls + again) * sum(map(len, batches.values())), 0
        pictures: dict[int, Image.Image] = {}
        for kinds, ours in batches.items():
            with guided_scene(
                parts,
                denoisers[kinds],
                self._everyone,
                self._weights,
                self._regions,
                s,
                kv_bytes=fits[kinds].kv_bytes if kv_bytes is None else kv_bytes,
                reference_rows=fits[kinds].rows,
                features=self._features,
            ) as model:
                for batch in ours:
                    chosen = [cells[i] for i in batch]
                    controls = {kind: self._control(kind, chosen) for kind in kinds}
                    predict = partial(model.predict, self._texts, self._pooled(chosen))
                    first = partial(predict, controls)
                    report = None if on_step is None else partial(report_step, on_step, done, total)
                    images = generate_batch(parts, chosen, s, first, z_r=z_r, inside=inside, on_step=report)
                    if again:
                        images = second_pass(
                            parts,
                            images,
                            s,
                            fresh_scheduler(self._template, s.steps, parts.device),
                            predict,
                            controls,
                            [seeded(one.seed, "second pass") for one in chosen],
                            on_step=None if on_step is None else partial(report_step, on_step, done + again, total),
                        )
                    pictures.update(zip(batch, images, strict=True))
                    done += calls + again
        return [pictures[i] for i in range(len(cells))]

    def _control(self, kind: Kind, cells: Sequence[Cell]) -> Tensor:
        size = self._sampling.width, self._sampling.height
        each = [layout_pixels(kind, one.layouts[kind], size) for one in cells]
        return torch.stack(each).to(self._parts.device)

    def _pooled(self, cells: Sequence[Cell]) -> Tensor | None:
        """Return the pooled text of the whole image, 1 P; None if the model has none. Cells of a scene share it."""
        return self._parts.encode_text(cells[0].prompt, self._sampling.text).pooled
