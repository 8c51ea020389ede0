"""Finds words that the text encoder does not distinguish, gives them new embeddings, and teaches them by contrast.

A text encoder trained together with a U-Net can stop distinguishing words: the output of its first layer grows to fifty
times the embeddings, and words with a similar output become identical, with little gradient to separate them. In the
pocket model this happened to the four emblems: their distance was 0.04, that of other words is 2 to 6, and prompts had
no effect on emblems after 700,000 images.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import torch
from torch import Tensor, nn
from transformers import CLIPTokenizer

from dreamtuner.pocket.training.loss_weights import PARTS, inside_of
from dreamtuner.pocket.training.shards import Picture
from dreamtuner.pocket.training.text import encode_captions
from dreamtuner.pocket.world.captions import detailed_caption
from dreamtuner.pocket.world.context import POSES, SCENES, Context
from dreamtuner.pocket.world.identity import ATTRIBUTES, TRAIN, Identity
from dreamtuner.pocket.world.render import SIZE, render

APART = 1.0  # final states are normalised: about 5 long
ROOM = 2.5  # distance below which the loss acts; words that prompts work with are 2 to 6 apart
DRAWS, NORM = 256, 4.0  # the norm of trained embeddings is about 2; smaller ones separate words less

NOISY = range(500, 1000)  # timesteps at which an image's small parts are decided; below, it shows them itself

Attribute = Literal["emblem"]
"""An attribute whose words are taught by contrast: each value is one word and has its place in an image, see PARTS."""
Encode = Callable[[list[str]], Tensor]
"""Encodes captions to text states (B, L, D)."""


def apart(encode: Encode, attribute: str) -> float:
    """Return the smallest distance between two values of an attribute: of text states, at the most affected token."""
    values = ATTRIBUTES[attribute]
    states = encode([_caption(attribute, value) for value in values])
    return min(float((a - b).norm(dim=-1).max()) for a, b in combinations(states, 2))


@torch.no_grad()
def separate(tokenizer: CLIPTokenizer, text_encoder: nn.Module) -> list[str]:
    """Replace the embeddings of attributes whose words ``text_encoder`` does not distinguish; return these attributes.

    Of ``DRAWS`` random embeddings with fixed seeds, those with the largest distance between the closest two values are
    used. Words that occur in another attribute's values are not changed.
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
    """Return the loss that separates words: mean squared shortfall of the distances of one attribute from ``ROOM``.

    The attribute is random, and the shortfall relative to ``ROOM``. Pairs that are far enough apart have no gradient.
    """
    attribute = rng.choice(list(ATTRIBUTES))
    values, context = ATTRIBUTES[attribute], Context.draw(rng)
    identity = Identity.from_seed(rng.choice(TRAIN))
    states = encode([detailed_caption(replace(identity, **{attribute: value}), context) for value in values])
    one, other = (list(side) for side in zip(*combinations(range(len(values)), 2), strict=True))
    # the square root of zero has no gradient
    distance = (states[one] - states[other]).square().sum(-1).add(1e-6).sqrt().amax(1)
    return ((ROOM - distance).clamp_min(0) / ROOM).square().mean()


@dataclass(frozen=True)
class Contrast:
    """Images that differ in one attribute alone, all its values of each in turn, under the same noise.

    `images`: (N, 3, 64, 64) in 0..1; `captions` name every attribute; `inside`: (N, 1, H, W), where the attribute is;
    `t`: (N,), timesteps; `noise`: (N, numbers).
    """

    images: Tensor
    captions: list[str]
    inside: Tensor
    t: Tensor
    noise: Tensor


def sample_contrast(rng: random.Random, attribute: Attribute, count: int, side: int, numbers: int) -> Contrast:
    """Sample about ``count`` images for latents of ``side`` x ``side`` positions and so many ``numbers``.

    All else being equal within a group, the loss on them differs only by whether the word is read.
    """
    values = ATTRIBUTES[attribute]
    groups = max(1, count // len(values))
    seeds, contexts = [rng.choice(TRAIN) for _ in range(groups)], [Context.draw(rng) for _ in range(groups)]
    identities = [replace(Identity.from_seed(seed), **{attribute: value}) for seed in seeds for value in values]
    each = [context for context in contexts for _ in values]
    generator = torch.Generator().manual_seed(rng.getrandbits(31))
    noise = torch.randn((groups, numbers), generator=generator)
    t = torch.tensor([rng.choice(NOISY) for _ in range(groups)])
    pictures = [Picture(seed, context) for seed, context in zip(seeds, contexts, strict=True)]
    return Contrast(
        render(identities, each).image,
        [detailed_caption(identity, context) for identity, context in zip(identities, each, strict=True)],
        inside_of(PARTS[attribute], pictures, SIZE // side).repeat_interleave(len(values), 0),
        t.repeat_interleave(len(values)),
        noise.repeat_interleave(len(values), 0),
    )


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
