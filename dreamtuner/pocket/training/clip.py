"""Trains the CLIP model of images and captions, for CLIP-I and CLIP-T."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import CLIPConfig, CLIPModel, CLIPVisionConfig

from dreamtuner.pocket.training.autoencoder import to_model
from dreamtuner.pocket.training.oracle import roughen
from dreamtuner.pocket.training.shards import Shards, load_shards
from dreamtuner.pocket.training.text import WIDTH, new_tokenizer, text_config
from dreamtuner.pocket.training.warm_start import start_from
from dreamtuner.pocket.world.captions import caption, detailed_caption
from dreamtuner.train.stage import place

DETAILED = 0.7  # share of captions that name the identity, so that CLIP-I depends on it
WHITE = 0.25  # share of images with a white background, like a masked reference
ALIKE = 0.5  # share of batches of images with the same class, scene and style
WHITE_BACKGROUND = "on a white background"


def new_clip() -> CLIPModel:
    """Build an untrained CLIP model: patches of 8 pixels, 6 image layers of width 128, 3 text layers."""
    vision = CLIPVisionConfig(
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        projection_dim=WIDTH,
        num_hidden_layers=6,
        num_attention_heads=4,
        image_size=64,
        patch_size=8,
    )
    text = text_config(new_tokenizer(), layers=3)
    return CLIPModel(CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=WIDTH))


class ClipStage:
    """Training of the CLIP model: symmetric InfoNCE between images and captions.

    In a random batch, class, scene and colours distinguish most pairs, so that small parts can be ignored: patterns,
    hats and emblems could not be read from the hidden states of a model trained so. Images of one class, scene and
    style differ only in identity, pose and expression.
    """

    def __init__(self, shards: Shards, batch: int, device: torch.device, start: Path | None) -> None:
        self.model = self.learns = new_clip()
        if start is not None:
            start_from(self.model, CLIPModel.from_pretrained(start / "tower"), start / "tower")
        place(self.model, device)
        self.tokenizer = new_tokenizer()
        self.images, self.masks = torch.from_numpy(shards.images), torch.from_numpy(shards.masks)
        self.pictures = shards.pictures
        groups: dict[tuple[str, str, str], list[int]] = {}
        for row, (identity, context) in enumerate((p.identity, p.context) for p in self.pictures):
            groups.setdefault((identity.class_word, context.scene, context.style), []).append(row)
        self.alike = [rows for rows in groups.values() if len(rows) >= batch]
        self.batch, self.device = batch, device

    def loss(self, step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        rng = random.Random(int(torch.randint(2**31, (1,), generator=generator)))
        alike = bool(self.alike) and rng.random() < ALIKE
        rows = rng.sample(rng.choice(self.alike) if alike else range(len(self.pictures)), self.batch)
        white = [rng.random() < WHITE for _ in rows]
        words = []
        for picture, cut in zip((self.pictures[i] for i in rows), white, strict=True):
            named = detailed_caption if alike or rng.random() < DETAILED else caption
            text = named(picture.identity, picture.context)
            words.append(text.replace(picture.context.scene, WHITE_BACKGROUND) if cut else text)
        tokens = self.tokenizer(words, padding=True, truncation=True, return_tensors="pt").to(self.device)
        x = to_model(self.images[rows])
        kept = torch.maximum(self.masks[rows].unsqueeze(1) / 255, ~torch.tensor(white).view(-1, 1, 1, 1))
        x = roughen(x * kept + (1 - kept), generator).to(self.device)
        out = self.model(input_ids=tokens.input_ids, attention_mask=tokens.attention_mask, pixel_values=x)
        logits: Tensor = out.logits_per_image
        labels = torch.arange(self.batch, device=self.device)
        loss = (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2
        return loss, {"matched": float((logits.argmax(1) == labels).float().mean())}


@dataclass(frozen=True)
class ClipFactory:
    """Builds the stage in a worker; ``start``: a weights folder to continue from."""

    data: Path
    shards: int
    batch: int
    start: Path | None = None
    views: int = 0

    def build(self, device: torch.device) -> ClipStage:
        return ClipStage(load_shards(self.data, self.shards, self.views), self.batch, device, self.start)
