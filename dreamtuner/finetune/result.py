"""What a model learnt of one subject, and a context in which the model knows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from dreamtuner.families import lora
from dreamtuner.families.backbone import Backbone, FineTunable
from dreamtuner.families.registry import fine_tunable
from dreamtuner.finetune.learned_token import token_added, with_token
from dreamtuner.settings.finetune import FineTuneConfig

WORD = "word.row"
PARTS = ("unet", "text_encoder", "encoder")


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What learnt, by name: `unet.` and `text_encoder.` weights or LoRA matrices, `encoder.` ResBlocks, the word's row.

    `settings`: of the training; `class_word`: what the subject is.
    """

    settings: FineTuneConfig
    class_word: str
    tensors: Mapping[str, Tensor]

    @property
    def row(self) -> Tensor | None:
        """The embedding of the word, 1 D; None where it is text that the model knew."""
        return self.tensors.get(WORD)

    def part(self, name: str) -> dict[str, Tensor]:
        """Those of one model, by their names in it."""
        head = f"{name}."
        return {key.removeprefix(head): one for key, one in self.tensors.items() if key.startswith(head)}

    def weights(self, name: str, model: Any) -> dict[str, Tensor]:
        """The weights that a model gets, by name: adapters are merged into its own."""
        ours = self.part(name)
        matrices = {key: one for key, one in ours.items() if ".lora_" in key}
        return {key: one for key, one in ours.items() if key not in matrices} | lora.merged(model, matrices)


@contextmanager
def replaced_parameters(model: Any, weights: Mapping[str, Tensor]) -> Iterator[None]:
    """Inside, these parameters have other values. On leaving they are the tensors that they were.

    Raises:
        ValueError: the model has no such parameter, or one of another shape.
    """
    parameters = dict(model.named_parameters())
    for name, value in weights.items():
        if name not in parameters or parameters[name].shape != value.shape:
            raise ValueError(f"checkpoint: it holds {name} of {tuple(value.shape)}, which belongs to another model")
    before = {name: parameters[name].data for name in weights}
    try:
        for name, value in weights.items():
            parameters[name].data = value.to(before[name].device, before[name].dtype)
        yield
    finally:
        for name, value in before.items():
            parameters[name].data = value


@contextmanager
def load_finetuned(backbone: Backbone, tuned: Checkpoint) -> Iterator[FineTunable]:
    """The backbone while it knows the subject by its word. On leaving, its models are as they were, to the last bit.

    Raises:
        ValueError: the checkpoint belongs to another model.
        FamilyError: the model cannot learn a subject at all.
    """
    learner = fine_tunable(backbone)
    models = learner.learnable
    with ExitStack() as stack:
        for name in PARTS:
            if tuned.part(name):
                if name not in models:
                    raise ValueError("checkpoint: it has a subject-encoder, and this profile has none")
                stack.enter_context(replaced_parameters(models[name], tuned.weights(name, models[name])))
        tokenizer = learner.tokenizer
        if tuned.row is not None:
            text_encoder = models["text_encoder"]
            table = text_encoder.get_input_embeddings().weight
            tokenizer = with_token(tokenizer, tuned.settings.word)
            stack.enter_context(token_added(text_encoder, tuned.row.to(table.device, table.dtype)))
        yield learner.with_tokenizer(tokenizer)
