"""What is known of a picture before anyone looks at it, as the columns of a logistic model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from dreamtuner.curation.palette import NAMES as PALETTE
from dreamtuner.curation.palette import palette

Array = NDArray[np.float64]
NAMES = 64
"""The most subjects, and the most prompts, that have a column of their own: those with the most decisions."""
WEAK, MEDIUM, STRONG = 1.0, 10.0, 100.0
"""Penalties: of scores and colours; of subjects and prompts; of the many columns of embeddings."""
COLOURS = tuple(f"palette: {name}" for name in PALETTE)


@dataclass(frozen=True, eq=False)
class Signs:
    """What is known of a picture: its subject, prompt, scores by metric, embedding (D) and that of its reference (D).

    `model` is the version of what embeds; `structure` and `reference_structure` are as in
    dreamtuner.curation.perceptual_hash. The seed is left out: it says nothing of a picture that is not seen yet.
    """

    subject: str
    prompt: str
    scores: Mapping[str, float] = field(default_factory=dict)
    vector: NDArray[np.float32] | None = None
    reference: NDArray[np.float32] | None = None
    model: str | None = None
    structure: bytes | None = None
    reference_structure: bytes | None = None

    def numbers(self) -> dict[str, float]:
        """Return the scores, and how well the reference's colours are found again."""
        if self.structure is None or self.reference_structure is None:
            return dict(self.scores)
        found = palette(self.structure, self.reference_structure)
        return {**self.scores, **dict(zip(COLOURS, found.tolist(), strict=True))}


@dataclass(frozen=True, eq=False)
class Columns:
    """Maps signs to columns: a constant, numbers, embeddings beside those of references, subjects and prompts.

    `metrics`: scores and colours, each with mean and deviation; `model`: the version of the embeddings that have
    columns, `mean` and `deviation` of those (2 D); None: no embeddings. What a picture lacks counts as average.
    """

    metrics: Mapping[str, tuple[float, float]]
    subjects: Sequence[str]
    prompts: Sequence[str]
    model: str | None
    mean: Array
    deviation: Array

    @classmethod
    def of(cls, seen: Sequence[Signs]) -> Self:
        """Choose the columns for these pictures."""
        metrics, numbers = {}, [one.numbers() for one in seen]
        for name in sorted({name for one in numbers for name in one}):
            values = np.array([one[name] for one in numbers if name in one])
            metrics[name] = (float(values.mean()), float(values.std()) or 1.0)
        models = Counter(one.model for one in seen if one.vector is not None and one.reference is not None)
        model = models.most_common(1)[0][0] if models else None
        raw = [_pair(one) for one in seen if model is not None and _has(one, model)]
        both = np.array(raw) if raw else np.zeros((1, 0))
        deviation = both.std(axis=0)
        return cls(
            metrics=metrics,
            subjects=_most(one.subject for one in seen),
            prompts=_most(one.prompt for one in seen),
            model=model,
            mean=both.mean(axis=0),
            deviation=np.where(deviation > 0, deviation, 1.0),
        )

    def __call__(self, seen: Sequence[Signs]) -> Array:
        """Return the columns of pictures: N x C."""
        known = [one.numbers() for one in seen]
        scores = np.array([[self._score(one, name) for name in self.metrics] for one in known]).reshape(len(seen), -1)
        vectors = np.zeros((len(seen), len(self.mean)))
        for i, one in enumerate(seen):
            if self.model is not None and _has(one, self.model):
                vectors[i] = (_pair(one) - self.mean) / self.deviation
        subjects = _one_hot([one.subject for one in seen], self.subjects)
        prompts = _one_hot([one.prompt for one in seen], self.prompts)
        return np.hstack([np.ones((len(seen), 1)), scores, vectors, subjects, prompts])

    def penalty(self) -> Array:
        """Return the penalty of each column (C)."""
        names = len(self.subjects) + len(self.prompts)
        return np.array([0.0, *[WEAK] * len(self.metrics), *[STRONG] * len(self.mean), *[MEDIUM] * names])

    def as_json(self) -> dict[str, Any]:
        """Return the columns as JSON values."""
        return {
            "metrics": {name: list(pair) for name, pair in self.metrics.items()},
            "subjects": list(self.subjects),
            "prompts": list(self.prompts),
            "model": self.model,
            "mean": [float(f"{one:.6g}") for one in self.mean],
            "deviation": [float(f"{one:.6g}") for one in self.deviation],
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Read what `as_json` returned."""
        return cls(
            metrics={name: (pair[0], pair[1]) for name, pair in stored["metrics"].items()},
            subjects=stored["subjects"],
            prompts=stored["prompts"],
            model=stored["model"],
            mean=np.array(stored["mean"], dtype=np.float64),
            deviation=np.array(stored["deviation"], dtype=np.float64),
        )

    def _score(self, one: Mapping[str, float], name: str) -> float:
        mean, deviation = self.metrics[name]
        return (one[name] - mean) / deviation if name in one else 0.0


def _has(one: Signs, model: str) -> bool:
    return one.model == model and one.vector is not None and one.reference is not None


def _pair(one: Signs) -> Array:
    """Return an embedding and, component by component, its product with the reference's: what they share."""
    assert one.vector is not None
    assert one.reference is not None
    vector = one.vector.astype(np.float64)
    return np.concatenate([vector, vector * one.reference])


def _most(names: Any) -> list[str]:
    return [name for name, _ in sorted(Counter(names).items(), key=lambda pair: (-pair[1], pair[0]))[:NAMES]]


def _one_hot(names: Sequence[str], known: Sequence[str]) -> Array:
    place = {name: i for i, name in enumerate(known)}
    found = np.zeros((len(names), len(known)))
    for i, name in enumerate(names):
        if name in place:
            found[i, place[name]] = 1.0
    return found
