"""The digests of what finishes an image, by the labels of recipes: an upscaler's files, a masker's version."""

from __future__ import annotations

from dreamtuner.models.hashes import file_sha256
from dreamtuner.models.profiles import Profile
from dreamtuner.models.weights import digest_of
from dreamtuner.postprocess.upscalers import check_upscaler
from dreamtuner.preprocess.maskers import MASKERS, method_of
from dreamtuner.settings.sampling import Sampling

_UPSCALER, _CUTOUT = "upscaler ", "cutout "


def finishing_used(profile: Profile, sampling: Sampling) -> dict[str, str]:
    """Return the digests of the settings' upscaler and masker, by labels such as "upscaler anime"; {} for neither.

    Raises UpscalerError, PluginError or WeightsMissingError, which names what is missing.
    """
    labels = [] if sampling.upscaler is None else [f"{_UPSCALER}{sampling.upscaler}"]
    labels += [] if sampling.cutout is None else [f"{_CUTOUT}{sampling.cutout}"]
    return {label: finishing_digest(profile, label) for label in labels}


def is_finishing(label: str) -> bool:
    """Return whether the label is one of `finishing_used`."""
    return label.startswith((_UPSCALER, _CUTOUT))


def finishing_digest(profile: Profile, label: str) -> str:
    """Return the SHA-256 of an upscaler's files, or the name and version of a masker. Raises as `finishing_used`."""
    if label.startswith(_CUTOUT):
        from dreamtuner.preprocess.backends.auxiliary import AuxiliaryBackend

        masker = MASKERS[label.removeprefix(_CUTOUT)]
        if isinstance(masker, AuxiliaryBackend):
            masker.place()
        return method_of(masker)
    name = label.removeprefix(_UPSCALER)
    check_upscaler(name, profile.upscalers)
    place = profile.upscalers[name]
    return digest_of(place, ["."]) if place.is_dir() else file_sha256(place)
