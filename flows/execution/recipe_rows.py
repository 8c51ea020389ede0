"""The recipe of a cell as it lies in the catalog: partly in the row's columns, partly in its `settings`."""

from collections.abc import Mapping
from typing import Any

from dreamtuner.settings.recipe_fields import from_fields, to_fields
from dreamtuner.settings.sampling import Sampling
from flows.faults import CellChangedError
from flows.planning.cells import digest_of, of_kinds, recipe_of
from storage.catalog.records import CellDetail


def settings_of(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a recipe stored in a cell row's `settings`; the rest has its own columns."""
    names = (
        *("caption", "checkpoint", "negative_prompt", "sampling", "engine", "controlnets", "frames", "adapters"),
        *("reference_weight", "references", "blend", "edit", "set", "scene"),
    )
    return {key: recipe[key] for key in names if key in recipe}


def recipe_of_row(cell: CellDetail) -> dict[str, Any]:
    """Rebuild the full recipe of a cell. Raises CellChangedError if it does not hash to the cell's digest."""
    recipe = recipe_of(
        reference=cell.reference_sha256,
        mask=cell.mask_sha256,
        caption=cell.settings["caption"],
        weights=cell.weights_digest,
        checkpoint=cell.settings["checkpoint"],
        prompt=cell.prompt,
        negative_prompt=cell.settings["negative_prompt"],
        seed=cell.seed,
        sampling=to_fields(from_fields(Sampling, cell.settings["sampling"])),
        layouts=of_kinds(cell.pose, cell.depth, cell.controls),
        own_layouts=of_kinds(cell.reference_pose, cell.reference_depth, cell.reference_controls),
        controlnets=cell.settings.get("controlnets"),
        frames=cell.settings.get("frames"),
        adapters=cell.settings.get("adapters"),
        weight=cell.settings.get("reference_weight", 1.0),
        further=cell.settings.get("references", ()),
        blend=cell.settings.get("blend"),
        edit=cell.settings.get("edit"),
        shared=cell.settings.get("set"),
        scene=cell.settings.get("scene"),
    )
    if digest_of(recipe) != cell.digest:
        raise CellChangedError(
            f"cell {cell.digest[:12]} was planned by another version of the engine; run its spec again"
        )
    return recipe
