"""Unfused attention for training, because its backward pass on a CPU is faster than the fused kernel's."""

from __future__ import annotations

from typing import Any

from torch import Tensor


class WrittenOutAttention:
    """A diffusers attention processor: softmax(q k^T / sqrt(d)) v by two matrix products.

    In bfloat16 on a CPU the backward pass of the fused kernel takes a third of a U-Net's step. The scores are stored,
    (B, heads, N, M), so this is for small latents; for large ones use diffusers' own processor.
    """

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
    ) -> Tensor:
        """Compute attention: hidden_states (B, N, C), encoder_hidden_states (B, M, D) or None -> (B, N, C).

        Raises:
            ValueError: a mask was given, which is not supported.
        """
        if attention_mask is not None:
            raise ValueError("attention_mask: not supported in training; give None")
        source = hidden_states if encoder_hidden_states is None else encoder_hidden_states

        def split(x: Tensor) -> Tensor:
            heads: Tensor = x.unflatten(-1, (attn.heads, -1))
            return heads.transpose(1, 2)

        q, k, v = split(attn.to_q(hidden_states)), split(attn.to_k(source)), split(attn.to_v(source))
        weights = (q @ k.transpose(-1, -2) * attn.scale).softmax(-1)
        out: Tensor = attn.to_out[0]((weights.to(v.dtype) @ v).transpose(1, 2).flatten(2))
        return out
