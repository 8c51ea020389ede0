"""A model profile: which weights to load, at what size, under which licence, and the settings that suit them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from dreamtuner.models.licences import LicenceRecord, licence_of
from dreamtuner.settings.finetune import FineTuneConfig, Mode
from dreamtuner.settings.sampling import Sampling, Style
from dreamtuner.settings.styles import STYLES

PARTS = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")
"""The folders of a Stable Diffusion 1.x or 2.x in the plain diffusers layout that affect an image."""
LISTED = (*PARTS, "text_encoder_2", "tokenizer_2")
"""Folders that affect an image if a model_index.json lists them, as that of Stable Diffusion XL does."""
ENCODER_PARTS = ("subject_encoder", "tower")
"""Further folders that affect an image if there is a subject-encoder: it uses the image branch of the CLIP model
(folder "tower"), which otherwise is used only for scoring."""

CONTROLNET = "controlnet-"
"""Prefix of the folders of ControlNets: controlnet-pose, controlnet-depth."""
SAME_KINDS = {"openpose": "pose"}
"""Other names of kinds of control images."""


def _licence(stated: Any) -> LicenceRecord:
    return stated if isinstance(stated, LicenceRecord) else licence_of(stated)


class Profile(BaseModel):
    """A model with its settings.

    `weights` is a folder that a model family reads, such as the plain diffusers layout. `folder` returns where each of
    its parts is; parts outside of `weights` are fields of their own. Specs use LoRAs, VAEs and embeddings by name;
    which of them are used by default, and in what dtype and prompt syntax, is in `natural` and `anime`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    weights: Path
    resolution: int = Field(description="side of the images that the model was trained on, pixels")
    licence: Annotated[LicenceRecord, BeforeValidator(_licence)]
    remedy: str = Field(description="the command or step that provides missing weights")
    parts: tuple[str, ...] | None = Field(
        default=None, description="the folders of `weights` that affect an image; null: as its model_index.json lists"
    )
    natural: Sampling
    anime: Sampling
    tuning: FineTuneConfig = Field(default=FineTuneConfig(), description="fine-tuning in mode lora")
    full_tuning: FineTuneConfig = Field(default=FineTuneConfig(mode="full"), description="fine-tuning in mode full")
    finetuned_sampling: Mapping[str, Any] = Field(
        default={}, description="overrides of `sampling` for a model fine-tuned on the subject"
    )
    variant: str | None = Field(default=None, description='infix of the weight files to load, such as "fp16"')
    loras: Mapping[str, Path] = Field(default={}, description="LoRA files by name")
    vaes: Mapping[str, Path] = Field(default={}, description="folders of further autoencoders, by name")
    upscalers: Mapping[str, Path] = Field(default={}, description="upscalers, folders or single files, by name")
    embeddings: Mapping[str, Path] = Field(default={}, description="textual-inversion files by the token in prompts")
    controlnets: Mapping[str, Path] = Field(default={}, description="ControlNet folders outside of `weights`, by kind")
    subject_encoder: Path | None = Field(default=None, description="folder of a subject-encoder outside of `weights`")
    clip: Path | None = Field(default=None, description="folder of the CLIP model, if outside of `weights`")
    masker: str | None = Field(default=None, description="default masker; null: auto")
    captioner: str | None = Field(default=None, description="default captioner; null: auto")
    estimators: Mapping[str, str] = Field(default={}, description="default estimators by kind of control image")
    score: tuple[str, ...] | None = Field(default=None, description="default metrics; null: those of specs")
    sizes: tuple[str, ...] = Field(default=(), description="sizes that suit the model, such as 768x512")
    source: str | None = Field(default=None, description="where the weights come from: owner/name@commit, or a path")

    def folder(self, part: str) -> Path:
        """Return the folder of a part such as "unet", "tower", "subject_encoder" or "controlnet-pose"."""
        outside = {"tower": self.clip, "subject_encoder": self.subject_encoder}
        named = {SAME_KINDS.get(kind, kind): folder for kind, folder in self.controlnets.items()}
        outside |= {f"{CONTROLNET}{kind}": folder for kind, folder in named.items()}
        return outside.get(part) or self.weights / part

    @property
    def image_parts(self) -> tuple[str, ...]:
        """The folders that affect an image: `parts`, or those that the model_index.json of `weights` lists."""
        return parts_in(self.weights) if self.parts is None else self.parts

    @property
    def tower(self) -> Path:
        """Folder of the CLIP model that scores CLIP-I and CLIP-T, with its processor and tokenizer."""
        return self.folder("tower")

    @property
    def has_encoder(self) -> bool:
        """Whether the profile has a subject-encoder."""
        return self.folder("subject_encoder").is_dir()

    def sampling(self, style: Style = "natural", *, learnt: bool = False, **overrides: object) -> Sampling:
        """Return the style's defaults updated by `overrides`, validated. Of size and resolution, the later one counts.

        A style without settings in the profile applies its own overrides to those of natural subjects. `learnt`: the
        model is fine-tuned on the subject. Without a subject-encoder, beta is 0 by default.

        Raises:
            UnknownNameError: no such style exists.
            pydantic.ValidationError: a value is invalid.
        """
        own = {"natural": self.natural, "anime": self.anime}
        defaults = own[style] if style in own else STYLES[style].numbers(self.natural)
        off = {} if self.has_encoder else {"beta": 0.0}
        if overrides.get("size", "") is None:  # as a spec resets the profile's default size
            overrides = {"resolution": self.resolution, **overrides}
        learned = self.finetuned_sampling if learnt else {}
        return Sampling.model_validate(defaults.merged(learned, off, overrides))

    def finetuning(self, mode: Mode = "lora", **overrides: Any) -> FineTuneConfig:
        """Return the mode's defaults updated by `overrides`, learning rates one by one, validated.

        Without a subject-encoder, beta is 0 by default. Raises pydantic.ValidationError if a value is invalid.
        """
        defaults = (self.tuning if mode == "lora" else self.full_tuning).model_dump()
        if "lr" in overrides and isinstance(overrides["lr"], dict):
            overrides["lr"] = {**defaults["lr"], **overrides["lr"]}
        off = {} if self.has_encoder else {"beta": 0.0}
        return FineTuneConfig.model_validate({**defaults, **off, **overrides})

    def missing(self) -> list[str]:
        """Return those of `image_parts` that have no config on disk; empty if images can be generated."""
        return [part for part in self.image_parts if not any(self.folder(part).glob("*.json"))]


