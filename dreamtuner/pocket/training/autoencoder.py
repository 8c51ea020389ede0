"""Trains the AutoencoderKL: images to 8 x 16 x 16 latents and back; the subject's pixels have a larger weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from dreamtuner.families.unet import build
from dreamtuner.families.unet.load import read_autoencoder
from dreamtuner.pocket.training.shards import load_images, load_layer, shard_file, shard_files
from dreamtuner.pocket.training.warm_start import start_from
from dreamtuner.train.stage import place
from dreamtuner.train.state import load_ema

SUBJECT_WEIGHT = 4.0
KL_WEIGHT = 1e-6  # at 1e-5 two of the eight channels collapsed


def new_autoencoder() -> Any:
    """Build an untrained autoencoder, factor 4, 8 latent channels (4 lose the identity's colours)."""
    return build.new_autoencoder(
        in_channels=3,
        out_channels=3,
        latent_channels=8,
        block_out_channels=(16, 32, 96),
        layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        norm_num_groups=8,
        mid_block_add_attention=False,
        sample_size=64,
    )


def to_model(images: Tensor) -> Tensor:
    """Convert uint8 (B, H, W, 3) to float (B, 3, H, W) in -1..1, channels last in memory."""
    return images.permute(0, 3, 1, 2).float().div(127.5).sub(1.0).contiguous(memory_format=torch.channels_last)


def pictures_to_model(pictures: Sequence[Image.Image]) -> Tensor:
    """Convert RGB images of one size to float (B, 3, H, W) in -1..1."""
    return to_model(torch.from_numpy(np.stack([np.asarray(picture) for picture in pictures])))


class AutoencoderStage:
    """Training of the autoencoder: reconstruction (L1, L2, subject x 4, a pooled term for colours) and a small KL."""

    def __init__(
        self, images: NDArray[np.uint8], masks: NDArray[np.uint8], batch: int, device: torch.device, start: Path | None
    ) -> None:
        self.model = self.learns = new_autoencoder()
        if start is not None:
            start_from(self.model, read_autoencoder(start / "vae"), start / "vae")
        place(self.model, device)
        self.images, self.masks = torch.from_numpy(images), torch.from_numpy(masks)
        self.batch, self.device = batch, device

    def loss(self, step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        rows = torch.randint(len(self.images), (self.batch,), generator=generator)
        x = to_model(self.images[rows].to(self.device))
        mask = self.masks[rows].to(self.device).float().div(255).unsqueeze(1)
        weight = 1.0 + (SUBJECT_WEIGHT - 1.0) * mask
        weight = weight / weight.mean()
        posterior = self.model.encode(x).latent_dist
        noise = torch.randn(posterior.mean.shape, generator=generator).to(self.device)
        y = self.model.decode(posterior.mean + posterior.std * noise).sample
        error = y - x
        pooled = F.avg_pool2d(error * weight, 4).abs().mean()
        pixel = (weight * (error.abs() + 8.0 * error.square())).mean()
        kl = posterior.kl().mean()
        mse = error.detach().square().mean()
        return pixel + pooled + KL_WEIGHT * kl, {"psnr": float(10 * torch.log10(4.0 / mse)), "kl": float(kl.detach())}


@dataclass(frozen=True)
class AutoencoderFactory:
    """Builds the stage in a worker: ``shards`` of ``data``, and those of views and pairs; ``batch`` images per step."""

    data: Path
    shards: int
    batch: int
    start: Path | None = None
    views: int = 0
    pairs: int = 0

    def build(self, device: torch.device) -> AutoencoderStage:
        files = shard_files(self.data, self.shards, self.views)
        images, masks = load_layer(files, "images"), load_layer(files, "masks")
        if self.pairs:
            doubles = [shard_file(self.data, i, "pairs") for i in range(self.pairs)]
            images = np.concatenate([images, load_layer(doubles, "images")])
            masks = np.concatenate([masks, load_layer(doubles, "masks").max(1)])
        return AutoencoderStage(images, masks, self.batch, device, self.start)


def trained_autoencoder(trained: Path) -> Any:
    """Load the autoencoder with the averaged weights of its training in ``trained``."""
    model = new_autoencoder()
    load_ema(trained, model)
    return model.eval().requires_grad_(False)


@torch.no_grad()
def encode_shards(trained: Path, files: Sequence[Path], device: str) -> Tensor:
    """Encode all images of ``files`` by the weights in ``trained``: unscaled posterior means (N, 8, 16, 16) float16."""
    model = trained_autoencoder(trained).to(device).to(memory_format=torch.channels_last)
    latents = []
    for file in files:
        images = torch.from_numpy(load_images(file))
        for part in images.split(128):
            latents.append(model.encode(to_model(part.to(device))).latent_dist.mode().half().cpu())
    return torch.cat(latents)


def load_latents(file: Path) -> Tensor:
    """Memory-map the latents that ``encode_shards`` computed, (N, 8, 16, 16) float16."""
    return torch.from_numpy(np.load(file, mmap_mode="r+"))


def scaling_factor(latents: Tensor) -> float:
    """Return the factor that scales latents to unit variance, from a sample of them."""
    return 1.0 / float(latents[:: max(1, len(latents) // 4096)].float().std())
