"""Random-weight stand-ins of auxiliary models, tiny, in a cache of the hub that is on this disk alone."""

from pathlib import Path

import torch
from transformers import (
    CLIPConfig,
    CLIPModel,
    CLIPTextConfig,
    CLIPVisionConfig,
    Dinov2Config,
    Dinov2Model,
    ViTConfig,
    ViTModel,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from tests.standins import LENGTH, letters

COMMIT = "1" * 40
SMALL = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}


def in_cache(cache: Path, repository: str) -> Path:
    """Create the snapshot of a repository in a cache; return its folder."""
    folder = cache / f"models--{repository.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(COMMIT)
    snapshot = folder / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    return snapshot


def write_clip(folder: Path, *, width: int = 16, patch: int = 32) -> Path:
    """Write a CLIP model for 224 pixels, with OpenAI's image processing and a tokenizer of letters."""
    text = CLIPTextConfig(
        **SMALL, vocab_size=57, max_position_embeddings=LENGTH, bos_token_id=54, eos_token_id=55, projection_dim=width
    )
    vision = CLIPVisionConfig(**SMALL, image_size=224, patch_size=patch, projection_dim=width)
    with torch.random.fork_rng():
        torch.manual_seed(2)
        CLIPModel(
            CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=width)
        ).save_pretrained(folder)
    CLIPImageProcessorPil().save_pretrained(folder)
    letters().save_pretrained(folder)
    return folder


def write_dino(folder: Path) -> Path:
    """Write a DINO model: a ViT of patches of 16 pixels, with biases in queries, keys and values."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        ViTModel(ViTConfig(**SMALL, image_size=224, patch_size=16)).save_pretrained(folder)
    return folder


def write_dinov2(folder: Path) -> Path:
    """Write a DINOv2 model: patches of 14 pixels, positions for 518 pixels, scaled layers."""
    small = {name: value for name, value in SMALL.items() if name != "intermediate_size"}
    with torch.random.fork_rng():
        torch.manual_seed(4)
        Dinov2Model(Dinov2Config(**small, image_size=518, patch_size=14)).save_pretrained(folder)
    return folder
