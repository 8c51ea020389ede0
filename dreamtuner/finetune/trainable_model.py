"""The models of a backbone as one trainable module: the parameters that the settings name require gradients."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dreamtuner.families.backbone import FineTunable
from dreamtuner.finetune.learned_token import TokenEmbedding, initial_embedding, with_token
from dreamtuner.finetune.pairs import Pairs
from dreamtuner.finetune.subject import NamedSubject
from dreamtuner.settings.finetune import FineTuneConfig


class TrainableModel(nn.Module):
    """The models with their trainable parameters, and buffers with the state that a resumed training needs.

    `reference`, `regular`: latents of the reference and of the class images; `identities`: the score of each preview,
    NaN for previews that have not been generated yet.
    """

    reference: Tensor
    regular: Tensor
    identities: Tensor

    def __init__(self, backbone: FineTunable, subject: NamedSubject, settings: FineTuneConfig, pairs: Pairs) -> None:
        super().__init__()
        models = backbone.learnable
        self.tokenizer = backbone.tokenizer
        self.word: TokenEmbedding | None = None
        if "word" in settings.learns:
            self.tokenizer = with_token(backbone.tokenizer, settings.word)
            table = models["text_encoder"].get_input_embeddings()
            row = initial_embedding(backbone.tokenizer, table.weight, settings.init or subject.class_word)
            self.word = TokenEmbedding(table, row)  # first: its parameters are named after it
            models["text_encoder"].set_input_embeddings(self.word)
        self.unet, self.text_encoder, self.encoder = models["unet"], models["text_encoder"], models.get("encoder")
        backbone.set_learning(settings)
        if self.word is not None:
            self.word.row.requires_grad_(True)
        self.register_buffer("reference", pairs.reference)
        self.register_buffer("regular", pairs.regular)
        previews = -(-settings.steps // settings.preview_every)
        self.register_buffer("identities", torch.full((previews,), torch.nan))
