"""The checkpoint of a fine-tuned subject, and a context in which a model uses it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from dreamtuner.families import lora
from dreamtuner.families.backbone import Backbone, FineTunable
from dreamtuner.families.parameters import replaced_parameters
from dreamtuner.families.registry import fine_tunable
from dreamtuner.finetune.learned_token import token_added, with_token, word_of
from dreamtuner.settings.finetune import FineTuneConfig

WORD = "word.row"
_ROW = re.compile(r"word(_\d+)?\.row")


def row_key(text_encoder: str) -> str:
    """Return the name of the learned token's embedding for this text encoder: "word.row" for the first."""
    return f"{word_of(text_encoder)}.row"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Trained tensors by name: `unet.` and `text_encoder.` weights or LoRA matrices, `encoder.` ResBlocks, `word.row`.

    `word.row` is the embedding of the learned token; a second text encoder has `text_encoder_2.` and `word_2.row`, and
    so on. `settings`: of the training; `class_word`: the subject's class.
    """

    settings: FineTuneConfig
    class_word: str
    tensors: Mapping[str, Tensor]

    @property
    def has_word(self) -> bool:
        """Whether it has a learned token; otherwise the word is ordinary text."""
        return WORD in self.tensors

    @property
    def models(self) -> set[str]:
        """The names of the models that it has tensors of."""
        return {name.partition(".")[0] for name in self.tensors if not _ROW.fullmatch(name)}

    def row(self, text_encoder: str = "text_encoder") -> Tensor:
        """Return the embedding of the learned token for this text encoder, 1 D. Raises ValueError if it has none."""
        row = self.tensors.get(row_key(text_encoder))
        if row is None:
            raise ValueError(f"checkpoint: it has no {word_of(text_encoder)}, so it belongs to another model")
        return row

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
        if strange := tuned.models - models.keys():
            what = "a subject-encoder" if "encoder" in strange else " and ".join(sorted(strange))
            raise ValueError(f"checkpoint: it has {what}, and this profile has none")
        for name in models.keys() & tuned.models:
            stack.enter_context(replaced_parameters(models[name], tuned.weights(name, models[name])))
        tokenizers = dict(learner.tokenizers)
        if tuned.has_word:
            for name in tokenizers:
                table = models[name].get_input_embeddings().weight
                row = tuned.row(name).to(table.device, table.dtype)
                if row.shape[1:] != table.shape[1:]:
                    raise ValueError(f"checkpoint: its token is of {row.shape[1]} channels, another model's")
                tokenizers[name] = with_token(tokenizers[name], tuned.settings.word)
                stack.enter_context(token_added(models[name], row))
        yield learner.with_tokenizers(tokenizers)
