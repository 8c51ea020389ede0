"""Attaching changes nothing, leaves nothing, and shows a reference to the rows it was given for."""

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from torch import Tensor

from dreamtuner.attention.self_subject import SubjectKeys
from dreamtuner.families.unet.attach import SelfSubjectProcessor, attached
from dreamtuner.families.unet.backbone import UNetBackbone

Inputs = tuple[Tensor, Tensor, Tensor]
TOKENS = {256: torch.arange(3, 90), 64: torch.arange(5, 20), 16: torch.arange(4)}


@pytest.fixture
def inputs() -> Inputs:
    g = torch.Generator().manual_seed(0)
    return torch.randn(3, 8, 16, 16, generator=g), torch.tensor(500), torch.randn(3, 24, 16, generator=g)


@pytest.fixture
def run(tiny: UNetBackbone, inputs: Inputs) -> Callable[[], Tensor]:
    @torch.no_grad()
    def unet() -> Tensor:
        out: Tensor = tiny.unet(*inputs, return_dict=False)[0]
        return out

    return unet


def test_attached_alone_is_the_plain_model_to_the_last_bit(tiny: UNetBackbone, run: Callable[[], Tensor]) -> None:
    plain = run()
    with attached(tiny.unet) as ssa:
        assert torch.equal(run(), plain)
        with ssa.attend([(2, None), (1, None)]):
            assert torch.equal(run(), plain)


def test_leaving_restores_processors_state_dict_and_outputs(tiny: UNetBackbone, run: Callable[[], Tensor]) -> None:
    plain, processors = run(), dict(tiny.unet.attn_processors)
    state = deepcopy(tiny.unet.state_dict())

    def interrupted() -> None:
        with attached(tiny.unet) as ssa, ssa.capture(TOKENS):
            run()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tiny.unet.state_dict()) == list(state)
    assert all(torch.equal(tiny.unet.state_dict()[name], tensor) for name, tensor in state.items())
    assert tiny.unet.attn_processors.keys() == processors.keys()
    assert all(tiny.unet.attn_processors[name] is processor for name, processor in processors.items())
    assert torch.equal(run(), plain)


def test_only_self_attention_is_ours_and_the_processor_takes_no_arguments(tiny: UNetBackbone) -> None:
    with attached(tiny.unet):
        ours = {name for name, p in tiny.unet.attn_processors.items() if isinstance(p, SelfSubjectProcessor)}
        assert ours == {name for name in tiny.unet.attn_processors if ".attn1." in name}
        assert all(
            type(p)() is not p for p in tiny.unet.attn_processors.values()
        )  # as IP-Adapter loading rebuilds them


def test_capture_takes_each_layers_keys_and_values_of_foreground_tokens(
    tiny: UNetBackbone, run: Callable[[], Tensor]
) -> None:
    entered: dict[str, Tensor] = {}
    layers = {name: layer for name, layer in tiny.unet.named_modules() if name.endswith(".attn1")}
    hooks = [
        layer.register_forward_pre_hook(lambda _, args, name=name: entered.update({name: args[0]}))
        for name, layer in layers.items()
    ]
    with attached(tiny.unet) as ssa, ssa.capture(TOKENS) as captured:
        run()
    for hook in hooks:
        hook.remove()
    assert captured.keys() == layers.keys()
    for name, (k_r, v_r) in captured.items():
        kept = entered[name][:, TOKENS[entered[name].shape[1]]]
        assert torch.allclose(k_r.transpose(1, 2).flatten(2), layers[name].to_k(kept), atol=1e-6)
        assert torch.allclose(v_r.transpose(1, 2).flatten(2), layers[name].to_v(kept), atol=1e-6)


def test_a_group_without_a_reference_is_untouched_by_the_group_with_one(
    tiny: UNetBackbone, run: Callable[[], Tensor]
) -> None:
    plain = run()
    with attached(tiny.unet) as ssa:
        with ssa.capture(TOKENS) as captured:
            run()
        keys = {n: SubjectKeys(k[:1], v[:1], torch.zeros(k.shape[2])) for n, (k, v) in captured.items()}
        with ssa.attend([(2, None), (1, keys)]):
            mixed = run()
        assert torch.equal(run(), plain)
    torch.testing.assert_close(mixed[:2], plain[:2], rtol=0, atol=1e-6)
    assert float((mixed[2] - plain[2]).abs().max()) > 1e-4


def test_a_processor_that_is_not_stock_is_refused(tiny: UNetBackbone) -> None:
    before = dict(tiny.unet.attn_processors)
    with (
        attached(tiny.unet),
        pytest.raises(ValueError, match="SelfSubjectProcessor, not a stock processor"),
        attached(tiny.unet),
    ):
        pass
    assert all(tiny.unet.attn_processors[name] is processor for name, processor in before.items())
