"""Captions by BLIP, which continues the sentence that begins with the class word.

Li et al., "BLIP: Bootstrapping Language-Image Pre-training", 2022: conditional captioning, by beam search.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image

from dreamtuner.preprocess.backends.auxiliary import AuxiliaryBackend
from dreamtuner.preprocess.backends.captioners.generation import generated
from dreamtuner.preprocess.backends.captioners.plain_words import plain_words
from dreamtuner.preprocess.captioners import Caption

MAX_WORDS = 30
"""Most tokens that are added to the beginning of the sentence."""
BEAMS = 3


class Blip(AuxiliaryBackend):
    """Captions a reference as "a photo of a bear sitting in the snow", lower case."""

    computation = "2"
    name = "blip"
    model = "blip-base"

    def caption(self, image: Callable[[], Image.Image], *, class_word: str, style_word: str) -> Caption:
        """Return the caption of an RGB image; it begins with style word and class word. Raises WeightsMissingError."""
        import torch

        model, processor, tokenizer = _loaded(self.place(), self.version)
        begin = f"a {style_word} of a {class_word}"
        pixels = processor(image().convert("RGB"), return_tensors="pt")["pixel_values"]
        words = tokenizer(begin, return_tensors="pt")
        with torch.inference_mode():
            tokens, confidence = generated(
                model,
                pixel_values=pixels,
                input_ids=words["input_ids"],
                attention_mask=words["attention_mask"],
                max_new_tokens=MAX_WORDS,
                num_beams=BEAMS,
            )
        without_start = tokens[1:]  # a token of the model, which its tokenizer does not know
        return Caption(continued(begin, tokenizer.decode(without_start, skip_special_tokens=True)), confidence)


def continued(begin: str, found: str) -> str:
    """Return the sentence `found` with its beginning as it was written, which tokenizers put in lower case."""
    line = plain_words(found)
    plain = plain_words(begin).lower()
    return begin + line[len(plain) :] if line.startswith(plain) else f"{begin}, {line}" if line else begin


@lru_cache(maxsize=1)
def _loaded(folder: Path, version: str) -> tuple[Any, Any, Any]:
    """Load model, image processor and tokenizer. `version` is part of the key: it changes when the files do."""
    from transformers import BertTokenizer, BlipForConditionalGeneration
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

    model = BlipForConditionalGeneration.from_pretrained(folder, local_files_only=True).float().eval()
    processor = BlipImageProcessorPil.from_pretrained(folder, local_files_only=True)
    return model, processor, BertTokenizer.from_pretrained(folder, local_files_only=True)
