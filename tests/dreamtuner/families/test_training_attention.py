"""Attention for training is the attention that diffusers computes, forwards and backwards."""

import pytest
import torch
from diffusers.models.attention_processor import Attention, AttnProcessor2_0

from dreamtuner.families.unet.training_attention import WrittenOutAttention


@pytest.mark.parametrize("context", [None, 7])
def test_it_equals_diffusers_own_with_its_gradients(context: int | None):
    torch.manual_seed(0)
    attn = Attention(12, cross_attention_dim=None if context is None else 10, heads=3, dim_head=4).double()
    h = torch.randn(2, 5, 12, dtype=torch.float64, requires_grad=True)
    states = None if context is None else torch.randn(2, context, 10, dtype=torch.float64)
    found = []
    for processor in (AttnProcessor2_0(), WrittenOutAttention()):
        attn.set_processor(processor)
        out = attn(h, encoder_hidden_states=states)
        gradients = torch.autograd.grad(out.square().sum(), [h, *attn.parameters()])
        found.append((out, *gradients))
    for theirs, ours in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)
