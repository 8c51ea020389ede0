"""Which words the text encoder tells apart, and new embeddings for those that it does not.

A text encoder that learns beside a U-Net can lose words: its first layer's output grows to fifty times the embeddings,
and words that this layer answers alike leave it as one, with little gradient to part them. The four emblems were lost
so in the pocket model: 0.04 apart, where other words are 2 to 6 apart, and not followed after 700,000 pictures.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import torch
from torch import Tensor, nn
from transformers import CLIPTokenizer

from dreamtuner.pocket.training.text import encode_captions
from dreamtuner.pocket.world.captions import detailed_caption
from dreamtuner.pocket.world.context import POSES, SCENES, Context
from dreamtuner.pocket.world.identity import ATTRIBUTES, TRAIN, Identity

APART = 1.0  # final states are normalised: about 5 long
ROOM = 2.5  # what a training holds words apart by; words that are followed are 2 to 6 apart
DRAWS, NORM = 256, 4.0  # embeddings are about 2 long; shorter ones leave less between words

Encode = Callable[[list[str]], Tensor]
"""Captions -> text states (B, L, D)."""


def apart(encode: Encode, attribute: str) -> float:
    """How far apart the text states of a caption are, at its most affected token, for the closest two values."""
    values = ATTRIBUTES[attribute]
    states = encode([_caption(attribute, value) for value in values])
    return min(float((a - b).norm(dim=-1).max()) for a, b in combinations(states, 2))


@torch.no_grad()
def tell_apart(tokenizer: CLIPTokenizer, text_encoder: nn.Module) -> list[str]:
    """Redraw the embeddings of attributes whose words ``text_encoder`` does not tell apart; returns which.

    Of ``DRAWS`` seeded draws the one is kept that leaves the closest two values farthest apart. Only words that occur
    in no other attribute's values are redrawn.
    """

    def encode(captions: list[str]) -> Tensor:
        return encode_captions(tokenizer, text_encoder, captions, torch.device("cpu"))

    lost = [name for name in ATTRIBUTES if apart(encode, name) < APART]
    table: Tensor = text_encoder.get_input_embeddings().weight  # type: ignore[operator]
    for name in lost:
        others = " ".join(" ".join(values) for other, values in ATTRIBUTES.items() if other != name).split()
        words = sorted({word for value in ATTRIBUTES[name] for word in value.split()} - set(others))
        rows = [tokenizer.convert_tokens_to_ids(f"{word}</w>") for word in words]
        best, kept = -1.0, table[rows].clone()
        for seed in range(DRAWS):
            drawn = torch.randn(len(rows), table.shape[1], generator=torch.Generator().manual_seed(seed))
            table[rows] = nn.functional.normalize(drawn, dim=-1).to(table) * NORM
            found = apart(encode, name)
            if found > best:
                best, kept = found, table[rows].clone()
        table[rows] = kept
    return lost


def crowding(encode: Encode, rng: random.Random) -> Tensor:
    """How much nearer than ``ROOM`` a random attribute's values are to one another, as a share, squared: a loss.

    It is zero, and has no gradient, where all are far enough apart: it holds words apart and leaves others alone.
    """
    attribute = rng.choice(list(ATTRIBUTES))
    values, context = ATTRIBUTES[attribute], Context.draw(rng)
    identity = Identity.from_seed(rng.choice(TRAIN))
    states = encode([detailed_caption(replace(identity, **{attribute: value}), context) for value in values])
    one, other = (list(side) for side in zip(*combinations(range(len(values)), 2), strict=True))
    # the square root of zero has no gradient
    distance = (states[one] - states[other]).square().sum(-1).add(1e-6).sqrt().amax(1)
    return ((ROOM - distance).clamp_min(0) / ROOM).square().mean()


def _caption(attribute: str, value: str) -> str:
    identity = Identity(
        class_word="bear",
        primary="red",
        secondary="blue",
        accent="green",
        pattern="stripes",
        emblem="star",
        hat="crown",
        eyes="big eyes",
        shape="slim",
    )
    return detailed_caption(replace(identity, **{attribute: value}), Context(SCENES[0], POSES[0], "natural"))
