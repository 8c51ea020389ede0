"""Loads the models of Stable Diffusion 1.x and 2.x from the plain diffusers layout, frozen and in eval mode."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import diffusers
import torch
from diffusers import ControlNetModel, StableDiffusionPipeline
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from transformers import CLIPModel, CLIPTextModel, CLIPTokenizer, CLIPVisionConfig
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from dreamtuner.families.unet.subject_encoder import SubjectEncoder
from dreamtuner.models.layouts import Kind, part_of, require_controlnet
from dreamtuner.models.profiles import Profile
from dreamtuner.models.weights import variant_in


def load_parts(profile: Profile, *, device: str, dtype: torch.dtype) -> dict[str, Any]:
    """Load all parts of a profile except ControlNets, keyed by the fields of `UNetParts`."""
    folder = profile.weights
    settings = json.loads((folder / "scheduler" / "scheduler_config.json").read_text())

    def part(kind: Any, name: str, **more: Any) -> Any:
        variant = variant_in(folder / name, profile.variant)
        model = kind.from_pretrained(folder, subfolder=name, variant=variant, local_files_only=True, **more)
        return model.requires_grad_(False).eval().to(device)

    vae = load_vae(folder / "vae", profile.variant, device=device, dtype=dtype)
    unet = part(UNet2DConditionModel, "unet", torch_dtype=dtype)
    text_encoder = part(CLIPTextModel, "text_encoder", dtype=dtype)
    parts = {
        "unet": unet,
        "vae": vae,
        "text_encoder": text_encoder,
        "tokenizer": CLIPTokenizer.from_pretrained(folder, subfolder="tokenizer", local_files_only=True),
        "scheduler": getattr(diffusers, settings["_class_name"]).from_config(settings),
    }
    if profile.has_encoder:
        parts["encoder"] = load_encoder(profile.folder("subject_encoder"), device=device, dtype=dtype)
        parts["image_encoder"], parts["image_processor"] = load_image_encoder(profile, device=device, dtype=dtype)
    return parts


def load_vae(folder: Path, variant: str | None = None, *, device: str, dtype: torch.dtype) -> Any:
    """Load an autoencoder from its own folder, frozen.

    It computes in float32 instead of float16 if its config says `force_upcast`, since its activations overflow.
    """
    if dtype == torch.float16 and json.loads((folder / "config.json").read_text()).get("force_upcast"):
        dtype = torch.float32
    variant = variant_in(folder, variant)
    vae = AutoencoderKL.from_pretrained(folder, variant=variant, torch_dtype=dtype, local_files_only=True)
    return vae.requires_grad_(False).eval().to(device)


def load_image_encoder(profile: Profile, *, device: str, dtype: torch.dtype) -> tuple[Any, Any]:
    """Load the image branch of the profile's CLIP model, frozen, and its image processor."""
    variant = variant_in(profile.tower, profile.variant)
    model = CLIPModel.from_pretrained(profile.tower, variant=variant, dtype=dtype, local_files_only=True)
    processor = CLIPImageProcessorPil.from_pretrained(profile.tower, local_files_only=True)
    return model.vision_model.requires_grad_(False).eval().to(device), processor


def load_encoder(folder: Path, *, device: str = "cpu", dtype: torch.dtype = torch.float32) -> SubjectEncoder:
    """Load a subject-encoder from its own folder, frozen."""
    encoder: SubjectEncoder = SubjectEncoder.from_pretrained(folder, torch_dtype=dtype, local_files_only=True)
    frozen: SubjectEncoder = encoder.requires_grad_(False).eval().to(device)
    return frozen


def untrained_encoder(profile: Profile, width: int, *, resblocks: int = 2) -> SubjectEncoder:
    """Build a new subject-encoder for the profile's U-Net and CLIP model from their configs alone."""
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(json.loads((profile.folder("unet") / "config.json").read_text()))
    vision = SimpleNamespace(config=CLIPVisionConfig.from_pretrained(profile.tower, local_files_only=True))
    encoder: SubjectEncoder = SubjectEncoder.for_unet(unet, vision, width=width, resblocks=resblocks)
    return encoder


def load_controlnet(profile: Profile, kind: Kind, *, device: str = "cpu", dtype: torch.dtype | None = None) -> Any:
    """Load the profile's ControlNet of this kind, frozen. Raises LayoutError if the profile has none."""
    require_controlnet(profile, kind)
    folder = profile.folder(part_of(kind))
    variant, dtype = variant_in(folder, profile.variant), dtype or torch.float32
    model = ControlNetModel.from_pretrained(folder, variant=variant, torch_dtype=dtype, local_files_only=True)
    return model.requires_grad_(False).eval().to(device)


def read_autoencoder(folder: Path) -> Any:
    """Load an AutoencoderKL from its own folder, float32."""
    return AutoencoderKL.from_pretrained(folder, local_files_only=True)


def read_unet(folder: Path) -> Any:
    """Load a U-Net from its own folder, float32."""
    return UNet2DConditionModel.from_pretrained(folder, local_files_only=True)


def read_controlnet(folder: Path) -> Any:
    """Load a ControlNet from its own folder, float32."""
    return ControlNetModel.from_pretrained(folder, local_files_only=True)


def read_pipeline(folder: Path) -> Any:
    """Load the stock pipeline of a folder in the plain diffusers layout, float32."""
    return StableDiffusionPipeline.from_pretrained(folder, local_files_only=True)
