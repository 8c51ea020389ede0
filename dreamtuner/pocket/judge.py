"""Training of the oracle on the renderer's truth, with pictures roughened as a decoder would."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from dreamtuner.pocket.autoencoder import to_model
from dreamtuner.pocket.shards import Picture, Shards, load_shards
from dreamtuner.pocket.start import start_from
from dreamtuner.pocket.world import EXPRESSIONS, POSES, SCENES, STYLES
from dreamtuner.pocket.world.identity import ATTRIBUTES
from dreamtuner.score.oracle import Heads, Oracle
from dreamtuner.train.stage import place

CONTEXT: Heads = {"scene": SCENES, "pose": POSES, "style": STYLES, "expression": EXPRESSIONS}
HEADS: Heads = {**CONTEXT, **ATTRIBUTES}


def truth(picture: Picture) -> dict[str, str]:
    """Every attribute of a rendered picture by name."""
    return {name: getattr(picture.context if name in CONTEXT else picture.identity, name) for name in HEADS}


def truth_table(pictures: list[Picture]) -> Tensor:
    """Class indices (N, heads) in the order of ``HEADS``."""
    index = {name: {choice: i for i, choice in enumerate(choices)} for name, choices in HEADS.items()}
    return torch.tensor([[index[name][value] for name, value in truth(p).items()] for p in pictures])


def roughen(x: Tensor, generator: torch.Generator) -> Tensor:
    """Blur, noise and a shift of colour, each of its own strength a picture, as decoded pictures have."""
    n = len(x)

    def strength(limit: float) -> Tensor:
        drawn = torch.rand(n, 1, 1, 1, generator=generator)
        return limit * (2 * drawn - 1).clamp_min(0)

    blurred = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
    x = x + (blurred - x) * strength(1.0)
    x = x + strength(0.15) * torch.randn(x.shape, generator=generator)
    return x + strength(0.1) * torch.randn((n, 3, 1, 1), generator=generator)


class OracleStage:
    """Cross-entropy over all heads and over the silhouette's pixels."""

    def __init__(self, shards: Shards, batch: int, device: torch.device, start: Path | None) -> None:
        self.model = self.learns = Oracle(HEADS)
        if start is not None:
            start_from(self.model, Oracle.load(start / "oracle"), start / "oracle")
        place(self.model, device)
        self.images, self.truth = torch.from_numpy(shards.images), truth_table(shards.pictures)
        self.masks = torch.from_numpy(shards.masks)
        self.batch, self.device = batch, device

    def loss(self, step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        rows = torch.randint(len(self.images), (self.batch,), generator=generator)
        x = roughen(to_model(self.images[rows]), generator).to(self.device)
        labels = self.truth[rows].to(self.device)
        logits, silhouette = self.model(x.contiguous(memory_format=torch.channels_last))
        mask = self.masks[rows].to(self.device).float().div(255)
        losses = [F.cross_entropy(logits[name], labels[:, i]) for i, name in enumerate(HEADS)]
        right = {n: float((logits[n].argmax(1) == labels[:, i]).float().mean()) for i, n in enumerate(HEADS)}
        shown = {"class": right["class_word"], "pose": right["pose"], "all": sum(right.values()) / len(right)}
        outline = F.binary_cross_entropy_with_logits(silhouette[:, 0], mask)
        return torch.stack(losses).sum() + 4 * outline, {**shown, "outline": float(outline.detach())}


@dataclass(frozen=True)
class OracleFactory:
    """Builds the stage in a worker; ``start``: a weights folder to go on from."""

    data: Path
    shards: int
    batch: int
    start: Path | None = None

    def build(self, device: torch.device) -> OracleStage:
        return OracleStage(load_shards(self.data, self.shards), self.batch, device, self.start)