def parts_in(weights: Path) -> tuple[str, ...]:
    """Return the folders that affect an image of a model in the plain diffusers layout, whether or not they exist.

    A folder without a readable model_index.json counts as a Stable Diffusion 1.x or 2.x.
    """
    try:
        return parts_listed(json.loads((weights / "model_index.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, AttributeError):
        return PARTS


def parts_listed(index: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the folders that affect an image of a pipeline with this model_index.json."""
    listed = {name for name, stated in index.items() if isinstance(stated, list) and all(stated)}
    return tuple(part for part in LISTED if part in {*PARTS, *listed})


def folder_profile(folder: Path, *, name: str, licence: str = "unknown") -> Profile:
    """Create a profile for a Stable Diffusion folder in the plain layout, at the size that its configs state.

    The settings are the paper's. Raises FileNotFoundError, which names a missing config.
    """
    unet = json.loads((folder / "unet" / "config.json").read_text())
    vae = json.loads((folder / "vae" / "config.json").read_text())
    resolution = int(unet["sample_size"]) * 2 ** (len(vae["block_out_channels"]) - 1)
    numbers = Sampling(steps=30, resolution=resolution, beta=0.2)
    return Profile(
        name=name,
        weights=folder,
        resolution=resolution,
        licence=licence_of(licence),
        remedy=f"put a Stable Diffusion in the plain diffusers layout into {folder}",
        natural=numbers,
        anime=STYLES["anime"].numbers(numbers),
    )
