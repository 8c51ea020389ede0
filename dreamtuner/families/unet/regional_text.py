"""Cross-attention by region in stock U-Nets and ControlNets: each region of an image reads a text of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from diffusers.models.attention_processor import Attention
from torch import Tensor

from dreamtuner.attention.by_region import Regions, regional_attention
from dreamtuner.families.unet.attach import REPLACEABLE, heads_of


class TextByRegion:
    """See `dreamtuner.families.denoiser.RegionalText`. `regions`: those of the calls now; None: texts are whole."""

    def __init__(self) -> None:
        self.regions: Regions | None = None

    @contextmanager
    def by(self, regions: Regions) -> Iterator[None]:
        """Let the tokens of each region attend to its own text states in calls inside."""
        before, self.regions = self.regions, regions
        try:
            yield
        finally:
            self.regions = before


class RegionalTextProcessor:
    """The attention processor of one cross-attention layer; without regions it leaves the layer to `stock`."""

    def __init__(self, text: TextByRegion, stock: Any) -> None:
        self._text, self._stock = text, stock

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        """Compute the layer. hidden_states: B L C; encoder_hidden_states: B ((N + 1) T) D. Returns B L C."""
        if self._text.regions is None:
            out: Tensor = self._stock(attn, hidden_states, encoder_hidden_states, attention_mask, temb)
            return out
        if encoder_hidden_states is None or attention_mask is not None or attn.norm_cross:
            raise ValueError("text by region needs plain cross-attention; this layer is of another kind")
        q = heads_of(attn.to_q(hidden_states), attn.heads)
        k, v = (heads_of(project(encoder_hidden_states), attn.heads) for project in (attn.to_k, attn.to_v))
        mixed = regional_attention(self._text.regions, q, k, v)
        flat = mixed.transpose(1, 2).reshape(hidden_states.shape[0], -1, attn.heads * mixed.shape[-1])
        done: Tensor = attn.to_out[1](attn.to_out[0](flat.to(q.dtype)))
        return done


@contextmanager
def text_attached(unet: Any, controlnets: Mapping[str, Any] | None = None) -> Iterator[TextByRegion]:
    """Attach text by region to every cross-attention layer (`*.attn2`) of a U-Net and its ControlNets.

    On exit the original processors are restored. Raises ValueError if a layer's own processor does more than plain
    attention, such as those of IP-Adapters.
    """
    text, models = TextByRegion(), (unet, *(controlnets or {}).values())
    before = [dict(model.attn_processors) for model in models]
    for processors in before:
        for name, one in processors.items():
            if name.endswith(".attn2.processor") and type(one) not in REPLACEABLE:
                raise ValueError(
                    f"{name} is {type(one).__name__}, not a stock processor: images of several subjects read texts by "
                    "region; unload IP-Adapters, or call set_default_attn_processor()"
                )
    for model, processors in zip(models, before, strict=True):
        ours = {n: RegionalTextProcessor(text, one) for n, one in processors.items() if n.endswith(".attn2.processor")}
        model.set_attn_processor({**processors, **ours})
    try:
        yield text
    finally:
        for model, processors in zip(models, before, strict=True):
            model.set_attn_processor(processors)
