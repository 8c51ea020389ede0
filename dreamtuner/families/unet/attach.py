"""Puts S-S-A and S-E-A into stock models and takes them out again. It alone knows diffusers' class and layer names."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.attention_processor import (
    Attention,
    AttnProcessor,
    AttnProcessor2_0,
    FusedAttnProcessor2_0,
    SlicedAttnProcessor,
)
from torch import Tensor, nn

from dreamtuner.attention.maps import query_weights
from dreamtuner.attention.self_subject import Seen, SubjectKeys, attend

Layers = Mapping[str, SubjectKeys]
"""What one reference at one noise level gives: the layer's name -> its subject keys."""

Captured = dict[str, tuple[Tensor, Tensor]]
"""The layer's name -> k_r, v_r, each `rows heads F d`: every row of the reference pass, subject tokens only."""


_REPLACEABLE = (AttnProcessor, AttnProcessor2_0, FusedAttnProcessor2_0, SlicedAttnProcessor)
"""Processors of plain attention, which differ in memory and speed alone: ours may stand in for them."""


class SelfSubjectProcessor:
    """The processor of one self-attention layer. It holds its own layer's tensors and nothing of the others.

    `groups` says which rows of the batch see which subject: (rows, keys or None), in order; None: all rows see none.
    `foreground` maps a count of tokens to the indices to keep; None: nothing is captured. `watched` is the row to watch
    and, by a layer's count of tokens, the query in it; None: no weights are computed.
    """

    def __init__(self) -> None:
        self.groups: tuple[tuple[int, Seen | None], ...] | None = None
        self.foreground: Mapping[int, Tensor] | None = None
        self.captured: list[tuple[Tensor, Tensor]] = []
        self.watched: tuple[int, Mapping[int, int]] | None = None
        self.weights: tuple[int, Tensor] | None = None

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        """hidden_states: B L C. Returns B L C."""
        if encoder_hidden_states is not None or attention_mask is not None:
            raise ValueError("self-subject-attention acts in self-attention without a mask; this layer is another kind")
        q, k, v = (_heads(project(hidden_states), attn.heads) for project in (attn.to_q, attn.to_k, attn.to_v))
        if self.foreground is not None:
            kept = self.foreground[k.shape[2]]
            self.captured.append((k[:, :, kept], v[:, :, kept]))
        if self.watched is not None:
            self._look(q, k, *self.watched)
        if self.groups is None:
            mixed = attend(q, k, v, None)
        else:
            sizes = [rows for rows, _ in self.groups]
            parts = zip(q.split(sizes), k.split(sizes), v.split(sizes), self.groups, strict=True)
            mixed = torch.cat([attend(q_g, k_g, v_g, subject) for q_g, k_g, v_g, (_, subject) in parts])
        flat = mixed.transpose(1, 2).reshape(hidden_states.shape[0], -1, attn.heads * mixed.shape[-1])
        out: Tensor = attn.to_out[1](attn.to_out[0](flat.to(q.dtype)))
        return out

    def _look(self, q: Tensor, k: Tensor, row: int, tokens: Mapping[int, int]) -> None:
        """Keep the weights of one query of one row. Each row of a group sees the one subject of the group."""
        count = k.shape[2]
        if count in tokens:
            whose = [subject for rows, subject in self.groups or ((len(k), None),) for _ in range(rows)][row]
            if not (whose is None or isinstance(whose, SubjectKeys)):
                raise ValueError(f"watch: only self-subject-attention is watched, not {type(whose).__name__}")
            self.weights = count, query_weights(q[row, :, tokens[count]], k[row], whose)


