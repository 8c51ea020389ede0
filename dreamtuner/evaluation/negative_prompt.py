"""What a negative prompt does beside a reference: without one, in the steps of Eq. 5, and in every step.

Two things are named, which a subject's images would otherwise often show: its own hat, under prompts in other scenes,
and the scene of its reference, under prompts that name no scene.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from dreamtuner.evaluation.held_out import held_out_contexts, held_out_subjects, reference_of
from dreamtuner.evaluation.measures import IDENTITY
from dreamtuner.evaluation.run import Bench
from dreamtuner.pocket.training.autoencoder import pictures_to_model
from dreamtuner.pocket.training.oracle import truth
from dreamtuner.pocket.training.shards import Picture
from dreamtuner.pocket.world import Context, caption
from dreamtuner.pocket.world.captions import MEDIUM
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.request import Cell

Named = Literal["hat", "scene"]
FORMS: dict[str, tuple[bool, Literal["text", "all"]]] = {
    "no negative prompt": (False, "text"),
    "negative_in: text": (True, "text"),
    "negative_in: all": (True, "all"),
}
"""Whether there is a negative prompt, and the steps in which it acts."""


@dataclass(frozen=True)
class NegativeFigures:
    """Shares of one form over `images` images, 0..1.

    `shown`: images in which the oracle reads what the negative prompt names; `identity`: the reference's attributes,
    without the hat if that is named; `prompt`: what the prompt names.
    """

    named: Named
    form: str
    images: int
    shown: float
    identity: float
    prompt: float


def measure_negative_prompts(
    bench: Bench, subjects: int, images: int, say: Callable[[str], None] = lambda line: None
) -> Iterator[NegativeFigures]:
    """Generate `images` images of each of `subjects` held-out subjects in every form, from the same noise."""
    people = [one for one in held_out_subjects(20 * subjects) if one.identity.hat != "no hat"][:subjects]
    things: tuple[Named, ...] = ("hat", "scene")
    for named in things:
        for form in FORMS:
            rows = []
            for i, subject in enumerate(people, 1):
                rows += _measured(bench, subject, named, form, images)
                say(f"{named}, {form}: {i} of {subjects} subjects")
            shown, identity, prompt = np.mean(rows, axis=0).tolist()
            yield NegativeFigures(named, form, len(rows), shown, identity, prompt)


def _measured(bench: Bench, subject: Picture, named: Named, form: str, count: int) -> list[tuple[float, float, float]]:
    """Return whether the thing is shown, the share of identity and the share of the prompt, for each image."""
    has_negative, steps = FORMS[form]
    contexts = held_out_contexts(subject, count)
    sampling = bench.profile.sampling(subject.context.style, negative_in=steps)
    pictures = generate(
        bench.backbone,
        reference_of(subject),
        [Cell(_prompt(subject, context, named), seed) for seed, context in enumerate(contexts)],
        sampling,
        negative_prompt=getattr(subject.identity if named == "hat" else subject.context, named) if has_negative else "",
    )
    reference = truth(subject)
    identity = [name for name in IDENTITY if name != named]
    asked = ["class_word", "pose", "style", *(["scene"] if named == "hat" else [])]
    rows = []
    for context, seen in zip(contexts, bench.oracle.read(pictures_to_model(pictures)), strict=True):
        wanted = truth(Picture(subject.identity_seed, context))
        rows.append(
            (
                float(seen[named] == reference[named]),
                _share(identity, seen, reference),
                _share(asked, seen, wanted),
            )
        )
    return rows


def _prompt(subject: Picture, context: Context, named: Named) -> str:
    if named == "hat":
        return caption(subject.identity, context)
    return f"{MEDIUM[context.style]} a {subject.identity.class_word}, {context.pose}"


def _share(names: Sequence[str], seen: dict[str, str], true: dict[str, str]) -> float:
    return float(np.mean([seen[name] == true[name] for name in names]))
