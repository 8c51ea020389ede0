"""The scale of a training of the pocket model: one YAML file per scale."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dreamtuner.pocket.training.words import Attribute
from dreamtuner.train.presets import Presets
from dreamtuner.train.settings import LoopSettings


class PartScale(BaseModel):
    """The numbers of one part: images per step and process, and the settings of the loop."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch: int = Field(gt=0, description="images per step and process")
    loop: LoopSettings


class Scale(BaseModel):
    """The numbers of a whole training. Unknown keys are rejected."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    identities_per_shard: int = Field(128, gt=0, description="identities in a shard, with four images each")
    shards: int = Field(gt=0, description="shards of training images, rendered before training")
    views: int = Field(0, ge=0, description="additional shards of views and crops; 0: subjects from the front only")
    pairs: int = Field(0, ge=0, description="shards of images of two subjects; 0: one subject in every image")
    crowding: float = Field(0.0, ge=0, description="weight of the loss that separates the embeddings of attributes")
    contrast: tuple[Attribute, ...] = Field(
        (), description="attributes whose words are renewed, and trained by contrast in every second step of the U-Net"
    )
    distillation: float = Field(
        0.0,
        ge=0,
        description="weight of the loss that keeps what --start predicts, outside the boxes of attributes of contrast",
    )
    learns: Literal["all", "cross-attention"] = Field(
        "all", description="what of the U-Net is trained, always together with its text encoder"
    )
    held_out_shards: int = Field(gt=0, description="shards of held-out identities, for the report")
    processes: int = Field(gt=0, description="replicas on the CPU, one thread each; on a GPU always one")
    vae: PartScale
    tower: PartScale
    oracle: PartScale
    text: PartScale | None = Field(None, description="renews the text encoder of --start; none: it is trained on")
    unet: PartScale
    controlnets: PartScale
    encoder: PartScale
    samples: int = Field(gt=0, description="prompts whose images the report's oracle classifies")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.learns != "all" and self.unet.loop.weight_decay:
            raise ValueError("unet.loop.weight_decay: would change the weights that are not trained; set it to 0")
        if self.distillation and not self.contrast:
            raise ValueError("distillation: nothing else would be learned; name attributes in contrast, or set it to 0")
        return self


SCALES = Presets(Scale, "dreamtuner.pocket.training", "scales", like="cpu")
