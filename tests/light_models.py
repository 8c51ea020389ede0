"""Folders with the files, names and shapes of real models, but a few numbers each; made without torch."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

STABLE_DIFFUSION = {
    "_class_name": "StableDiffusionPipeline",
    "feature_extractor": ["transformers", "CLIPImageProcessor"],
    "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
    "scheduler": ["diffusers", "PNDMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}
UNET = "unet/diffusion_pytorch_model.safetensors"


def written(folder: Path, file: str, content: Any) -> None:
    """Write JSON, or tensors by name and shape where the file is one of safetensors."""
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    if file.endswith(".safetensors"):
        save_file({name: np.full(shape, 0.5, np.float32) for name, shape in content.items()}, folder / file)
    else:
        (folder / file).write_text(json.dumps(content))


def stable_diffusion(folder: Path, *, width: int = 12, channels: int = 4, side: int = 8) -> Path:
    """Write a folder in the layout of Stable Diffusion 1.x, whose text states have this width; return it."""
    block = "down_blocks.0.attentions.0.transformer_blocks.0"
    shapes = {f"{block}.attn1.to_q.weight": (8, 8), f"{block}.attn2.to_k.weight": (8, width)}
    unet = {"_class_name": "UNet2DConditionModel", "in_channels": channels, "cross_attention_dim": width}
    written(folder, "model_index.json", STABLE_DIFFUSION)
    written(folder, "unet/config.json", {**unet, "sample_size": side, "block_out_channels": [8]})
    written(folder, UNET, shapes)
    written(
        folder, "vae/config.json", {"_class_name": "AutoencoderKL", "latent_channels": 4, "block_out_channels": [4] * 4}
    )
    written(folder, "vae/diffusion_pytorch_model.safetensors", {"decoder.conv_in.weight": (4, 4)})
    written(folder, "text_encoder/config.json", {"hidden_size": width})
    written(folder, "text_encoder/model.safetensors", {"embeddings.weight": (3, width)})
    written(folder, "tokenizer/tokenizer_config.json", {})
    written(folder, "scheduler/scheduler_config.json", {"_class_name": "PNDMScheduler"})
    written(folder, "safety_checker/config.json", {})
    written(folder, "safety_checker/model.safetensors", {"spare": (2,)})
    return folder


def clip(folder: Path, *, width: int = 6) -> Path:
    """Write the folder of a CLIP model with this width of its image branch; return it."""
    written(folder, "config.json", {"vision_config": {"hidden_size": width}})
    written(folder, "preprocessor_config.json", {})
    written(folder, "model.safetensors", {"logit_scale": (1,)})
    return folder


def lora(file: Path, *, width: int = 12, kohya: bool = False) -> Path:
    """Write a LoRA of cross-attention for text states of this width; return it."""
    if kohya:
        key = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_{}.weight"
        shapes = {key.format("down"): (2, width), key.format("up"): (8, 2)}
    else:
        key = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.lora_{}.weight"
        shapes = {key.format("A"): (2, width), key.format("B"): (8, 2)}
    written(file.parent, file.name, shapes)
    return file