def _heads(x: Tensor, heads: int) -> Tensor:
    """B L (h d) -> B h L d."""
    return x.view(x.shape[0], -1, heads, x.shape[-1] // heads).transpose(1, 2)


class SelfSubject:
    """The handle of an attached U-Net: capture a reference, or let rows attend to one, for the length of a context."""

    def __init__(self, processors: dict[str, SelfSubjectProcessor]) -> None:
        self._processors = processors

    @contextmanager
    def capture(self, foreground: Mapping[int, Tensor]) -> Iterator[Captured]:
        """Every call of a model inside adds its rows; the dict that is yielded is filled when the context ends well.

        A model that is not called, such as a ControlNet without a layout, leaves no entry. `foreground`: a layer's
        count of tokens -> indices of its subject tokens (F).
        """
        captured: Captured = {}
        try:
            for processor in self._processors.values():
                processor.foreground, processor.captured = foreground, []
            yield captured
            for name, processor in self._processors.items():
                if processor.captured:
                    keys, values = zip(*processor.captured, strict=True)
                    captured[name] = torch.cat(keys), torch.cat(values)
        finally:
            for processor in self._processors.values():
                processor.foreground, processor.captured = None, []

    @contextmanager
    def watch(self, row: int, tokens: Mapping[int, int]) -> Iterator[dict[str, tuple[int, Tensor]]]:
        """In calls inside, keep where one query of row `row` looks: the layer's name -> its count of tokens, weights.

        `tokens`: a layer's count of tokens -> the query; layers of other counts are let be. The weights, h (L + F) as
        `query_weights` gives them, are those of the last call; the dict is filled when the context ends well.
        """
        weights: dict[str, tuple[int, Tensor]] = {}
        try:
            for processor in self._processors.values():
                processor.watched, processor.weights = (row, tokens), None
            yield weights
            weights.update({n: p.weights for n, p in self._processors.items() if p.weights is not None})
        finally:
            for processor in self._processors.values():
                processor.watched = processor.weights = None

    @contextmanager
    def attend(self, groups: Sequence[tuple[int, Mapping[str, Seen] | None]]) -> Iterator[None]:
        """In calls inside, the first group's rows see its reference, and so on; None: they see none.

        The groups' rows must add up to the batch. In a layer that a reference did not pass, its rows see none.
        """
        seen = any(layers is not None for _, layers in groups)
        try:
            for name, processor in self._processors.items():
                split = tuple((rows, None if layers is None else layers.get(name)) for rows, layers in groups)
                processor.groups = split if seen else None
            yield
        finally:
            for processor in self._processors.values():
                processor.groups = None


@contextmanager
def attached(unet: Any, controlnets: Mapping[str, Any] | None = None) -> Iterator[SelfSubject]:
    """S-S-A on every self-attention layer (`*.attn1`) of a diffusers U-Net, and of the ControlNets that lead it.

    Layers of a ControlNet are called `controlnet_KEY.*`. On leaving, all are as they were. Merge LoRA weights before
    entering. ValueError when a layer's own processor does more than plain attention (or ours is attached already),
    since ours would silently take its place.
    """
    models = {"": unet, **{f"controlnet_{key}.": controlnet for key, controlnet in (controlnets or {}).items()}}
    before = {prefix: dict(model.attn_processors) for prefix, model in models.items()}
    ours: dict[str, dict[str, SelfSubjectProcessor]] = {}
    for prefix, processors in before.items():
        names = [name for name in processors if name.endswith(".attn1.processor")]
        for name in names:
            if type(processors[name]) not in _REPLACEABLE:
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
                prefix + name.removesuffix(".processor"): processor
                for prefix, processors in ours.items()
                for name, processor in processors.items()
            }
        )
    finally:
        for prefix, model in models.items():
            model.set_attn_processor(before[prefix])


def self_attention_order(unet: Any) -> list[str]:
    """The names of a U-Net's self-attention layers, as `attached` calls them, in the order in which they are passed."""
    parts = ("down_blocks", "mid_block", "up_blocks")  # the order of the modules puts the middle last
    return [f"{name}.attn1" for part in parts for name in transformer_blocks(unet) if name.startswith(part)]


def transformer_blocks(model: Any) -> dict[str, BasicTransformerBlock]:
    """The blocks of self- and cross-attention of a U-Net, by name, in the model's order."""
    return {name: part for name, part in model.named_modules() if isinstance(part, BasicTransformerBlock)}


class _Passing(nn.Module):
    """Stands where a U-Net turns the arguments of its grounding slot into what every block's slot receives."""

    def forward(self, objs: object = None) -> object:
        return objs


SLOT: dict[str, Any] = {"gligen": {"objs": True}}
"""A U-Net with S-E-A attached takes these `cross_attention_kwargs`: they open the slot in which the layers stand."""


@contextmanager
def encoder_attached(unet: Any, layers: Mapping[str, nn.Module]) -> Iterator[None]:
    """S-E-A layers, by the name of their transformer block, between its self- and cross-attention.

    They stand in diffusers' slot for grounded generation, which is exactly there. On leaving, the U-Net is as it was.

    Raises:
        ValueError: a block lacks its layer, a layer its block, or the slot is taken.
    """
    blocks = transformer_blocks(unet)
    if missing := sorted(set(blocks) ^ set(layers)):
        raise ValueError(f"the subject-encoder belongs to another U-Net: {missing[0]} is in one of them only")
    if getattr(unet, "position_net", None) is not None or any(hasattr(block, "fuser") for block in blocks.values()):
        raise ValueError("this U-Net is made for grounded generation (GLIGEN); its slot is taken")
    unet.position_net = _Passing()
    for name, block in blocks.items():
        block.fuser = layers[name]
    try:
        yield
    finally:
        del unet.position_net
        for block in blocks.values():
            del block.fuser
