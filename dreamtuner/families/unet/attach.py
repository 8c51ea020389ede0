"""Attaches S-S-A and S-E-A to stock U-Nets and detaches them. The only module that knows U-Nets' layers."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.attention_processor import (
    Attention,
    AttnProcessor,
    AttnProcessor2_0,
    FusedAttnProcessor2_0,
    SlicedAttnProcessor,
)
from torch import Tensor, nn

from dreamtuner.attention.subject_layers import SelfSubject, SubjectLayer

REPLACEABLE = (AttnProcessor, AttnProcessor2_0, FusedAttnProcessor2_0, SlicedAttnProcessor)
"""Processors of plain attention, which differ only in memory and speed: ours may replace them."""


class SelfSubjectProcessor:
    """The attention processor of one self-attention layer: the layer's own projections, attention by `layer`."""

    def __init__(self) -> None:
        self.layer = SubjectLayer()

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        """Compute the layer. hidden_states: B L C. Returns B L C."""
        if encoder_hidden_states is not None or attention_mask is not None:
            raise ValueError("self-subject-attention needs unmasked self-attention; this layer is of another kind")
        q, k, v = (heads_of(project(hidden_states), attn.heads) for project in (attn.to_q, attn.to_k, attn.to_v))
        mixed = self.layer(q, k, v)
        flat = mixed.transpose(1, 2).reshape(hidden_states.shape[0], -1, attn.heads * mixed.shape[-1])
        out: Tensor = attn.to_out[1](attn.to_out[0](flat.to(q.dtype)))
        return out


def heads_of(x: Tensor, heads: int) -> Tensor:
    """Split heads: B L (h d) -> B h L d."""
    return x.view(x.shape[0], -1, heads, x.shape[-1] // heads).transpose(1, 2)


@contextmanager
def attached(unet: Any, controlnets: Mapping[str, Any] | None = None) -> Iterator[SelfSubject]:
    """Attach S-S-A to every self-attention layer (`*.attn1`) of a diffusers U-Net and its ControlNets.

    Layers of a ControlNet are named `controlnet_KEY.*`. On exit the original processors are restored. Merge LoRA
    weights before entering. Raises ValueError if a layer's own processor does more than plain attention (or S-S-A is
    already attached), since ours would silently replace it.
    """
    models = {"": unet, **{f"controlnet_{key}.": controlnet for key, controlnet in (controlnets or {}).items()}}
    before = {prefix: dict(model.attn_processors) for prefix, model in models.items()}
    ours: dict[str, dict[str, SelfSubjectProcessor]] = {}
    for prefix, processors in before.items():
        names = [name for name in processors if name.endswith(".attn1.processor")]
        for name in names:
            if type(processors[name]) not in REPLACEABLE:
                raise ValueError(
                    f"{prefix}{name} is {type(processors[name]).__name__}, not a stock processor: undo an earlier "
                    "attach, or call set_default_attn_processor(), before attaching S-S-A"
                )
        ours[prefix] = {name: SelfSubjectProcessor() for name in names}
    for prefix, model in models.items():
        model.set_attn_processor({**before[prefix], **ours[prefix]})
    try:
        yield SelfSubject(
            {
                prefix + name.removesuffix(".processor"): processor.layer
                for prefix, processors in ours.items()
                for name, processor in processors.items()
            }
        )
    finally:
        for prefix, model in models.items():
            model.set_attn_processor(before[prefix])


def self_attention_order(unet: Any) -> list[str]:
    """Return the names of a U-Net's self-attention layers, as in `attached`, in the order of a forward pass."""
    parts = ("down_blocks", "mid_block", "up_blocks")  # the order of the modules puts the middle last
    return [f"{name}.attn1" for part in parts for name in transformer_blocks(unet) if name.startswith(part)]


def transformer_blocks(model: Any) -> dict[str, BasicTransformerBlock]:
    """Return the transformer blocks of a U-Net, by name, in the model's order."""
    return {name: part for name, part in model.named_modules() if isinstance(part, BasicTransformerBlock)}


class _Passing(nn.Module):
    """Replaces `position_net`: passes the U-Net's GLIGEN arguments on to the blocks' fusers unchanged."""

    def forward(self, objs: object = None) -> object:
        return objs


SLOT: dict[str, Any] = {"gligen": {"objs": True}}
"""`cross_attention_kwargs` of a U-Net with S-E-A attached: they activate the GLIGEN slot that holds the layers."""


def slot_of(unet: Any) -> dict[str, Any]:
    """Return the `cross_attention_kwargs` that this U-Net needs: `SLOT` with S-E-A attached, else none."""
    return SLOT if isinstance(getattr(unet, "position_net", None), _Passing) else {}


@contextmanager
def encoder_attached(unet: Any, layers: Mapping[str, nn.Module]) -> Iterator[None]:
    """Attach S-E-A layers, by the name of their transformer block, between its self- and cross-attention.

    They use diffusers' slot for grounded generation (GLIGEN), which is in that position. On exit they are detached.

    Raises:
        ValueError: a block has no layer, a layer has no block, or the slot is in use.
    """
    blocks = transformer_blocks(unet)
    if missing := sorted(set(blocks) ^ set(layers)):
        raise ValueError(f"the subject-encoder belongs to another U-Net: {missing[0]} is in one of them only")
    if getattr(unet, "position_net", None) is not None or any(hasattr(block, "fuser") for block in blocks.values()):
        raise ValueError("this U-Net is a grounded (GLIGEN) model, so its slot is in use; load a model without GLIGEN")
    unet.position_net = _Passing()
    for name, block in blocks.items():
        block.fuser = layers[name]
    try:
        yield
    finally:
        del unet.position_net
        for block in blocks.values():
            del block.fuser
