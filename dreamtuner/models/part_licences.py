"""Looks up the licence records of a profile's parts: ControlNets, LoRAs, VAEs and others may have other licences."""

from __future__ import annotations

from pathlib import Path

from dreamtuner.models.licences import UNKNOWN, LicenceRecord, licence_of
from dreamtuner.models.lineage import Role, Weight
from dreamtuner.models.profiles import Profile
from dreamtuner.models.profiles.registry import place_of_lock
from dreamtuner.settings.sampling import Sampling

_FIELDS: dict[str, tuple[str, Role]] = {
    "lora": ("loras", "LoRA"),
    "vae": ("vaes", "VAE"),
    "embedding": ("embeddings", "embedding"),
    "upscaler": ("upscalers", "upscaler"),
}
CUTOUT = "cutout "
"""What labels of cut-outs begin with. A masker follows, whose weights `dreamtuner.preprocess.maskers` knows."""


def adapter_weight(profile: Profile | None, label: str) -> Weight:
    """Return an adapter or an upscaler by its label in recipes, such as "lora watercolour" or "upscaler anime".

    Its licence is unknown without the profile. Raises ValueError for a label of another kind.
    """
    kind, _, name = label.partition(" ")
    if kind not in _FIELDS or not name:
        raise ValueError(f"{label!r} is no label of an adapter; known kinds are {', '.join(_FIELDS)}")
    field, role = _FIELDS[kind]
    if profile is None:
        return Weight(name, role, UNKNOWN)
    place = getattr(profile, field).get(name)
    return Weight(name, role, licence_of_part(profile, f"{field}.{name}", place))


def controlnet_weight(profile: Profile, kind: str) -> Weight:
    """Return the ControlNet of a kind of control image."""
    record = licence_of_part(profile, f"controlnets.{kind}", profile.folder(f"controlnet-{kind}"))
    return Weight(f"{profile.name}/{kind}", "ControlNet", record)


def weights_of_sampling(profile: Profile, sampling: Sampling) -> list[Weight]:
    """Return the base, and the subject-encoder and the upscaler if these settings use them."""
    found = [Weight(profile.name, "base", profile.licence)]
    found += [subject_encoder_weight(profile)] if sampling.beta > 0 else []
    upscaler = sampling.upscaler
    found += [adapter_weight(profile, f"upscaler {upscaler}")] if upscaler in profile.upscalers else []
    return found


def subject_encoder_weight(profile: Profile) -> Weight:
    """Return the subject-encoder."""
    record = licence_of_part(profile, "subject_encoder", profile.folder("subject_encoder"))
    return Weight(profile.name, "subject-encoder", record)


def licence_of_part(profile: Profile, field: str, place: Path | None) -> LicenceRecord:
    """Return what the page of a part stated when it was fetched; of a part inside `weights`, the profile's licence.

    What was brought as a file of one's own states nothing: its licence is unknown, which is no permission.
    """
    if place is not None and place.is_relative_to(profile.weights):
        return profile.licence
    from dreamtuner.models.intake.lock import read_lock

    lock = read_lock(place_of_lock(profile.name))
    locked = None if lock is None else lock.place(field)
    return UNKNOWN if locked is None or locked.licence is None else licence_of(locked.licence)
