"""Renews a text encoder that has lost words: a new one learns the old one's states, and carries the lost words besides.

A text encoder of the pocket model reports an attribute in the states of the tokens after its word, up to the last one,
and the U-Net reads it there. Where a word is lost, its own token still differs, but nothing moves the difference on:
the output of the first layer has grown to fifty times the embeddings, so that no gradient reaches the attention that
could. Neither new embeddings (`words.separate`) nor hundreds of steps on those words alone changed what images show.

So a new encoder starts from random weights. It learns by captions alone, without the U-Net, to give the old one's
states, plus, from the word on, a vector of its own for each value of a lost attribute. These vectors lie where old
states hardly vary, so the U-Net draws all else as before, and can learn to read them (`words.sample_contrast`).
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from transformers import CLIPTextModel

from dreamtuner.pocket.training.text import WIDTH, new_text_encoder, new_tokenizer, vocabulary_words
from dreamtuner.pocket.training.warm_start import start_from
from dreamtuner.pocket.training.words import Attribute
from dreamtuner.pocket.world.captions import detailed_caption, sample_caption, sample_pair_caption, sheet_caption
from dreamtuner.pocket.world.context import Context
from dreamtuner.pocket.world.identity import ATTRIBUTES, TRAIN, Identity
from dreamtuner.pocket.world.together import draw_pair
from dreamtuner.train.stage import place

LENGTH = 2.5  # of the vectors of lost words: states of other values of an attribute are 2 to 6 apart
USED = 64  # directions of largest variance, which these vectors avoid
SAMPLE = 1500  # captions by which the variance is measured


def sample_captions(rng: random.Random, count: int) -> list[str]:
    """Sample captions of all kinds in training: of one subject, of sheets and pairs, empty ones, and mere words."""
    found = []
    for _ in range(count):
        identity, context, u = Identity.from_seed(rng.choice(TRAIN)), Context.draw(rng), rng.random()
        if u < 0.45:
            found.append(detailed_caption(identity, context))
        elif u < 0.65:
            found.append(sample_caption(rng, identity, context))
        elif u < 0.8:
            found.append(sheet_caption(identity, context, Context.draw(rng), detailed=rng.random() < 0.4))
        elif u < 0.9:
            other = Identity.from_seed(rng.choice(TRAIN))
            found.append(sample_pair_caption(rng, list(zip((identity, other), draw_pair(rng), strict=True))))
        else:
            found.append("" if u < 0.95 else " ".join(rng.sample(vocabulary_words(), 10)))
    return found


class TextRenewalStage:
    """Training of a new text encoder on the states of the one in ``start``, a weights folder."""

    def __init__(self, start: Path, lost: tuple[Attribute, ...], batch: int, device: torch.device) -> None:
        self.tokenizer = new_tokenizer()
        self.old = new_text_encoder(self.tokenizer)
        found = CLIPTextModel.from_pretrained(start / "text_encoder").float()
        start_from(self.old, found, start / "text_encoder")
        self.learns = new_text_encoder(self.tokenizer)
        place(self.old.requires_grad_(False).eval(), device)
        place(self.learns, device)
        self.batch, self.device = batch, device
        free = self._unused()
        self.vectors: dict[int, Tensor] = {}
        for attribute in lost:
            values = ATTRIBUTES[attribute]
            used, free = free[: len(values) - 1], free[len(values) - 1 :]
            for value, vector in zip(values, LENGTH * _simplex(len(values)) @ used, strict=True):
                [token] = self.tokenizer(value, add_special_tokens=False).input_ids
                self.vectors[token] = vector.to(device)

    def _unused(self) -> Tensor:
        """Return orthonormal directions, n D, in which the old states hardly vary, the same on every machine."""
        with torch.no_grad():
            states = self.old(self._tokens(sample_captions(random.Random("renewal"), SAMPLE))).last_hidden_state
        _, directions = torch.linalg.eigh(torch.cov(states.flatten(0, 1).T.cpu()))
        most = directions[:, -USED:]
        drawn = torch.randn(WIDTH, 8, generator=torch.Generator().manual_seed(0))
        free: Tensor = torch.linalg.qr(drawn - most @ (most.T @ drawn))[0]
        return free.T

    def _tokens(self, captions: list[str]) -> Tensor:
        read = self.tokenizer(captions, padding="max_length", truncation=True, return_tensors="pt")
        tokens: Tensor = read.input_ids.to(self.device)
        return tokens

    @torch.no_grad()
    def target(self, tokens: Tensor) -> Tensor:
        """Return the states to learn, (B, L, D), for tokens (B, L)."""
        states: Tensor = self.old(tokens).last_hidden_state
        for token, vector in self.vectors.items():
            said = (tokens == token).cumsum(1).clamp_max(1)
            states = states + said.unsqueeze(-1) * vector
        return states

    def loss(self, step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        rng = random.Random(int(torch.randint(2**31, (1,), generator=generator)))
        tokens = self._tokens(sample_captions(rng, self.batch))
        error = (self.learns(tokens).last_hidden_state - self.target(tokens)).square()
        loss: Tensor = error.mean()
        return loss, {"distance": float(error.detach().sum(-1).sqrt().mean())}


def _simplex(count: int) -> Tensor:
    """Return ``count`` unit vectors of ``count`` - 1 dimensions, each as far from every other."""
    centred = torch.eye(count) - 1 / count
    basis, _ = torch.linalg.qr(centred[:, : count - 1])
    return torch.nn.functional.normalize(centred @ basis, dim=1)


@dataclass(frozen=True)
class TextRenewalFactory:
    """Builds the stage in a worker from a weights folder and the attributes whose words its text encoder has lost."""

    start: Path
    lost: tuple[Attribute, ...]
    batch: int

    def build(self, device: torch.device) -> TextRenewalStage:
        return TextRenewalStage(self.start, self.lost, self.batch, device)
