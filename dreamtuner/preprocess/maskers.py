"""Maskers, which segment the subject of a reference, by name: the built-in ones and those of plugins."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from PIL import Image

from dreamtuner.plugins import PluginError, Registry
from dreamtuner.preprocess.foreground import ForegroundMask

if TYPE_CHECKING:
    from dreamtuner.models.lineage import Weight

DEFAULT_MASKER = "auto"
_BACKENDS = "dreamtuner.preprocess.backends.maskers"
MISSING = "missing"
"""The version of a backend whose model is not on this machine; nothing is stored under it."""


class Masker(Protocol):
    """Segments a subject. One class per backend; each defines its own threshold for doubtful masks."""

    @property
    def name(self) -> str:
        """The name by which settings choose it."""
        ...

    @property
    def version(self) -> str:
        """The version, which changes whenever the masks of the same image would; older masks stay, with a note."""
        ...

    def cut(self, image: Image.Image) -> ForegroundMask:
        """Return the mask of an RGB image, of its size. If nothing stands out it is empty, with confidence 0."""
        ...


@runtime_checkable
class Chooser(Protocol):
    """A masker that leaves each image to one of several; its masks are recorded by the name of that one."""

    @property
    def methods(self) -> tuple[str, ...]:
        """How masks of it may be recorded, such as "grabcut-1"."""
        ...

    def method_for(self, image: Image.Image) -> str:
        """Return how the mask of an RGB image would be recorded."""
        ...


@runtime_checkable
class Styled(Protocol):
    """A masker that takes the style of a reference into account."""

    def for_style(self, style: str) -> Masker:
        """Return the masker for references of a style, such as "anime"."""
        ...


def styled(masker: Masker, style: str) -> Masker:
    """Return a masker for references of a style; most are the same for all."""
    return masker.for_style(style) if isinstance(masker, Styled) else masker


def method_of(masker: Masker) -> str:
    """Return how a mask's origin is recorded: the masker's name and version, such as "grabcut-1"."""
    return f"{masker.name}-{masker.version}"


def method_for(masker: Masker, image: Image.Image) -> str:
    """Return how a masker's mask of an RGB image would be recorded."""
    return masker.method_for(image) if isinstance(masker, Chooser) else method_of(masker)


def found_by(masker: Masker, image: Image.Image) -> ForegroundMask:
    """Return a masker's mask of an RGB image, with its origin recorded.

    Raises PluginError unless it is valid: mode L, of the image's size, only 0 and 255, confidence in 0..1.
    """
    found = masker.cut(image)
    mask = found.mask
    fits = mask.mode == "L" and mask.size == image.size and not any(mask.histogram()[1:255])
    if not fits or not 0 <= found.confidence <= 1:
        raise PluginError(
            f"the masker {masker.name!r} gave mode {mask.mode}, {mask.width} x {mask.height} pixels and a confidence "
            f"of {found.confidence} for an image of {image.width} x {image.height}; it must give mode L of the image's "
            "size with 0 and 255 alone, and a confidence in 0..1"
        )
    if isinstance(masker, Chooser) and found.method in masker.methods:
        return found
    return replace(found, method=method_of(masker))


MASKERS: Registry[Masker] = Registry(
    "masker",
    "dreamtuner.maskers",
    {
        "grabcut": "dreamtuner.preprocess.grabcut:GrabCutMasker",
        "plain": "dreamtuner.preprocess.plain:PlainMasker",
        DEFAULT_MASKER: "dreamtuner.preprocess.auto:AutoMasker",
        "isnet": f"{_BACKENDS}.isnet:IsnetMasker",
        "anime": f"{_BACKENDS}.isnet:AnimeMasker",
        "birefnet": f"{_BACKENDS}.birefnet:BirefnetMasker",
        "birefnet-lite": f"{_BACKENDS}.birefnet:BirefnetLiteMasker",
        "inspyrenet": f"{_BACKENDS}.inspyrenet:InspyrenetMasker",
    },
    needs=("name", "version", "cut"),
)


def masker_of(method: str) -> Masker | None:
    """Return the installed masker that records masks as `method`, such as "grabcut-1"; None if there is none now."""
    return next((one for one in MASKERS.working().values() if method_of(one) == method), None)


def weights_of_masker(name: str) -> list[Weight]:
    """Return the models of a masker with their licences; none of one without weights, such as grabcut.

    `auto` takes only models that may be used commercially. The licence of a masker that is not installed is unknown.
    """
    from dreamtuner.models.auxiliary import AUXILIARY
    from dreamtuner.models.licences import UNKNOWN, licence_of
    from dreamtuner.models.lineage import Weight

    try:
        masker = MASKERS[name]
    except PluginError:  # of another machine, or removed since
        return [Weight(name, "masker", UNKNOWN)]
    if own := getattr(masker, "licence", None):
        return [Weight(name, "masker", licence_of(str(own)))]
    models: tuple[str, ...] = getattr(masker, "models", ())
    return [Weight(one, "masker", AUXILIARY[one].licence if one in AUXILIARY else UNKNOWN) for one in models]
