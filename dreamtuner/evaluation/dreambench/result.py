"""The result of a bench: its figures with everything that they hang on, as JSON and pages show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from dreamtuner.evaluation.dreambench.figures import Figure, ScoredImage, by_subject, figures
from dreamtuner.evaluation.dreambench.protocol import Protocol
from dreamtuner.evaluation.dreambench.published import PublishedTable, published
from dreamtuner.evaluation.dreambench.subject_set import SubjectSet


@dataclass(frozen=True)
class Run:
    """What generated and scored the images.

    `sampling`: the resolved settings; `versions`: of each metric; `licences`: of each metric's models.
    """

    profile: str
    weights_digest: str
    licence: str
    sampling: Mapping[str, Any]
    finetuned: bool
    versions: Mapping[str, str]
    licences: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class BenchResult:
    """The result of one bench. `seeds`: as they were run, which may be fewer than the protocol's."""

    protocol: Protocol
    subjects: SubjectSet
    set_digest: str
    seeds: tuple[int, ...]
    run: Run
    images: tuple[ScoredImage, ...]

    @property
    def metrics(self) -> tuple[str, ...]:
        """Return the metrics: the protocol's, then others that were asked for."""
        return tuple(self.run.versions)

    @property
    def figures(self) -> list[Figure]:
        """Return all figures."""
        return figures(self.subjects, self.images, self.metrics)

    @property
    def published(self) -> Sequence[PublishedTable]:
        """Return the published rows of this bench."""
        return published(self.protocol.name)

    @property
    def missing(self) -> int:
        """Return how many images of the grid are not there, or lack a score."""
        wanted = self.subjects.images * len(self.seeds)
        whole = [one for one in self.images if one.scores is not None and set(self.metrics) <= set(one.scores)]
        return wanted - len(whole)

    @property
    def deviations(self) -> list[str]:
        """Return, in sentences, what was not done as the protocol says; figures with any are not the bench's."""
        found, protocol = list[str](), self.protocol
        if (count := len(self.subjects.subjects)) != protocol.subjects:
            found.append(f"{count} subjects instead of {protocol.subjects}")
        fewest = min(len(one.prompts) for one in self.subjects.subjects)
        most = max(len(one.prompts) for one in self.subjects.subjects)
        if {fewest, most} != {protocol.prompts}:
            counted = str(most) if fewest == most else f"{fewest} to {most}"
            found.append(f"{counted} prompts a subject instead of {protocol.prompts}")
        if self.seeds != protocol.seeds:
            found.append(f"seeds {_listed(self.seeds)} instead of {_listed(protocol.seeds)}")
        if self.missing:
            found.append(f"{self.missing} of {self.subjects.images * len(self.seeds)} images are missing or not scored")
        return found

    def as_json(self) -> dict[str, Any]:
        """Return the result as JSON values; keys are only added to."""
        restated = sum(one.restated for one in self.subjects.subjects)
        return {
            "bench": self.protocol.name,
            "protocol": self.protocol.model_dump(mode="json"),
            "deviations": self.deviations,
            "set_digest": self.set_digest,
            "seeds": list(self.seeds),
            "restated_prompts": restated,
            "images": len(self.images),
            "missing": self.missing,
            "run": asdict(self.run),
            "figures": [asdict(one) for one in self.figures],
            "subjects": [
                {"name": one.name, "class_word": one.class_word, "category": one.category, **self._means(one.name)}
                for one in self.subjects.subjects
            ],
            "published": [one.model_dump(mode="json") for one in self.published],
        }

    def _means(self, subject: str) -> dict[str, dict[str, float]]:
        own = [one for one in self.images if one.subject == subject]
        means = {name: by_subject(own, name).get(subject) for name in self.metrics}
        return {"means": {name: float(np.mean(values)) for name, values in means.items() if values}}


def _listed(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds))
