"""The models of a backbone as one trainable module: the parameters that the settings name require gradients."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dreamtuner.families.backbone import FineTunable
from dreamtuner.finetune.learned_token import TokenEmbedding, initial_embedding, with_token, word_of
from dreamtuner.finetune.pairs import Pairs
from dreamtuner.finetune.subject import NamedSubject
from dreamtuner.settings.finetune import FineTuneConfig


class TrainableModel(nn.Module):
    """The models with their trainable parameters, and buffers with the state that a resumed training needs.

    `tokenizers`, and `words`, the embeddings of the learned token if there is one: by text encoder.
    `reference`, `regular`: latents of the subject's images and of the class images; `identities`: the score of each
    preview, NaN for previews that have not been generated yet.
    """

    reference: Tensor
    regular: Tensor
    identities: Tensor

    def __init__(self, backbone: FineTunable, subject: NamedSubject, settings: FineTuneConfig, pairs: Pairs) -> None:
        super().__init__()
        models = backbone.learnable
        self.tokenizers, self.words = dict(backbone.tokenizers), dict[str, TokenEmbedding]()
        if "word" in settings.learns:
            for name, tokenizer in backbone.tokenizers.items():
                self.tokenizers[name] = with_token(tokenizer, settings.word)
                table = models[name].get_input_embeddings()
                row = initial_embedding(tokenizer, table.weight, settings.init or subject.class_word)
                self.words[name] = TokenEmbedding(table, row)
                models[name].set_input_embeddings(self.words[name])
        for name, word in self.words.items():  # first: parameters are named after the first module that has them
            self.add_module(word_of(name), word)
        self.unet = models["unet"]
        for name in self.tokenizers:
            self.add_module(name, models[name])
        self.encoder = models.get("encoder")
        backbone.set_learning(settings)
        for word in self.words.values():
            word.row.requires_grad_(True)
        self.register_buffer("reference", pairs.reference)
        self.register_buffer("regular", pairs.regular)
        previews = -(-settings.steps // settings.preview_every)
        self.register_buffer("identities", torch.full((previews,), torch.nan))
