"""Makes ordinary specs of a published set: one for all subjects that share their prompts."""

from collections.abc import Sequence
from typing import Any

import yaml

from dreamtuner.evaluation.dreambench.subject_set import BenchSubject, SubjectSet
from flows.spec.model import Spec
from flows.spec.subject import SubjectSpec


def specs_of(
    subjects: SubjectSet, profile: str, seeds: Sequence[int], metrics: Sequence[str], *, finetune: bool = False
) -> list[Spec]:
    """Return the specs of a set, in its order. Raises pydantic.ValidationError if a prompt or a word cannot be used."""
    groups: dict[tuple[str, ...], list[BenchSubject]] = {}
    for one in subjects.subjects:
        groups.setdefault(one.prompts, []).append(one)
    return [
        Spec(
            name=f"{subjects.name}-{profile}{'-tuned' if finetune else ''}-{_named(members)}",
            profile=profile,
            subjects=tuple(_subject(subjects, one) for one in members),
            prompts=prompts,
            seeds=tuple(seeds),
            score=tuple(metrics),
            finetune={} if finetune else None,
        )
        for prompts, members in groups.items()
    ]


def catalog_name(subjects: SubjectSet, one: BenchSubject) -> str:
    """Return the name of a subject of a set in the catalog."""
    return f"{subjects.name}-{one.name}"


def spec_yaml(spec: Spec) -> str:
    """Return a spec as the YAML that `dreamtuner run` reads, without the fields that it leaves at their defaults."""
    content: dict[str, Any] = spec.model_dump(mode="json", exclude_defaults=True)
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)


def _named(members: Sequence[BenchSubject]) -> str:
    categories = dict.fromkeys(one.category for one in members)
    return members[0].name if len(members) == 1 else "-".join(categories)


def _subject(subjects: SubjectSet, one: BenchSubject) -> SubjectSpec:
    return SubjectSpec(
        name=catalog_name(subjects, one), class_word=one.class_word, reference=str(one.reference.absolute())
    )
