"""Rows of text conditions: the two tensors keep together through every operation."""

from dataclasses import replace

import pytest
import torch

from dreamtuner.families.text_states import TextStates


def _states(rows: int, length: int = 3, *, pooled: bool = True, seed: int = 0) -> TextStates:
    g = torch.Generator().manual_seed(seed)
    return TextStates(torch.randn(rows, length, 4, generator=g), torch.randn(rows, 5, generator=g) if pooled else None)


@pytest.mark.parametrize("pooled", [True, False])
def test_rows_of_states_and_pooled_go_together(pooled: bool) -> None:
    a, b = _states(2, pooled=pooled), _states(1, pooled=pooled, seed=1)
    joined = TextStates.cat([a, b.expand(2)])
    assert len(joined) == 4
    for rows, expected in (([0, 1], a), ([2], b), (slice(-1, None), b)):
        picked = joined[rows]
        assert torch.equal(picked.states, expected.states)
        assert (picked.pooled is None) == (not pooled)
        if pooled:
            assert torch.equal(picked.pooled, expected.pooled)
    twice = a.repeat_interleave(2)
    assert torch.equal(twice[[0, 1]].states, a[[0, 0]].states)
    assert torch.equal(twice[[2]].states, a[[1]].states)
    half = joined.to(dtype=torch.float16)
    assert half.states.dtype == torch.float16
    assert not pooled or half.pooled.dtype == torch.float16


def test_padding_repeats_the_filler_and_leaves_what_was() -> None:
    short, filler = _states(2), _states(1, seed=1)
    longer = short.padded(9, filler)
    assert longer.length == 9
    assert torch.equal(longer.states[:, :3], short.states)
    assert torch.equal(longer.states[1, 3:].view(2, 3, 4), filler.states.expand(2, -1, -1))
    assert torch.equal(longer.pooled, short.pooled)
    assert short.padded(3, filler) is short
    with pytest.raises(ValueError, match="3 tokens cannot be padded to 7"):
        short.padded(7, filler)


def test_rows_with_and_without_pooled_states_do_not_mix() -> None:
    with pytest.raises(ValueError, match="give all or none"):
        TextStates.cat([_states(1), _states(1, pooled=False)])


def test_image_prompts_keep_with_their_rows() -> None:
    text = replace(_states(2), image_prompts=(torch.arange(6.0).view(2, 1, 3), torch.arange(16.0).view(2, 2, 1, 4)))
    joined = TextStates.cat([text, text[[1]].expand(2)]).repeat_interleave(2).to(dtype=torch.float16)
    for one, before in zip(joined.image_prompts, text.image_prompts, strict=True):
        assert one.dtype == torch.float16
        assert torch.equal(one.float(), before[[0, 0, 1, 1, 1, 1, 1, 1]])
    assert len(text.padded(9, _states(1, seed=1)).image_prompts) == 2
    assert not any(one.any() for one in text.zeros().image_prompts)
    with pytest.raises(ValueError, match="some have image prompts"):
        TextStates.cat([text, _states(1)])
