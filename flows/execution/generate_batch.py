"""Generates claimed cells: rebuild their recipes, batch cells of one reference, isolate failures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any, Protocol, TypeVar

from PIL import Image

from dreamtuner.families.backbone import Backbone
from dreamtuner.families.placement import attention_kernels
from dreamtuner.finetune.result import load_finetuned
from dreamtuner.postprocess.finish import finished
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.recorder import AttentionRecorder
from dreamtuner.sampling.reference_cache import ReferenceCache
from dreamtuner.sampling.request import Cell, TextBlend
from dreamtuner.sampling.scenes.generate import generate_scene
from dreamtuner.settings.recipe_fields import from_fields
from dreamtuner.settings.sampling import Sampling
from dreamtuner.settings.schedulers import known_scheduler
from flows.execution.adapters import demand_adapters, embeddings_in
from flows.execution.generated.pictures import pictures_seen
from flows.execution.inputs.references import Pictures, frames_before, layers_of_first, references_of
from flows.execution.inputs.scene import scene_of, subject_keys, subjects_of_scene, texts_of_base
from flows.faults import CellChangedError, UnfitModelError, UnmetRequirementError, fault_of
from flows.planning.cells import canonical, of_kinds
from flows.resources import Resources, free_memory
from storage.catalog.records import CellDetail

Group = Sequence[CellDetail]
T = TypeVar("T")


class ResultHandler(Protocol):
    """Receives the outcome of each claimed cell, once. Its exceptions propagate out of `generate_groups`."""

    def measured(self, cells: Group) -> AbstractContextManager[None]:
        """Measure the block as an attempt at these cells, also if it raises."""

    def store(self, cell: CellDetail, image: Image.Image) -> None:
        """Store the cell's image."""

    def fail(self, cell: CellDetail, error: Exception) -> None:
        """Record that the cell failed by its own fault."""

    def release(self, cells: Group, error: Exception) -> None:
        """Release cells that this worker cannot generate, by no fault of theirs."""

    def wait_for_memory(self) -> bool:
        """Wait because a single cell does not fit in memory; return whether to retry it."""


def generate_groups(
    groups: Sequence[Group],
    resources: Resources,
    handler: ResultHandler,
    reference_cache: ReferenceCache,
    *,
    on_progress: Callable[[float], None],
) -> None:
    """Generate groups of cells (from `group_by_reference`) and pass each outcome to `handler`.

    A failing batch is halved down to the one cell that fails: one bad cell, or one image too many for the memory, does
    not affect the others. Infrastructure faults are raised; cells not handled by then are unchanged. The reference
    whose features `reference_cache` holds is not encoded again, and that of the last group stays in it. `on_progress`
    is called with the number of cells done so far, in fractions.
    """
    before = 0
    for group in groups:
        _generate_group(group, resources, handler, reference_cache, _after(before, on_progress))
        before += len(group)
        on_progress(before)


def _after(cells: int, on_progress: Callable[[float], None]) -> Callable[[float], None]:
    """Offset the progress by the cells already done."""
    return lambda done: on_progress(cells + done)


def group_by_reference(cells: Sequence[CellDetail]) -> list[Group]:
    """Group cells by what one call of the method shares: reference, mask, its control images, profile, settings."""

    groups: dict[str, list[CellDetail]] = defaultdict(list)
    for cell in cells:
        groups[_shared(cell)].append(cell)
    return [groups[one] for one in sorted(groups)]


def _shared(cell: CellDetail) -> str:
    """Return a key that cells of one group have in common, and no others."""
    own = f"{cell.reference_pose} {cell.reference_depth} {sorted(cell.reference_controls.items())}"
    whole = "" if scene_of(cell) is None else f" {cell.prompt}"  # of a scene, all images of a call have one
    return canonical(dict(cell.settings)) + f"{cell.reference_sha256} {cell.mask_sha256} {own} {cell.profile}{whole}"


def _generate_group(
    cells: Group,
    resources: Resources,
    handler: ResultHandler,
    reference_cache: ReferenceCache,
    on_progress: Callable[[float], None],
) -> None:
    try:
        with handler.measured(cells):
            images = generate_together(cells, resources, on_progress, reference_cache=reference_cache)
    except Exception as error:
        fault = fault_of(error)
        if fault in ("unavailable", "denied", "fatal"):
            raise
        # drop the traceback, whose frames hold the tensors of the failed attempt
        failure = error.with_traceback(None)
    else:
        for cell, image in zip(cells, images, strict=True):
            handler.store(cell, image)
        return
    if fault == "memory":
        reference_cache.clear()
        free_memory()
    if fault == "worker":
        handler.release(cells, failure)
    elif len(cells) > 1:
        half = len(cells) // 2
        _generate_group(cells[:half], resources, handler, reference_cache, on_progress)
        _generate_group(cells[half:], resources, handler, reference_cache, _after(half, on_progress))
    elif fault == "cell":
        handler.fail(cells[0], failure)
    elif handler.wait_for_memory():
        _generate_group(cells, resources, handler, reference_cache, on_progress)
    else:
        handler.release(cells, _too_large(cells[0], resources, failure))


