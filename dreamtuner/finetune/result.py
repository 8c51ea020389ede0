"""The checkpoint of a fine-tuned subject, and a context in which a model uses it."""

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
    """Trained tensors by name: `unet.` and `text_encoder.` weights or LoRA matrices, `encoder.` ResBlocks, `word.row`.

    `word.row` is the embedding of the learned token. `settings`: of the training; `class_word`: the subject's class.
    """

    settings: FineTuneConfig
    class_word: str
    tensors: Mapping[str, Tensor]

    @property
    def row(self) -> Tensor | None:
        """The embedding of the learned token, 1 D; None if the word is ordinary text."""
        return self.tensors.get(WORD)

    def part(self, name: str) -> dict[str, Tensor]:
        """Return the tensors of one model, by their names in it."""
        head = f"{name}."
        return {key.removeprefix(head): one for key, one in self.tensors.items() if key.startswith(head)}

    def weights(self, name: str, model: Any) -> dict[str, Tensor]:
        """Return the weights to put into a model, by name, with adapters merged into the model's own."""
        ours = self.part(name)
        matrices = {key: one for key, one in ours.items() if ".lora_" in key}
        return {key: one for key, one in ours.items() if key not in matrices} | lora.merged(model, matrices)


@contextmanager
def replaced_parameters(model: Any, weights: Mapping[str, Tensor]) -> Iterator[None]:
    """Replace the values of these parameters inside the context; restore the original tensors on exit.

    Raises:
        ValueError: the model has no such parameter, or one of another shape.
    """
    parameters = dict(model.named_parameters())
    for name, value in weights.items():
        if name not in parameters or parameters[name].shape != value.shape:
            raise ValueError(f"checkpoint: it has {name} of shape {tuple(value.shape)}, which belongs to another model")
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
    """Load a checkpoint into the backbone inside the context; yields the backbone with the learned token.

    On exit the models are restored bit for bit.

    Raises:
        ValueError: the checkpoint belongs to another model.
        FamilyError: the model family does not support fine-tuning.
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
