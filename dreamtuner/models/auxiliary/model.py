"""What an auxiliary model is, and the registry of all of them by name."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dreamtuner.models.licences import LicenceRecord
from dreamtuner.plugins import Registry

_KNOWN = "dreamtuner.models.auxiliary.known"


class AuxiliaryModel(BaseModel):
    """A model that generates no images, such as the one that a metric compares images with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="the name by which it is fetched")
    source: str = Field(description="hub:owner/name[/file][@revision], or the https:// address of one file")
    sha256: str | None = Field(
        default=None,
        pattern=r"^[0-9a-f]{8,64}$",
        description="of a file on the web: its SHA-256, or the first digits, as its publisher states them",
    )
    licence: LicenceRecord
    purpose: str = Field(description="what uses it, a few words")
    model_types: tuple[str, ...] = Field(
        default=(), description="the `model_type` that its config.json states; empty: it is a file without a config"
    )
    files: tuple[str, ...] = Field(
        default=(), description="the files that are loaded of a folder without a config; empty: it is not one"
    )

    @model_validator(mode="after")
    def _known_sum(self) -> AuxiliaryModel:
        if self.is_web_file and (self.sha256 is None or self.model_types):
            raise ValueError("a model at an https:// address is one file: state its sha256, and no model_types")
        return self

    @property
    def is_web_file(self) -> bool:
        """Whether it is one file at an address of the web, not in a repository of the hub."""
        return self.source.startswith("https://")

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
        "dino-vits8": f"{_KNOWN}:DINO_S8",
        "dino-vits16": f"{_KNOWN}:DINO_S16",
        "dinov2-small": f"{_KNOWN}:DINOV2_S",
        "dinov2-base": f"{_KNOWN}:DINOV2_B",
        "aesthetic-l14": f"{_KNOWN}:AESTHETIC_L14",
        "alexnet": f"{_KNOWN}:ALEXNET",
        "lpips-alex": f"{_KNOWN}:LPIPS_ALEX",
        "blip-base": f"{_KNOWN}:BLIP",
        "florence-2-base": f"{_KNOWN}:FLORENCE_2",
        "depth-anything-v2-small": f"{_KNOWN}:DEPTH_ANYTHING_S",
        "anime-seg": f"{_KNOWN}:ANIME_SEG",
        "isnet": f"{_KNOWN}:ISNET",
        "birefnet": f"{_KNOWN}:BIREFNET",
        "birefnet-lite": f"{_KNOWN}:BIREFNET_LITE",
        "inspyrenet": f"{_KNOWN}:INSPYRENET",
        "blip2-flan-t5-xl": f"{_KNOWN}:BLIP_2",
        "wd-vit-tagger-v3": f"{_KNOWN}:WD_TAGGER",
        "dwpose": f"{_KNOWN}:DWPOSE",
    },
    needs=("name", "source", "licence", "remedy"),
)
"""Models by name; a package adds one by an entry point in the group `dreamtuner.auxiliary_models`."""