def _too_large(cell: CellDetail, resources: Resources, error: Exception) -> UnmetRequirementError:
    s = from_fields(Sampling, cell.settings["sampling"])
    return UnmetRequirementError(
        f"a single image of {s.width} x {s.height} pixels does not fit in the memory of this worker's "
        f"{resources.device} ({type(error).__name__}: {error}); use a device with more memory, end other processes on "
        f"it, or lower sampling.{'resolution' if s.size is None else 'size'}"
    )


def generate_together(
    cells: Sequence[CellDetail],
    resources: Resources,
    on_progress: Callable[[float], None] = lambda done: None,
    *,
    recorder: AttentionRecorder | None = None,
    reference_cache: ReferenceCache | None = None,
) -> Sequence[Image.Image]:
    """Generate the images of cells that share reference, profile and settings.

    `reference_cache`: as in `generate_groups`; None: nothing is kept.

    Raises UnfitModelError or CellChangedError where weights have changed since the plan.
    """
    first = cells[0]
    sampling = from_fields(Sampling, first.settings["sampling"])
    backbone = _loaded(
        lambda: resources.backbone(first.profile, sampling.dtype),
        f"the model of profile {first.profile}",
        UnfitModelError,
    )
    if backbone.weights_digest != first.weights_digest:
        raise UnfitModelError(f"the weights of profile {first.profile} changed since the plan; run the spec again")
    for kind, digest in first.settings.get("controlnets", {}).items():
        if resources.controlnet_digest(first.profile, kind) != digest:
            raise CellChangedError(
                f"the {kind} ControlNet of {first.profile} changed since the plan; run the spec again"
            )
    if sampling.scheduler is not None:
        _loaded(partial(known_scheduler, sampling.scheduler), f"the scheduler {sampling.scheduler!r}")
    adapters = first.settings.get("adapters", {})
    demand_adapters(adapters, first.profile, resources)
    objects = resources.store
    pictures = Pictures(objects)
    blend = first.settings.get("blend")
    scene = scene_of(first)
    requests = [
        Cell(
            cell.prompt,
            cell.seed,
            {kind: pictures[sha256] for kind, sha256 in of_kinds(cell.pose, cell.depth, cell.controls).items()},
            None if blend is None else TextBlend(blend["prompt"], blend["share"]),
        )
        for cell in cells
    ]
    call: dict[str, Any] = {
        "negative_prompt": first.settings["negative_prompt"],
        "batch_size": resources.settings.batch,
        "embeddings": embeddings_in(adapters),
        "on_step": lambda done, total: on_progress(len(cells) * done / total),
    }
    if scene is not None:
        if recorder is not None:
            raise ValueError("attention maps show images of one subject; this one shows several")
        people = subjects_of_scene(first, sampling.w_ref, objects, pictures, partial(_tuned, resources))
        prompt, background = texts_of_base(first, partial(_learned_word, resources))
        requests = [replace(one, prompt=prompt) for one in requests]
        features = None if reference_cache is None else reference_cache.of(subject_keys(first))
        with attention_kernels(resources.settings.attention):
            drawn = generate_scene(backbone, people, background, requests, sampling, features=features, **call)
        return finished(drawn, sampling, resources.profile(first.profile).upscalers)
    if reference_cache is not None:
        reference_cache.open(subject_keys(first)[0])
    seen = pictures_seen(first, resources, pictures)
    with _model(first, resources, backbone) as model, attention_kernels(resources.settings.attention):
        images = generate(
            model,
            [
                *references_of(first, objects, pictures),
                *frames_before(first, resources, pictures),
                *seen.references,
            ],
            requests,
            sampling,
            background=seen.background,
            recorder=recorder,
            layers_of_first=layers_of_first(first),
            reference_cache=reference_cache,
            **call,
        )
    return finished(images, sampling, resources.profile(first.profile).upscalers)


def _model(cell: CellDetail, resources: Resources, backbone: Backbone) -> AbstractContextManager[Backbone]:
    """Return the model that generates the cell, with its fine-tuned checkpoint if it has one."""
    digest = cell.settings["checkpoint"]
    return nullcontext(backbone) if digest is None else _tuned(resources, digest, cell.subject_name)(backbone)


def _tuned(resources: Resources, digest: str, subject: str) -> Callable[[Backbone], AbstractContextManager[Backbone]]:
    """Return what loads a subject's fine-tuned checkpoint into a backbone."""
    tuned = _loaded(lambda: resources.checkpoint(digest), f"the checkpoint of {subject}")
    return partial(load_finetuned, tuned=tuned)


def _learned_word(resources: Resources, digest: str) -> str:
    """Return the token that a fine-tuning learned."""
    return _loaded(lambda: resources.checkpoint(digest), f"the checkpoint {digest[:12]}").settings.word


def _loaded(load: Callable[[], T], what: str, unusable: type[Exception] = UnmetRequirementError) -> T:
    """Return what `load` returns; raise `unusable` where its files are: no cell's fault."""
    try:
        return load()
    except Exception as error:
        if fault_of(error) != "cell":
            raise
        raise unusable(f"{what} cannot be loaded on this worker ({type(error).__name__}: {error})") from error
