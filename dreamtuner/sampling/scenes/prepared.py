"""A subject of a scene as its model sees it: references, texts and guidance of every step."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Literal

from torch import Tensor

from dreamtuner.families.backbone import FineTunable, Parts
from dreamtuner.families.parameters import replaced_parameters
from dreamtuner.families.text_states import TextStates
from dreamtuner.sampling.adapted import adapted
from dreamtuner.sampling.guidance import Pair
from dreamtuner.sampling.guidance_plan import plan_steps
from dreamtuner.sampling.scenes.request import SceneSubject
from dreamtuner.sampling.subject import Subject, prepare_subject
from dreamtuner.settings.sampling import Sampling

PARTS = ("unet", "encoder")
"""The parts of a model that act in a step."""


@dataclass(frozen=True, eq=False)
class PreparedSubject:
    """A subject of a scene, or what lies outside all regions: then it has no references.

    `references`: ready for the reference pass; `plan`: the pair of every model call; `text`: one row each, by the names
    of `Branch`; `empty`: that of no text, to pad with; `weights`: of its own model's parts, by part and name, None if
    it is the model of the others.
    """

    references: Sequence[Subject]
    plan: Sequence[Pair]
    text: Mapping[Literal["c", "uc"], TextStates]
    empty: Mapping[Literal["c", "uc"], TextStates]
    weights: Mapping[str, Mapping[str, Tensor]] | None = None

    @property
    def length(self) -> int:
        """The tokens of the longer text."""
        return max(one.length for one in self.text.values())

    def padded(self, length: int) -> Mapping[Literal["c", "uc"], TextStates]:
        """Return its texts, padded to one length."""
        return {name: one.padded(length, self.empty[name]) for name, one in self.text.items()}


@contextmanager
def used(weights: Mapping[str, Mapping[str, Tensor]] | None, parts: Parts) -> Iterator[None]:
    """Predict with these weights of a subject's own model inside; None: as the model is."""
    with ExitStack() as stack:
        for name, tensors in (weights or {}).items():
            assert isinstance(parts, FineTunable)
            stack.enter_context(replaced_parameters(parts.learnable[name], tensors))
        yield


def prepare(
    backbone: Parts,
    one: SceneSubject,
    template: Any,
    sampling: Sampling,
    negative_prompt: str,
    embeddings: Collection[str] | None,
) -> PreparedSubject:
    """Encode a subject's references and words by its own model; `template`: the scheduler, which is copied."""
    own: AbstractContextManager[Parts] = nullcontext(backbone) if one.model is None else one.model(backbone)
    texts = [negative_prompt, one.prompt, *(reference.caption for reference in one.references)]
    settings = sampling if one.w_r is None else sampling.model_copy(update={"w_r": one.w_r})
    with own as model, adapted(model, sampling, texts, embeddings) as (parts, read):
        given = (replace(reference, caption=read(reference.caption)) for reference in one.references)
        prepared = [prepare_subject(parts, reference, sampling) for reference in given]
        references = [subject for subject in prepared if subject is not None]
        negative, undesired = bool(negative_prompt.strip()), read(negative_prompt) or None
        prompts = {"c": read(one.prompt), "uc": undesired}
        fillers = {"c": "", "uc": None if undesired is None else ""}
        return PreparedSubject(
            references,
            plan_steps(template, references, settings, negative=negative),
            {name: parts.encode_text(prompt, sampling.text) for name, prompt in prompts.items()},  # type: ignore[misc]
            {name: parts.encode_text(filler, sampling.text) for name, filler in fillers.items()},  # type: ignore[misc]
            None if one.model is None else _weights(parts),
        )


def _weights(parts: Parts) -> dict[str, dict[str, Tensor]]:
    """Return the tensors of a model that is changed now; those that others share with it are not copied."""
    if not isinstance(parts, FineTunable):
        raise ValueError("model: this model cannot be changed for one subject alone; leave `model` out")
    models = {name: one for name, one in parts.learnable.items() if name in PARTS}
    return {name: {key: p.data for key, p in one.named_parameters()} for name, one in models.items()}
