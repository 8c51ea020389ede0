"""Estimators of control images (pose skeletons, depth maps, edges) from images, by name."""

from __future__ import annotations

from typing import Any, Protocol

from PIL import Image

from dreamtuner.models.layouts import Kind, checked, kind_name
from dreamtuner.plugins import PluginError, Registry


class Estimator(Protocol):
    """Estimates control images of one kind. One class per backend."""

    @property
    def name(self) -> str:
        """The name by which specs choose it."""
        ...

    @property
    def version(self) -> str:
        """The version, which changes whenever the control images of the same image would."""
        ...

    @property
    def kind(self) -> Kind:
        """The kind, "depth": a grey map, near is bright; "pose": a skeleton in colours on black; or another."""
        ...

    def estimate(self, image: Image.Image) -> Image.Image:
        """Return the control image of an RGB image, of its size."""
        ...


def _checked(name: str, found: Any) -> Estimator:
    try:
        kind_name(found.kind)
    except ValueError as error:
        raise PluginError(f"kind: {error}") from error
    estimator: Estimator = found
    return estimator


ESTIMATORS: Registry[Estimator] = Registry(
    "estimator",
    "dreamtuner.estimators",
    {"depth-anything-v2-small": "dreamtuner.preprocess.backends.depth_anything:DepthAnything"},
    needs=("name", "version", "kind", "estimate"),
    check=_checked,
)


def estimator_of(kind: Kind, name: str | None = None) -> Estimator:
    """Return the estimator of this name, or the only one of this kind; one of a package comes before a built-in one.

    Raises PluginError if there is none of this kind, or several and no name is given.
    """
    if name is not None:
        chosen = ESTIMATORS[name]
        if chosen.kind != kind:
            raise PluginError(f"the estimator {name!r} finds {chosen.kind}, not {kind}; choose another")
        return chosen
    found = [one for one in ESTIMATORS.working().values() if one.kind == kind]
    added = ESTIMATORS.added()
    found = [one for one in found if one.name in added] or found
    if not found:
        raise PluginError(f"no estimator of {kind} is installed; install a package that has one, or give an image")
    if len(found) > 1:
        names = " or ".join(f"auto:{one.name}" for one in found)
        raise PluginError(f"there are several estimators of {kind}; write {names}")
    return found[0]


def estimated(estimator: Estimator, image: Image.Image) -> Image.Image:
    """Return the control image that an estimator computes from an RGB image, as RGB.

    Raises:
        PluginError: it is not of the image's size.
        LayoutError: it is not of its kind, or has a single colour.
    """
    found = estimator.estimate(image)
    if found.size != image.size:
        raise PluginError(
            f"the estimator {estimator.name!r} gave {found.width} x {found.height} pixels for an image of "
            f"{image.width} x {image.height}; it must give the image's size"
        )
    return checked(estimator.kind, found)
