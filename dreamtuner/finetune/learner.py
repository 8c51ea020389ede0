"""What learns a subject: the models of a backbone, with those of their parameters set free that the settings name."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dreamtuner.families.unet.backbone import Backbone
from dreamtuner.finetune import lora
from dreamtuner.finetune.learned_token import WordEmbedding, first_row, with_word
from dreamtuner.finetune.pairs import Pairs
from dreamtuner.finetune.subject import NamedSubject
from dreamtuner.settings.finetune import FineTune


class Learner(nn.Module):
    """The models, of which some parameters learn, and as buffers what a resumed training must find again.

    `reference`, `regular`: the latents of the pairs; `identities`: how like the reference each preview was, NaN where
    there was none yet.
    """

    reference: Tensor
    regular: Tensor
    identities: Tensor

    def __init__(self, backbone: Backbone, subject: NamedSubject, settings: FineTune, pairs: Pairs) -> None:
        super().__init__()
        self.tokenizer = backbone.tokenizer
        self.word: WordEmbedding | None = None
        if "word" in settings.learns:
            self.tokenizer = with_word(backbone.tokenizer, settings.word)
            table = backbone.text_encoder.get_input_embeddings()
            row = first_row(backbone.tokenizer, table.weight, settings.init or subject.class_word)
            self.word = WordEmbedding(table, row)  # first: its parameters are named after it
            backbone.text_encoder.set_input_embeddings(self.word)
        self.unet, self.text_encoder, self.encoder = backbone.unet, backbone.text_encoder, backbone.encoder
        self._choose(settings)
        self.register_buffer("reference", pairs.reference)
        self.register_buffer("regular", pairs.regular)
        previews = -(-settings.steps // settings.preview_every)
        self.register_buffer("identities", torch.full((previews,), torch.nan))

    def _choose(self, settings: FineTune) -> None:
        """What learns: all else stays as it is, bit for bit."""
        for model, targets, part in (
            (self.unet, lora.UNET, "unet"),
            (self.text_encoder, lora.TEXT, "text_encoder"),
        ):
            if part in settings.learns:
                if settings.mode == "lora":
                    lora.inject(model, targets, settings.rank, seed=settings.seed)
                else:
                    model.requires_grad_(True)
        if self.encoder is not None and "resblocks" in settings.learns:
            self.encoder.requires_grad_(True)
            self.encoder.layers.requires_grad_(False)
        embedding = self.text_encoder.get_input_embeddings()
        if self.word is not None:
            embedding = self.word.table
            self.word.row.requires_grad_(True)
        embedding.requires_grad_(False)  # of the words, [S*] alone learns
