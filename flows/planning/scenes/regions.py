"""Says where a scene's regions do not give what they state: a subject that is covered, a mask that is stretched."""

from __future__ import annotations

from collections.abc import Sequence

from dreamtuner.settings.regions import is_stretched, own_shares
from flows.ingestion.facts import Facts
from flows.planning.cells import GenerationSetup
from flows.planning.scenes.plan import UNREAD, regions_of
from flows.spec.model import Spec
from storage.catalog.records import RunWarning

LEAST_SHARE = 0.02
"""Of the image that a subject has to itself; with less no model draws it."""


def region_warnings(spec: Spec, facts: Sequence[Facts], setup: GenerationSetup) -> list[RunWarning]:
    """Warn of subjects with next to no room of their own, and of masks of another shape than the image."""
    least: dict[tuple[int, str], float] = {}
    stretched: dict[tuple[int, str], str] = {}
    styles = {one.name: one.style for one in facts}
    for i, scene, regions in regions_of(spec, facts, setup):
        sampling = setup.sampling[styles[scene.names[0]]]
        size = sampling.width, sampling.height
        if any(region == UNREAD for region in regions.values()):
            continue
        shares = own_shares([regions[name] for name in scene.names], size)
        for name, share in zip(scene.names, shares, strict=True):
            least[i, name] = min(share, least.get((i, name), 1.0))
            if is_stretched(regions[name], size):
                height, width = regions[name]["size"]
                stretched[i, name] = f"{width}:{height} and the image {size[0]}:{size[1]}"
    found = [
        RunWarning(
            "subject",
            f"{name} has {100 * share:.1f} % of the image to itself and will hardly be seen; give it a larger region, "
            "or list it after what covers it",
            f"together[{i}]",
            name,
        )
        for (i, name), share in least.items()
        if share < LEAST_SHARE
    ]
    return found + [
        RunWarning(
            "subject",
            f"the mask of {name} is stretched: its sides are {shapes}; paint it at the image's shape",
            f"together[{i}]",
            name,
        )
        for (i, name), shapes in stretched.items()
    ]
