"""Trains the oracle on the renderer's ground truth, with images degraded as by a decoder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from dreamtuner.pocket.training.autoencoder import to_model
from dreamtuner.pocket.training.shards import Picture, Shards, load_layer, load_pair_truth, load_shards, shard_file
from dreamtuner.pocket.training.warm_start import start_from
from dreamtuner.pocket.world import EXPRESSIONS, FRAMINGS, POSES, SCENES, STYLES, VIEWS
from dreamtuner.pocket.world.identity import ATTRIBUTES
from dreamtuner.score.oracle import Heads, Oracle
from dreamtuner.train.stage import place

BOXED = 0.25  # share of images, if the data has pairs, that are the box of one of two subjects
MARGIN = 1.15  # a box with a margin, as around a single subject
CONTEXT: Heads = {"scene": SCENES, "pose": POSES, "style": STYLES, "expression": EXPRESSIONS}
HEADS: Heads = {**CONTEXT, **ATTRIBUTES}
SEEN: Heads = {"view": VIEWS, "framing": FRAMINGS}
READ: Heads = {**HEADS, **SEEN}
"""The heads of a new oracle; oracles of earlier versions have only ``HEADS``."""


def truth(picture: Picture) -> dict[str, str]:
    """Return every attribute of a rendered image by name."""
    return {name: getattr(picture.identity if name in ATTRIBUTES else picture.context, name) for name in READ}


def truth_table(pictures: list[Picture]) -> Tensor:
    """Return class indices (N, heads) in the order of ``READ``."""
    index = {name: {choice: i for i, choice in enumerate(choices)} for name, choices in READ.items()}
    return torch.tensor([[index[name][value] for name, value in truth(p).items()] for p in pictures])


def roughen(x: Tensor, generator: torch.Generator) -> Tensor:
    """Add blur, noise and a colour shift like those of decoded images, with a random strength per image."""
    n = len(x)

    def strength(limit: float) -> Tensor:
        drawn = torch.rand(n, 1, 1, 1, generator=generator)
        return limit * (2 * drawn - 1).clamp_min(0)

    blurred = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
    x = x + (blurred - x) * strength(1.0)
    x = x + strength(0.15) * torch.randn(x.shape, generator=generator)
    return x + strength(0.1) * torch.randn((n, 3, 1, 1), generator=generator)


def alone(images: Tensor, boxes: Tensor) -> Tensor:
    """Crop the square around each box and resize it to the image's size, to classify one of several subjects.

    images: (N, C, S, S); boxes: (N, 4) left, top, right, bottom in pixels. Outside the image, its edge is repeated.
    """
    size = images.shape[-1]
    left, top, right, bottom = boxes.float().unbind(1)
    half = torch.maximum(right - left, bottom - top) * (0.5 * MARGIN) / size
    centre = torch.stack([left + right, top + bottom], 1) / size - 1.0
    theta = torch.zeros(len(images), 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = 2 * half
    theta[:, :, 2] = centre
    grid = F.affine_grid(theta, [len(images), images.shape[1], size, size], align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


@dataclass(frozen=True)
class Boxed:
    """Subjects of pairs, each with its box: ``images`` (N, 64, 64, 3), ``masks``, ``boxes`` and ``truth``."""

    images: Tensor
    masks: Tensor
    boxes: Tensor
    truth: Tensor

    @classmethod
    def load(cls, data: Path, count: int) -> Boxed:
        """Load both subjects of every image of ``count`` shards of pairs."""
        files = [shard_file(data, i, "pairs") for i in range(count)]
        images, masks, boxes = (torch.from_numpy(load_layer(files, name)) for name in ("images", "masks", "boxes"))
        pairs = load_pair_truth(data, count)
        truth = torch.stack([truth_table([pair[k] for pair in pairs]) for k in range(2)], 1)
        return cls(images, masks, boxes, truth)

    def draw(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Sample ``count`` subjects: x (N, 3, 64, 64) in -1..1, visible silhouettes (N, 64, 64), and class indices."""
        rows = torch.randint(len(self.images), (count,), generator=generator)
        which = torch.randint(2, (count,), generator=generator)
        boxes = self.boxes[rows, which]
        mask = self.masks[rows, which].unsqueeze(1).float().div(255)
        return alone(to_model(self.images[rows]), boxes), alone(mask, boxes)[:, 0], self.truth[rows, which]


class OracleStage:
    """Training of the oracle: cross-entropy over all heads and over the silhouette's pixels.

    Hidden attributes have labels too; for these the oracle only learns how often each value occurs.
    """

    def __init__(
        self, shards: Shards, batch: int, device: torch.device, start: Path | None, boxed: Boxed | None = None
    ) -> None:
        self.model = self.learns = Oracle(READ)
        if start is not None:
            start_from(self.model, Oracle.load(start / "oracle"), start / "oracle")
        place(self.model, device)
        self.images, self.truth = torch.from_numpy(shards.images), truth_table(shards.pictures)
        self.masks, self.boxed = torch.from_numpy(shards.masks), boxed
        self.batch, self.device = batch, device

    def loss(self, step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        rows = torch.randint(len(self.images), (self.batch,), generator=generator)
        x, labels = to_model(self.images[rows]), self.truth[rows]
        mask = self.masks[rows].float().div(255)
        if self.boxed is not None:
            count = int(self.batch * BOXED)
            x[:count], mask[:count], labels[:count] = self.boxed.draw(count, generator)
        x, labels, mask = roughen(x, generator).to(self.device), labels.to(self.device), mask.to(self.device)
        logits, silhouette = self.model(x.contiguous(memory_format=torch.channels_last))
        losses = [F.cross_entropy(logits[name], labels[:, i]) for i, name in enumerate(READ)]
        right = {n: float((logits[n].argmax(1) == labels[:, i]).float().mean()) for i, n in enumerate(READ)}
        shown = {"class": right["class_word"], "pose": right["pose"], "all": sum(right.values()) / len(right)}
        outline = F.binary_cross_entropy_with_logits(silhouette[:, 0], mask)
        return torch.stack(losses).sum() + 4 * outline, {**shown, "outline": float(outline.detach())}


@dataclass(frozen=True)
class OracleFactory:
    """Builds the stage in a worker; ``start``: a weights folder to continue from."""

    data: Path
    shards: int
    batch: int
    start: Path | None = None
    views: int = 0
    pairs: int = 0

    def build(self, device: torch.device) -> OracleStage:
        boxed = Boxed.load(self.data, self.pairs) if self.pairs else None
        return OracleStage(load_shards(self.data, self.shards, self.views), self.batch, device, self.start, boxed)
