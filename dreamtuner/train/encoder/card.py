"""Writes the card of a trained subject-encoder: what it is for, what it was trained on, how, and what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dreamtuner.train.encoder.settings import EncoderSettings

_CARD = """---
license: {licence}
library_name: dreamtuner
base_model: {source}
tags: [subject-driven-generation, dreamtuner, subject-encoder]
---

# Subject-encoder for {profile}

The subject-encoder of DreamTuner (arXiv:2312.13691, Sec. 3.1, Eq. 1) for the model {profile}: {numbers:,} parameters,
the residual blocks and the subject-encoder-attention layers. It works with the U-Net and the CLIP model that it was
trained with; `dreamtuner models add-encoder FILE --profile NAME` adds it to a profile. Use it at beta 0.2: the paper
found that 0.5 already harms editing.

## Training

{steps:,} steps of {batch} images at {resolution} pixels, beta 1, {control}; learning rate {lr:g}, {optimizer},
seed {seed}. {average}

## Data

{images:,} images ({faulty:,} more were faulty and left out); their licence: {data_licence}. Where they did not come
with an image: masks by {masker}, captions by {captioner}, control images by {estimators}. SHA-256 of the prepared
data: {data}.

## Measured on images held out from the training

{measured}

The images were generated from the subject and its own caption at beta {beta:g}, without control image and without
self-subject-attention. These figures follow a training; they do not compare models.

## Limits

What the data does not show is not learned, and its biases are. Results may reproduce trademarks, artworks and people
that a reference shows; the licences of the base model and of the data hold for this file too.
"""


def write_card(facts: Mapping[str, Any], settings: EncoderSettings) -> str:
    """Return the card, Markdown with the hub's front matter, of a file that says `facts` of itself."""
    eyes = facts["eyes"]
    kinds = [f"{one} ({name})" for one, name in eyes.items() if one not in ("masker", "captioner")]
    loop, identity = settings.loop, facts["identity"]
    measured = "Nothing: no validation was run."
    if identity is not None:
        measured = f"Loss {facts['val_loss']:.4f}; masked CLIP-I {identity:.3f} over {settings.validation} images."
    return _CARD.format(
        **{name: value for name, value in facts.items() if name not in ("source", "eyes")},
        source=facts["source"] or facts["profile"],
        control="conditioned on depth" if facts["controlnet"] else "without a ControlNet, an ablation",
        lr=loop.lr,
        optimizer=loop.optimizer,
        seed=loop.seed,
        average=f"The weights are their average (decay {loop.ema:g})."
        if loop.ema
        else "The weights are the last ones.",
        masker=eyes["masker"],
        captioner=eyes["captioner"],
        estimators=", ".join(kinds) or "none",
        measured=measured,
        beta=settings.validation_beta,
    )
