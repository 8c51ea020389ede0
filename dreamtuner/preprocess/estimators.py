"""Estimators of control images (pose skeletons, depth maps, edges) from images, by name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

from PIL import Image

from dreamtuner.models.layouts import Kind, LayoutError, checked, kind_name
from dreamtuner.plugins import PluginError, Registry


@dataclass(frozen=True)
class Estimate:
    """What an estimator finds in an image.

    Attributes:
        image: the control image, of the image's size; None: the image shows nothing of this kind, such as no person.
        confidence: 0 (a guess) .. 1 (certain), in the estimator's own measure; None: it gives none.
        method: the estimator's name and version, such as "dwpose-1-0123456789ab"; `estimate_of` enters it.
        notes: what a person should know of it, one sentence each.
    """

    image: Image.Image | None
    confidence: float | None = None
    method: str = ""
    notes: tuple[str, ...] = ()


class NothingFoundError(LayoutError):
    """An image shows nothing of the kind that is estimated, such as nobody whose pose it could be."""


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

    def estimate(self, image: Image.Image) -> Image.Image | Estimate:
        """Return the control image of an RGB image, of its size.

        An estimator that knows how sure it is, or may find nothing, returns an `Estimate`, others the image alone.
        """
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
    {
        "depth-anything-v2-small": "dreamtuner.preprocess.backends.estimators.depth_anything:DepthAnything",
        "dwpose": "dreamtuner.preprocess.backends.estimators.dwpose:DWPose",
    },
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


def estimate_of(estimator: Estimator, image: Image.Image) -> Estimate:
    """Return what an estimator finds in an RGB image: its control image as RGB, or None, with confidence and origin.

    Raises:
        PluginError: the control image is not of the image's size, or the confidence is not in 0..1.
        LayoutError: it is not of its kind, or has a single colour.
    """
    given = estimator.estimate(image)
    found = given if isinstance(given, Estimate) else Estimate(given)
    if found.image is not None and found.image.size != image.size:
        raise PluginError(
            f"the estimator {estimator.name!r} gave {found.image.width} x {found.image.height} pixels for an image of "
            f"{image.width} x {image.height}; it must give the image's size"
        )
    if found.confidence is not None and not 0 <= found.confidence <= 1:
        raise PluginError(
            f"the estimator {estimator.name!r} gave a confidence of {found.confidence}; it must give one in 0..1, or "
            "None"
        )
    control = None if found.image is None else checked(estimator.kind, found.image)
    return replace(found, image=control, method=f"{estimator.name}-{estimator.version}")


def estimated(estimator: Estimator, image: Image.Image) -> Image.Image:
    """Return the control image of `estimate_of`, as RGB.

    Raises:
        NothingFoundError: the image shows nothing of this kind.
        PluginError, LayoutError: as `estimate_of` does.
    """
    found = estimate_of(estimator, image)
    if found.image is None:
        why = "; ".join(found.notes) or f"the estimator {estimator.name!r} found nothing"
        raise NothingFoundError(f"{estimator.kind}: {why}; give a control image of its own, or leave it out")
    return found.image
