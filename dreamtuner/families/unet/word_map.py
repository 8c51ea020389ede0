"""Where a word of the prompt looks: cross-attention maps, and the part of a picture that they say is the word's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from dreamtuner.families.unet.attach import transformer_blocks


@contextmanager
def word_maps(unet: Any, words: Tensor) -> Iterator[list[Tensor]]:
    """In calls of the U-Net inside, each cross-attention layer adds how much its tokens look at the words, rows L.

    words: rows T bool, the places of the words in the text states of each row. A value is the sum of a query's weights
    on them, 0..1, mean over heads. The layers compute what they would; their queries and keys are computed once more.
    """
    maps: list[Tensor] = []
    look = partial(_look, maps, words)
    hooks = [
        block.attn2.register_forward_pre_hook(look, with_kwargs=True) for block in transformer_blocks(unet).values()
    ]
    try:
        yield maps
    finally:
        for hook in hooks:
            hook.remove()


def word_region(maps: Sequence[Tensor], grids: Mapping[int, tuple[int, int]], threshold: float) -> dict[int, Tensor]:
    """Which tokens belong to the words: a layer's count of tokens -> rows L bool.

    maps: rows L each; grids: counts of tokens -> rows and columns. Every map is stretched to 0..1 in each row, brought
    to the finest grid, and what their mean, stretched again, has beyond `threshold` belongs to the words.
    """
    finest = grids[max(grids)]
    mean = torch.stack([_stretched(_on(one, grids[one.shape[1]], finest)) for one in maps]).mean(0)
    inside = (_stretched(mean) > threshold).to(mean.dtype)
    return {count: F.adaptive_avg_pool2d(inside, grid).flatten(1) >= 0.5 for count, grid in grids.items()}


def _on(one: Tensor, grid: tuple[int, int], finest: tuple[int, int]) -> Tensor:
    """rows L on a grid -> rows 1 h w on the finest."""
    return F.interpolate(one.unflatten(1, (1, *grid)), finest, mode="bilinear", align_corners=False)


def _stretched(x: Tensor) -> Tensor:
    """Each row from 0 to 1."""
    low, high = x.amin((1, 2, 3), keepdim=True), x.amax((1, 2, 3), keepdim=True)
    return (x - low) / (high - low).clamp_min(1e-8)


def _look(maps: list[Tensor], words: Tensor, attn: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    q, k = (
        project(x).unflatten(-1, (attn.heads, -1)).transpose(1, 2)
        for project, x in ((attn.to_q, args[0]), (attn.to_k, kwargs["encoder_hidden_states"]))
    )
    weights = torch.softmax((q @ k.transpose(-1, -2)).float() * attn.scale, dim=-1).mean(1)
    maps.append((weights * words[:, None].to(weights)).sum(-1))
