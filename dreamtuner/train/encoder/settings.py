"""The numbers of a stage 1, and the presets that suit one card of 24 GB, one of 80 GB, and eight of them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from dreamtuner.train.data.captions import TagSettings
from dreamtuner.train.presets import Presets
from dreamtuner.train.settings import LoopSettings


class EncoderSettings(BaseModel):
    """The numbers of a stage 1. Unknown keys are rejected."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str = Field("", description="what the numbers are for")
    batch: int = Field(
        16, gt=0, description="images of an optimizer step, of all processes together; 16 is the paper's"
    )
    at_once: int = Field(16, gt=0, description="images that a process computes at once; the others follow")
    processes: int = Field(1, gt=0, description="replicas: one for each GPU, or CPU threads")
    checkpointing: bool = Field(True, description="compute activations again in the backward pass: a third more time")
    width: int = Field(768, gt=0, description="channels of a subject token")
    resblocks: int = Field(2, gt=0, description="residual blocks between the CLIP model's states and the tokens")
    controlnet: bool = Field(
        True, description="condition on depth (Sec. 3.1); without, layouts are copied: an ablation"
    )
    window: int = Field(16, gt=0, description="shards whose images are shuffled together")
    tags: TagSettings = TagSettings()
    validation: int = Field(4, ge=0, description="images held out, whose loss and likeness are measured")
    validation_beta: float = Field(1.0, ge=0, le=1, description="beta of validation images; 1 is that of training")
    validation_steps: int = Field(20, gt=0, description="sampling steps of validation images")
    loop: LoopSettings


PRESETS = Presets(EncoderSettings, "dreamtuner.train.encoder", "presets", like="one-24gb")
