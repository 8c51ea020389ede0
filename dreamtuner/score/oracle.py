"""The oracle: classifies class, context and every identity attribute of a pocket image, and segments its subject."""

from __future__ import annotations

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

Heads = dict[str, tuple[str, ...]]


class _Block(nn.Module):
    """Residual block: two 3x3 convolutions, batch norm, optional stride."""

    def __init__(self, inside: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, out, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(out)
        self.skip = nn.Identity() if inside == out and stride == 1 else nn.Conv2d(inside, out, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm1(self.conv1(x)).relu()
        out: Tensor = (self.norm2(self.conv2(h)) + self.skip(x)).relu()
        return out


class Oracle(nn.Module):
    """A classifier of every attribute and of the subject's silhouette, for images (B, 3, 64, 64) in -1..1.

    It shares no weights and no training loss with the CLIP model that scores CLIP-I and CLIP-T, nor with the generator:
    it is trained only on the renderer's ground truth.
    """

    def __init__(self, heads: Heads) -> None:
        super().__init__()
        self.heads = {name: tuple(choices) for name, choices in heads.items()}
        self.stem = nn.Sequential(nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU())
        self.blocks = nn.Sequential(_Block(32, 32, 1), _Block(32, 64, 2), _Block(64, 128, 2), _Block(128, 128, 1))
        self.rows = nn.Conv2d(128, 32, 1)  # keeps where things are, for pose
        self.out = nn.Linear(2 * 128 + 32 * 64, sum(len(c) for c in self.heads.values()))
        self.coarse = nn.Conv2d(128, 32, 1)
        self.fine = nn.Sequential(nn.Conv2d(64, 32, 3, 1, 1), nn.ReLU(), nn.Conv2d(32, 4, 1), nn.PixelShuffle(2))

    def forward(self, pictures: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Return {attribute: (B, choices)} and the silhouette (B, 1, 64, 64), all logits."""
        near = self.blocks[0](self.stem(pictures))
        h = self.blocks[1:](near)
        features = torch.cat([h.mean((2, 3)), h.amax((2, 3)), self.rows(h).relu().flatten(1)], dim=1)
        logits = self.out(features).split([len(c) for c in self.heads.values()], dim=1)
        far = F.interpolate(self.coarse(h), scale_factor=4.0, mode="bilinear", align_corners=False)
        return dict(zip(self.heads, logits, strict=True)), self.fine(torch.cat([near, far], dim=1))

    @torch.no_grad()
    def read(self, pictures: Tensor) -> list[dict[str, str]]:
        """Return the most likely choice of every attribute, for each image (B, 3, 64, 64) in -1..1."""
        logits, _ = self(pictures)
        picks = {name: logits[name].argmax(1).tolist() for name in self.heads}
        return [{name: self.heads[name][picks[name][i]] for name in self.heads} for i in range(len(pictures))]

    @torch.no_grad()
    def silhouette(self, pictures: Tensor) -> Tensor:
        """Segment the subject: images (B, 3, 64, 64) in -1..1 -> bool (B, 64, 64)."""
        _, silhouette = self(pictures)
        inside: Tensor = silhouette[:, 0] > 0
        return inside

    def save(self, folder: Path) -> None:
        """Write ``config.json`` and ``oracle.safetensors`` (fp16) into ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps({"heads": self.heads}, indent=1) + "\n")
        halves = {k: v.half() if v.is_floating_point() else v for k, v in self.state_dict().items()}
        save_file({k: v.contiguous() for k, v in halves.items()}, folder / "oracle.safetensors")

    @classmethod
    def load(cls, folder: Path) -> Oracle:
        """Load what ``save`` wrote. Raises FileNotFoundError, which names the training command, if it is missing."""
        if not (folder / "oracle.safetensors").exists():
            raise FileNotFoundError(f"{folder} holds no oracle; train it with: dreamtuner train pocket --part oracle")
        heads = json.loads((folder / "config.json").read_text())["heads"]
        oracle = cls({name: tuple(choices) for name, choices in heads.items()})
        oracle.load_state_dict(
            {k: v.float() if v.is_floating_point() else v for k, v in load_file(folder / "oracle.safetensors").items()}
        )
        return oracle.eval()
