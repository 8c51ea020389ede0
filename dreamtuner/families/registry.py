"""The installed model families, and the one that a profile's weights belong to.

A family is a module, or any object, with the attributes of `Family`. Packages add theirs by an entry point of the
group "dreamtuner.families" (docs/how-to/add-a-model-family.md).
"""

from typing import Protocol, runtime_checkable

import torch

from dreamtuner.families.backbone import Adaptable, Backbone, EncoderTrainable, FineTunable
from dreamtuner.families.memory import Need
from dreamtuner.families.precision import torch_dtype
from dreamtuner.models.profiles import Profile
from dreamtuner.models.weights import require_weights
from dreamtuner.plugins import Registry
from dreamtuner.settings.finetune import FineTuneConfig


class FamilyError(ValueError):
    """No family reads the weights of a profile, or several do, or the family lacks a required capability."""


class Family(Protocol):
    """Models whose weights folders have one layout."""

    def reads(self, profile: Profile) -> bool:
        """Return whether the profile's weights belong to this family, judging by their files; loads nothing."""
        ...

    def load_backbone(self, profile: Profile, *, device: str = "cpu", dtype: torch.dtype | None = None) -> Backbone:
        """Load the profile's weights, float32 by default, frozen and in eval mode. Raises WeightsMissingError."""
        ...


@runtime_checkable
class ExplainingFamily(Family, Protocol):
    """A family that knows related models which it cannot read, and says why."""

    def refusal(self, profile: Profile) -> str | None:
        """Return why the profile's weights cannot be used and what to give; None if it does not know them."""
        ...


@runtime_checkable
class FineTunableFamily(Family, Protocol):
    """A family whose backbones are `FineTunable`."""

    def memory_need(self, profile: Profile, settings: FineTuneConfig, resolution: int) -> Need:
        """Compute the memory that fine-tuning takes at this resolution (pixels); loads nothing."""
        ...


FAMILIES: Registry[Family] = Registry(
    "model family",
    "dreamtuner.families",
    {"unet": "dreamtuner.families.unet.family", "sdxl": "dreamtuner.families.sdxl.family"},
    needs=("reads", "load_backbone"),
)


def family_of(profile: Profile) -> Family:
    """Return the family that reads the weights of a profile. A family that cannot be loaded is skipped.

    Raises:
        FamilyError: no family does, or several do.
        WeightsMissingError: the folder is empty or missing; the message names the remedy.
    """
    installed = FAMILIES.working()
    reading = {name: family for name, family in installed.items() if family.reads(profile)}
    if len(reading) == 1:
        return next(iter(reading.values()))
    if reading:
        raise FamilyError(
            f"profile {profile.name!r}: the families {', '.join(reading)} all read {profile.weights}; "
            "uninstall the package of all but one"
        )
    if not profile.weights.is_dir() or not any(profile.weights.iterdir()):
        require_weights(profile)
    for family in installed.values():
        if isinstance(family, ExplainingFamily) and (why := family.refusal(profile)):
            raise FamilyError(f"profile {profile.name!r}: {why}")
    broken = "".join(f"; {why}" for why in FAMILIES.broken().values())
    raise FamilyError(
        f"profile {profile.name!r}: no model family reads {profile.weights}; known are {', '.join(installed)}: "
        f"install the package of its family, or get its weights with: {profile.remedy}{broken}"
    )


def load_backbone(profile: Profile, *, device: str = "cpu", dtype: torch.dtype | None = None) -> Backbone:
    """Load a profile's weights with the family that reads them, by default in the dtype of its settings.

    Raises as `family_of` and the family's loader do.
    """
    dtype = torch_dtype(profile.natural.dtype, device) if dtype is None else dtype
    return family_of(profile).load_backbone(profile, device=device, dtype=dtype)


def fine_tunable_family(profile: Profile) -> FineTunableFamily:
    """Return the family of a profile to be fine-tuned. Raises FamilyError if its models cannot be fine-tuned."""
    family = family_of(profile)
    if not isinstance(family, FineTunableFamily):
        raise FamilyError(
            f"finetune: models of the profile {profile.name!r} cannot be fine-tuned; choose another profile"
        )
    return family


def adaptable(backbone: Backbone) -> Adaptable:
    """Return the backbone as an `Adaptable`. Raises FamilyError if it is not one."""
    if not isinstance(backbone, Adaptable):
        raise FamilyError(
            f"sampling: models of the profile {backbone.profile.name!r} cannot use LoRAs, other VAEs, embeddings and "
            "FreeU; remove them, or choose another profile"
        )
    return backbone


def fine_tunable(backbone: Backbone) -> FineTunable:
    """Return the backbone as a `FineTunable`. Raises FamilyError if it is not one."""
    if not isinstance(backbone, FineTunable):
        raise FamilyError(
            f"finetune: models of the profile {backbone.profile.name!r} cannot be fine-tuned; choose another profile"
        )
    return backbone


def encoder_trainable(backbone: Backbone) -> EncoderTrainable:
    """Return the backbone as an `EncoderTrainable`. Raises FamilyError if it is not one."""
    if not isinstance(backbone, EncoderTrainable):
        raise FamilyError(
            f"train: models of the profile {backbone.profile.name!r} take no subject-encoder; choose another profile"
        )
    return backbone
