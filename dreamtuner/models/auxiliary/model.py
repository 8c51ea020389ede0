"""What an auxiliary model is, and the registry of all of them by name."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from dreamtuner.models.licences import LicenceRecord
from dreamtuner.plugins import Registry

_KNOWN = "dreamtuner.models.auxiliary.known"


class AuxiliaryModel(BaseModel):
    """A model that generates no images, such as the one that a metric compares images with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="the name by which it is fetched")
    source: str = Field(description="hub:owner/name[/file][@revision]")
    licence: LicenceRecord
    purpose: str = Field(description="what uses it, a few words")
    model_types: tuple[str, ...] = Field(
        default=(), description="the `model_type` that its config.json states; empty: it is a file without a config"
    )

    @property
    def remedy(self) -> str:
        """The command that provides the model."""
        return f"dreamtuner models fetch {self.name}"


AUXILIARY: Registry[AuxiliaryModel] = Registry(
    "auxiliary model",
    "dreamtuner.auxiliary_models",
    {
        "clip-vit-b32": f"{_KNOWN}:CLIP_B32",
        "clip-vit-l14": f"{_KNOWN}:CLIP_L14",
        "dino-vits16": f"{_KNOWN}:DINO_S16",
        "dinov2-small": f"{_KNOWN}:DINOV2_S",
        "dinov2-base": f"{_KNOWN}:DINOV2_B",
        "aesthetic-l14": f"{_KNOWN}:AESTHETIC_L14",
        "blip-base": f"{_KNOWN}:BLIP",
        "florence-2-base": f"{_KNOWN}:FLORENCE_2",
        "depth-anything-v2-small": f"{_KNOWN}:DEPTH_ANYTHING_S",
        "anime-seg": f"{_KNOWN}:ANIME_SEG",
        "isnet": f"{_KNOWN}:ISNET",
        "birefnet": f"{_KNOWN}:BIREFNET",
        "birefnet-lite": f"{_KNOWN}:BIREFNET_LITE",
        "inspyrenet": f"{_KNOWN}:INSPYRENET",
    },
    needs=("name", "source", "licence", "remedy"),
)
"""Models by name; a package adds one by an entry point in the group `dreamtuner.auxiliary_models`."""
