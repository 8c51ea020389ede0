"""Captions by Florence-2, base, in the form that transformers loads without code of the repository.

Xiao et al., "Florence-2: Advancing a Unified Representation for a Variety of Vision Tasks", 2023: the task <CAPTION>,
by beam search.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image

from dreamtuner.preprocess.backends.auxiliary import AuxiliaryBackend
from dreamtuner.preprocess.backends.captioners.generation import described, seen_in
from dreamtuner.preprocess.captioners import Caption

TASK = "<CAPTION>"
MAX_WORDS = 60
"""Most tokens of a caption."""
BEAMS = 3


class Florence2(AuxiliaryBackend):
    """Captions a reference as "a photo of a bear, a brown bear sitting in the snow"."""

    computation = "2"
    name = "florence-2"
    model = "florence-2-base"

    def caption(self, image: Callable[[], Image.Image], *, class_word: str, style_word: str) -> Caption:
        """Return style word, class word and what the model sees in an RGB image. Raises WeightsMissingError."""
        loaded = _loaded(self.place(), self.version)
        seen, confidence = seen_in(image().convert("RGB"), TASK, *loaded, max_words=MAX_WORDS, beams=BEAMS)
        return Caption(described(f"a {style_word} of a {class_word}", seen), confidence)


@lru_cache(maxsize=1)
def _loaded(folder: Path, version: str) -> tuple[Any, Any]:
    """Load model and processor. `version` is part of the key: it changes when the files do."""
    from transformers import AutoTokenizer, Florence2ForConditionalGeneration, Florence2Processor
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    model = Florence2ForConditionalGeneration.from_pretrained(folder, local_files_only=True).float().eval()
    images = CLIPImageProcessorPil.from_pretrained(folder, local_files_only=True)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    return model, Florence2Processor(images, tokenizer)
