"""From a claimed cell's row back to a call of the method: group what shares a reference, draw, survive what fails."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from PIL import Image

from dreamtuner.backbone import Backbone
from dreamtuner.batch import generate
from dreamtuner.config import Sampling
from dreamtuner.finetune.tuned import knowing
from dreamtuner.recipe_fields import from_fields
from dreamtuner.request import Cell, Reference
from dreamtuner.watch import Watch
from flows.frames import frames_before
from flows.picture import open_picture, open_reference
from flows.plan import canonical, digest_of, of_kinds, recipe_of
from flows.resources import backbone_of, controlnet_digest_of, store_of, tuned_of
from flows.settings import Settings
from storage.catalog.records import CellDetail
from storage.objects import ObjectStore, get_blob

Group = Sequence[CellDetail]
Drawn = Callable[[CellDetail, Image.Image], None]
Failed = Callable[[CellDetail, str], None]


class CellChanged(RuntimeError):
    """A cell's row does not give its digest, or the weights on disk are not those it was planned with."""


def settings_of(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a recipe that a cell's row keeps in `settings`; the rest has columns of its own."""
    kept = ("caption", "checkpoint", "negative_prompt", "sampling", "engine", "controlnets", "frames")
    return {key: recipe[key] for key in kept if key in recipe}


def recipe_of_row(cell: CellDetail) -> dict[str, Any]:
    """The whole recipe again; CellChanged if it does not hash to the cell's digest."""
    recipe = recipe_of(
        reference=cell.reference_sha256,
        mask=cell.mask_sha256,
        caption=cell.settings["caption"],
        weights=cell.weights_digest,
        checkpoint=cell.settings["checkpoint"],
        prompt=cell.prompt,
        negative_prompt=cell.settings["negative_prompt"],
        seed=cell.seed,
        sampling=from_fields(Sampling, cell.settings["sampling"]),
        layouts=of_kinds(cell.pose, cell.depth),
        own_layouts=of_kinds(cell.reference_pose, cell.reference_depth),
        controlnets=cell.settings.get("controlnets"),
        frames=cell.settings.get("frames"),
    )
    if digest_of(recipe) != cell.digest:
        raise CellChanged(f"cell {cell.digest[:12]} was planned by another version of the engine; run its spec again")
    return recipe


def draw(
    groups: Sequence[Group],
    settings: Settings,
    *,
    drawn: Drawn,
    failed: Failed,
    on_progress: Callable[[float], None],
) -> None:
    """Draw the cells of `same_reference`; `drawn` or `failed` is called for each, `on_progress` with the cells done so
    far, in fractions.

    A batch that fails is halved, down to the one cell that cannot be drawn: one bad cell, or one picture too many for
    the memory, does not take the others with it. What `drawn` and `failed` raise goes out as it is.
    """
    before = 0
    for group in groups:
        _draw(group, settings, drawn, failed, _after(before, on_progress))
        before += len(group)
        on_progress(before)


def _after(cells: int, on_progress: Callable[[float], None]) -> Callable[[float], None]:
    """Progress of what comes after so many `cells`."""
    return lambda done: on_progress(cells + done)


def same_reference(cells: Sequence[CellDetail]) -> list[Group]:
    """The cells by what a call of the method shares: reference, mask, own layouts, profile and settings."""

    def key(cell: CellDetail) -> str:
        own = f"{cell.reference_pose} {cell.reference_depth}"
        return canonical(dict(cell.settings)) + f"{cell.reference_sha256} {cell.mask_sha256} {own} {cell.profile}"

    groups: dict[str, list[CellDetail]] = defaultdict(list)
    for cell in cells:
        groups[key(cell)].append(cell)
    return [groups[one] for one in sorted(groups)]


def _draw(
    cells: Group,
    settings: Settings,
    drawn: Drawn,
    failed: Failed,
    on_progress: Callable[[float], None],
) -> None:
    try:
        images = draw_together(cells, settings, on_progress)
    except Exception as error:
        if len(cells) == 1:
            failed(cells[0], f"{type(error).__name__}: {error}")
            return
        half = len(cells) // 2
        _draw(cells[:half], settings, drawn, failed, on_progress)
        _draw(cells[half:], settings, drawn, failed, _after(half, on_progress))
        return
    for cell, image in zip(cells, images, strict=True):
        drawn(cell, image)


def draw_together(
    cells: Sequence[CellDetail],
    settings: Settings,
    on_progress: Callable[[float], None] = lambda done: None,
    *,
    watch: Watch | None = None,
) -> Sequence[Image.Image]:
    """The pictures of cells that share reference, profile and settings. CellChanged: the weights are others by now."""
    first = cells[0]
    backbone = backbone_of(settings, first.profile)
    if backbone.weights_digest != first.weights_digest:
        raise CellChanged(f"the weights of profile {first.profile} changed since the plan; run the spec again")
    for kind, digest in first.settings.get("controlnets", {}).items():
        if controlnet_digest_of(settings, first.profile, kind) != digest:
            raise CellChanged(f"the {kind} ControlNet of {first.profile} changed since the plan; run the spec again")
    objects = store_of(settings)
    pictures = _Pictures(objects)
    own = of_kinds(first.reference_pose, first.reference_depth)
    reference = Reference(
        image=open_reference(get_blob(objects, first.reference_sha256)),
        mask=None if first.mask_sha256 is None else open_picture(get_blob(objects, first.mask_sha256), "L"),
        caption=first.settings["caption"],
        layouts={kind: pictures[sha256] for kind, sha256 in own.items()},
    )
    with _model(first, settings, backbone) as model:
        return generate(
            model,
            [reference, *frames_before(first, settings, pictures)],
            [
                Cell(
                    cell.prompt,
                    cell.seed,
                    {kind: pictures[sha256] for kind, sha256 in of_kinds(cell.pose, cell.depth).items()},
                )
                for cell in cells
            ],
            from_fields(Sampling, first.settings["sampling"]),
            negative_prompt=first.settings["negative_prompt"],
            watch=watch,
            on_step=lambda done, total: on_progress(len(cells) * done / total),
        )


def _model(cell: CellDetail, settings: Settings, backbone: Backbone) -> AbstractContextManager[Backbone]:
    """The model that draws the cell: it knows the subject where the cell says that it learnt it."""
    digest = cell.settings["checkpoint"]
    return nullcontext(backbone) if digest is None else knowing(backbone, tuned_of(settings, digest))


class _Pictures(dict[str, Image.Image]):
    """Stored layouts by their SHA-256, each read once: cells of a grid share them."""

    def __init__(self, store: ObjectStore) -> None:
        super().__init__()
        self._store = store

    def __missing__(self, sha256: str) -> Image.Image:
        self[sha256] = open_reference(get_blob(self._store, sha256))
        return self[sha256]
