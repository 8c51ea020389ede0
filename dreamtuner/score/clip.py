"""The CLIP model that scores: loads it from the stock layout and embeds images and prompts as unit vectors."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from transformers import CLIPModel, CLIPTokenizer
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from dreamtuner.models.profiles import Profile
from dreamtuner.models.weights import require_clip


@dataclass(frozen=True, eq=False)
class ClipModel:
    """A frozen CLIPModel with its image processor and tokenizer."""

    model: Any
    image_processor: Any
    tokenizer: Any

    @torch.inference_mode()
    def embed_images(self, images: Sequence[Image.Image]) -> Tensor:
        """Embed N images as N D unit vectors, float32, on the CPU."""
        pixels = self.image_processor([image.convert("RGB") for image in images], return_tensors="pt")["pixel_values"]
        return unit(self.model.get_image_features(pixels.to(self.model.device, self.model.dtype)))

    @torch.inference_mode()
    def embed_texts(self, prompts: Sequence[str]) -> Tensor:
        """Embed N prompts as N D unit vectors, float32, on the CPU. Prompts that are too long are truncated."""
        length = self.model.config.text_config.max_position_embeddings
        tokens = self.tokenizer(
            list(prompts), padding="max_length", max_length=length, truncation=True, return_tensors="pt"
        ).to(self.model.device)
        return unit(self.model.get_text_features(tokens["input_ids"], attention_mask=tokens["attention_mask"]))


def load_clip(profile: Profile, *, device: str = "cpu") -> ClipModel:
    """Load a profile's CLIP model in float32. Raises WeightsMissingError, which says how to get it."""
    return load_clip_folder(require_clip(profile), device=device)


def load_clip_folder(folder: Path, *, device: str = "cpu") -> ClipModel:
    """Load the CLIP model of a folder, with its image processor and tokenizer, in float32."""
    model = CLIPModel.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    return ClipModel(
        model=model.requires_grad_(False).eval().to(device),
        image_processor=CLIPImageProcessorPil.from_pretrained(folder, local_files_only=True),
        tokenizer=CLIPTokenizer.from_pretrained(folder, local_files_only=True),
    )


def unit(features: Any) -> Tensor:
    """Normalise the projected vectors, which transformers 5 wraps in an output object and older versions do not."""
    vectors = features if isinstance(features, Tensor) else features.pooler_output
    normalised: Tensor = torch.nn.functional.normalize(vectors.float(), dim=-1).cpu()
    return normalised
