"""The numbers of a stage 1, and the presets that suit one card of 24 GB, one of 80 GB, and eight of them."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dreamtuner.train.data.captions import TagSettings
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


def preset_names() -> list[str]:
    """Return the names of the presets."""
    return sorted(one.name.removesuffix(".yaml") for one in _folder().iterdir() if one.name.endswith(".yaml"))


def load_settings(name: str) -> EncoderSettings:
    """Load a preset by its name, or settings from a YAML file.

    Raises:
        ValueError: there is no such preset or file, or it is invalid; the message names the key.
    """
    if name in preset_names():
        text = (_folder() / f"{name}.yaml").read_text()
    elif Path(name).is_file():
        text = Path(name).read_text()
    else:
        raise ValueError(f"{name!r} is neither one of {', '.join(preset_names())} nor a YAML file")
    try:
        return EncoderSettings.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise ValueError(f"{name} is not YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in wrong["loc"])
        raise ValueError(f"{name}: {place}: {wrong['msg']}; see the preset one-24gb") from error


def _folder() -> resources.abc.Traversable:
    return resources.files(__package__) / "presets"
