"""Offers to look again where another masker would be used today than found the mask in use; nothing is applied."""

from __future__ import annotations

from dataclasses import dataclass

from deploy.dashboard.eyes.backends import MASK, backends_of
from deploy.dashboard.resources import Resources
from deploy.dashboard.uploads.references import stored_picture
from storage.catalog.views import ReferenceView
from storage.objects import ObjectMissingError, StoreError


@dataclass(frozen=True)
class Offer:
    """A mask by `method`, such as "birefnet-1-0123456789ab", that the masker `backend` would find."""

    method: str
    backend: str


def offer_of(known: Resources, reference: ReferenceView, style: str) -> Offer | None:
    """Return what the masker of the settings would find the mask by; None if by the same, or if it is a person's.

    Decodes the reference, but looks for no mask. `style`: the subject's.
    """
    current = next(iter(reference.masks), None)
    if current is None or current.given != "found":
        return None
    method = _method(known, reference.sha256, style)
    if method is None or method == current.method:
        return None
    by_length = sorted((one.name for one in backends_of(MASK)), key=len, reverse=True)
    backend = next((name for name in by_length if method.startswith(f"{name}-")), None)
    return None if backend is None else Offer(method, backend)


def _method(known: Resources, sha256: str, style: str) -> str | None:
    """Return how the mask of a stored reference would be recorded; None if the masker or the image is not there."""
    from dreamtuner.preprocess import MASKERS, ImageError
    from dreamtuner.preprocess.maskers import MISSING, method_for, styled

    try:
        method = method_for(styled(MASKERS[known.settings.masker], style), stored_picture(known, sha256)[0])
    except (ValueError, FileNotFoundError, ImageError, ObjectMissingError, StoreError):  # also a damaged lock
        return None
    return None if method.endswith(f"-{MISSING}") else method
