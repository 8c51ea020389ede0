"""Captions by BLIP-2 with Flan-T5 XL, by the prompt of its release, "a photo of".

Li et al., "BLIP-2: Bootstrapping Language-Image Pre-training with Frozen Image Encoders and Large Language Models",
2023: captioning by beam search. The models with OPT are not used, as OPT may not be used commercially.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image

from dreamtuner.plugins import PluginError
from dreamtuner.preprocess.backends.auxiliary import AuxiliaryBackend, demand_memory
from dreamtuner.preprocess.backends.captioners.generation import described, seen_in
from dreamtuner.preprocess.captioners import Caption

PROMPT = "a photo of"
MAX_WORDS = 30
"""Most tokens of a caption."""
BEAMS = 5


class Blip2(AuxiliaryBackend):
    """Captions a reference as "a photo of a bear, a brown bear sitting in the snow"."""

    name = "blip-2"
    model = "blip2-flan-t5-xl"

    def caption(self, image: Callable[[], Image.Image], *, class_word: str, style_word: str) -> Caption:
        """Return style word, class word and what the model sees in an RGB image.

        Raises:
            WeightsMissingError: the model is not on this machine, or does not fit into its free memory.
            PluginError: its files do not fit together.
        """
        loaded = _loaded(self.place(), self.version)
        seen, confidence = seen_in(image().convert("RGB"), PROMPT, *loaded, max_words=MAX_WORDS, beams=BEAMS)
        return Caption(described(f"a {style_word} of a {class_word}", seen), confidence)


@lru_cache(maxsize=1)
def _loaded(folder: Path, version: str) -> tuple[Any, Any]:
    """Load model and processor. `version` is part of the key: it changes when the files do."""
    from transformers import AutoTokenizer, Blip2ForConditionalGeneration, Blip2Processor
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

    demand_memory(Blip2.model, folder)
    model = Blip2ForConditionalGeneration.from_pretrained(folder, local_files_only=True).float().eval()
    images = BlipImageProcessorPil.from_pretrained(folder, local_files_only=True)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    processor = Blip2Processor(images, tokenizer, num_query_tokens=model.config.num_query_tokens)
    if tokenizer.convert_tokens_to_ids("<image>") != model.config.image_token_id:
        raise PluginError(
            f"{folder}: the tokenizer has no token <image> of the id {model.config.image_token_id} that config.json "
            "states, so the model would not see the image; take the repository's newest revision"
        )
    return model, processor
