"""How large a training of the pocket model is: one YAML file a scale."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dreamtuner.train.settings import LoopSettings


class PartScale(BaseModel):
    """One part's numbers: pictures a step and process, and the loop's settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch: int = Field(gt=0, description="pictures a step and process")
    loop: LoopSettings


class Scale(BaseModel):
    """A whole training. Unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    identities_per_shard: int = Field(128, gt=0, description="identities in a shard, four pictures of each")
    shards: int = Field(gt=0, description="shards of training pictures that are rendered ahead")
    views: int = Field(0, ge=0, description="shards of views and crops beside them; 0: subjects from the front alone")
    pairs: int = Field(0, ge=0, description="shards of pictures of two subjects; 0: one subject in every picture")
    crowding: float = Field(0.0, ge=0, description="weight of the loss that holds attributes' words apart")
    held_out_shards: int = Field(gt=0, description="shards of held-out identities, for the report")
    processes: int = Field(gt=0, description="replicas on the CPU, one thread each; a GPU takes one")
    vae: PartScale
    tower: PartScale
    oracle: PartScale
    unet: PartScale
    controlnets: PartScale
    encoder: PartScale
    samples: int = Field(gt=0, description="prompts that the report's oracle judges")


def load_scale(name: str) -> Scale:
    """A scale by its name (cpu, gpu, continue, encoder, widen, smoke) or by the path of a YAML file.

    Raises:
        ValueError: there is no such scale; the message lists those there are.
    """
    folder = resources.files("dreamtuner.pocket.training") / "scales"
    known = sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml"))
    if name in known:
        text = (folder / f"{name}.yaml").read_text()
    elif Path(name).is_file():
        text = Path(name).read_text()
    else:
        raise ValueError(f"{name!r} is neither one of {', '.join(known)} nor a YAML file")
    try:
        return Scale.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise ValueError(f"{name} is not YAML: {error}") from error
    except ValidationError as error:
        wrong = error.errors()[0]
        place = ".".join(str(part) for part in wrong["loc"])
        raise ValueError(f"{name}: {place}: {wrong['msg']}; see the scales that are there") from error
