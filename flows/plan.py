"""Spec and ingested facts in, cells out: pure, so that the same order always names the same pictures."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dreamtuner.config import ENGINE_VERSION, Sampling, Style
from flows.spec import PLACEHOLDER, STYLE_PLACEHOLDER, Spec

STYLE_WORDS: Mapping[str, str] = {"natural": "photo", "anime": "drawing"}
DEFAULT_CAPTION = f"a {STYLE_PLACEHOLDER} of a {PLACEHOLDER}"


@dataclass(frozen=True)
class Facts:
    """What ingestion found out about one subject. Digests are the SHA-256 of the stored bytes."""

    name: str
    class_word: str
    style: Style
    caption: str
    reference_sha256: str
    mask_sha256: str


@dataclass(frozen=True)
class PlannedCell:
    """One picture of the grid. `recipe` is everything that decides its pixels; `digest` is the recipe's SHA-256."""

    digest: str
    subject: str
    prompt: str
    seed: int
    recipe: Mapping[str, Any]


def expand(text: str, *, class_word: str, style: str) -> str:
    """Put the class word and the style's word for a picture into a prompt or caption.

    >>> expand("a {style} of a {subject} on the beach", class_word="bear", style="anime")
    'a drawing of a bear on the beach'
    """
    return text.replace(PLACEHOLDER, class_word).replace(STYLE_PLACEHOLDER, STYLE_WORDS[style])


def caption_of(caption: str | None, *, class_word: str, style: str) -> str:
    """The reference's own caption, or the plainest one that is true of it."""
    return expand(DEFAULT_CAPTION if caption is None else caption, class_word=class_word, style=style)


def canonical(recipe: Mapping[str, Any]) -> str:
    """The recipe as JSON in one spelling: sorted keys, no spaces, ASCII. Its SHA-256 is the cell's digest."""
    return json.dumps(recipe, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest_of(recipe: Mapping[str, Any]) -> str:
    """64 hex digits."""
    return hashlib.sha256(canonical(recipe).encode("ascii")).hexdigest()


def recipe_of(
    *,
    reference: str,
    mask: str | None,
    caption: str,
    weights: str,
    prompt: str,
    negative_prompt: str,
    seed: int,
    sampling: Sampling,
) -> dict[str, Any]:
    """Everything that decides a picture. `checkpoint` and `pose` have their place here before they exist."""
    return {
        "reference": reference,
        "mask": mask,
        "caption": caption,
        "checkpoint": None,
        "weights": weights,
        "prompt": prompt,
        "negative_prompt": negative_prompt,
        "pose": None,
        "seed": seed,
        "sampling": sampling.model_dump(mode="json"),
        "engine": ENGINE_VERSION,
    }


def plan_cells(
    spec: Spec, facts: Sequence[Facts], *, weights: str, sampling: Mapping[Style, Sampling]
) -> list[PlannedCell]:
    """The grid of the subjects in `facts`: subject by subject, prompt by prompt, seed by seed.

    `weights` is the profile's weights digest; `sampling` the numbers of each style, the spec's overrides within.
    """
    cells = []
    for one in facts:
        for template in spec.prompts:
            prompt = expand(template, class_word=one.class_word, style=one.style)
            for seed in spec.seeds:
                recipe = recipe_of(
                    reference=one.reference_sha256,
                    mask=one.mask_sha256,
                    caption=one.caption,
                    weights=weights,
                    prompt=prompt,
                    negative_prompt=spec.negative_prompt,
                    seed=seed,
                    sampling=sampling[one.style],
                )
                cells.append(PlannedCell(digest_of(recipe), one.name, prompt, seed, recipe))
    return cells
