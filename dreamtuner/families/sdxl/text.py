"""Text encoding by two CLIP models: the states before the last layer of both, and the pooled state of the second."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from dreamtuner.families.text_states import TextStates
from dreamtuner.families.unet.text import clip_skip_message, tokens_of, weighted
from dreamtuner.settings.sampling import TextSettings


def encode_text(
    tokenizers: Sequence[Any],
    text_encoders: Sequence[Any],
    prompt: str,
    device: torch.device,
    settings: TextSettings,
) -> TextStates:
    """Encode one prompt by each encoder: one row, their channels concatenated, and the pooled state of the last.

    The pooled state is that of the first chunk. Raises ValueError, which names the setting, if a weighted prompt cannot
    be parsed or clip_skip is too large.
    """
    parts: list[Tensor] = []
    pooled: list[Tensor] = []
    for tokenizer, encoder in zip(tokenizers, text_encoders, strict=True):
        tokens = tokens_of(tokenizer, prompt, settings.syntax)
        outputs = [encoder(ids[None].to(device), output_hidden_states=True) for ids in tokens.ids]
        states = [penultimate(one.hidden_states, settings.clip_skip) for one in outputs]
        parts.append(torch.cat([weighted(one, w) for one, w in zip(states, tokens.weights, strict=True)], dim=1))
        pooled.append(outputs[0][0])
    return TextStates(torch.cat(parts, dim=-1), pooled[-1])


def penultimate(each: Sequence[Tensor], clip_skip: int) -> Tensor:
    """Return the output of the last layer but one and `clip_skip`, not normalised, of `each`: embeddings and layers.

    Raises:
        ValueError: the encoder has too few layers.
    """
    if clip_skip > len(each) - 3:
        raise ValueError(clip_skip_message(clip_skip, len(each) - 2))
    return each[-(clip_skip + 2)]
