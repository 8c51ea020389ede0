"""The cross-attention maps of a U-Net for words of the prompt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor

from dreamtuner.families.unet.attach import transformer_blocks


@contextmanager
def word_maps(unet: Any, words: Tensor) -> Iterator[list[Tensor]]:
    """Collect, in U-Net calls inside, how much each cross-attention layer's tokens attend to the words, rows L each.

    words: rows T bool, the positions of the words in the text states of each row. A value is the sum of a query's
    weights on them, 0..1, mean over heads. The layers' results are unchanged; queries and keys are computed again.
    """
    maps: list[Tensor] = []
    record = partial(_record, maps, words)
    hooks = [
        block.attn2.register_forward_pre_hook(record, with_kwargs=True) for block in transformer_blocks(unet).values()
    ]
    try:
        yield maps
    finally:
        for hook in hooks:
            hook.remove()


def _record(maps: list[Tensor], words: Tensor, attn: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    q, k = (
        project(x).unflatten(-1, (attn.heads, -1)).transpose(1, 2)
        for project, x in ((attn.to_q, args[0]), (attn.to_k, kwargs["encoder_hidden_states"]))
    )
    weights = torch.softmax((q @ k.transpose(-1, -2)).float() * attn.scale, dim=-1).mean(1)
    maps.append((weights * words[:, None].to(weights)).sum(-1))
