"""What captioners by language models share: beam search with its confidence, and the class word before the caption."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PIL import Image

from dreamtuner.preprocess.backends.captioners.plain_words import plain_words

if TYPE_CHECKING:
    from torch import Tensor


def generated(model: Any, **inputs: Any) -> tuple[Tensor, float]:
    """Return the tokens, (N,), that a model generates by beam search, and how sure it is, 0..1.

    The confidence is the geometric mean of the probabilities of the tokens that it chose. It compares captions of one
    captioner; it says nothing of how true they are.
    """
    found = model.generate(**inputs, do_sample=False, return_dict_in_generate=True, output_scores=True)
    return found.sequences[0], min(1.0, float(found.sequences_scores[0].exp()))


def seen_in(
    image: Image.Image, text: str, model: Any, processor: Any, *, max_words: int, beams: int
) -> tuple[str, float]:
    """Return what a model says of an RGB image when it is asked `text`, and how sure it is, as `generated` does."""
    import torch

    inputs = processor(images=image, text=text, return_tensors="pt")
    with torch.inference_mode():
        tokens, confidence = generated(model, **inputs, max_new_tokens=max_words, num_beams=beams)
    return processor.tokenizer.decode(tokens, skip_special_tokens=True), confidence


def described(begin: str, found: str) -> str:
    """Return the beginning and the sentence `found`, joined by a comma, without capital and full stop."""
    line = plain_words(found).rstrip(".")
    return f"{begin}, {line[:1].lower()}{line[1:]}" if line else begin
