"""The subject-encoder SE (Eq. 1): hidden states of a frozen CLIP image encoder become the tokens that S-E-A reads.

The paper reads the layers {25, 4, 8, 12, 16} of ViT-L/14, 25 being the final, normalised state (as ELITE does). For an
image encoder of another depth the same relative depths are used: the final state, and 1/6, 1/3, 1/2 and 2/3 of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn

from dreamtuner.attention.subject_encoder import LayerTokens, SubjectEncoderAttention, TokenKeys
from dreamtuner.families.unet.attach import transformer_blocks

FINAL = -1


def depths_of(layers: int) -> tuple[int, ...]:
    """Return the five layers to read of an encoder of this depth, the final one first: 24 -> (-1, 4, 8, 12, 16)."""
    if layers < 5:
        raise ValueError(f"the image encoder has {layers} layers; the subject-encoder reads five depths")
    return (FINAL, *(max(i, round(layers * i / 6)) for i in (1, 2, 3, 4)))


def hidden_states(vision: Any, pixels: Tensor, depths: Sequence[int]) -> Tensor:
    """Concatenate the states of a CLIP vision model at `depths`: pixels B 3 H W (normalised) -> B T (depths W)."""
    out = vision(pixel_values=pixels, output_hidden_states=True)
    inner = getattr(vision, "vision_model", vision)
    final = inner.post_layernorm(out.last_hidden_state)
    return torch.cat([final if depth == FINAL else out.hidden_states[depth] for depth in depths], dim=-1)


class _ResBlock(nn.Module):
    """x + MLP(norm(x))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, 2 * width)
        self.down = nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.down(nn.functional.gelu(self.up(self.norm(x))))
        return out


class SubjectEncoder(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """ResBlocks and S-E-A layers: all that stage 1 trains. Saved and loaded like a diffusers model.

    `vision_width`: W of the image encoder; `depths`: the layers whose states are read; `width`: channels D of a subject
    token; `blocks`: name of a transformer block of the U-Net -> (channels, heads) of its S-E-A layer.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        vision_width: int,
        depths: Sequence[int],
        blocks: Mapping[str, Sequence[int]],
        width: int = 128,
        num_resblocks: int = 2,
    ) -> None:
        super().__init__()
        self.proj_in = nn.Linear(vision_width * len(depths), width)
        self.resblocks = nn.ModuleList([_ResBlock(width) for _ in range(num_resblocks)])
        self.norm_out = nn.LayerNorm(width)
        # a module's name holds no dots
        self.layers = nn.ModuleDict(
            {
                name.replace(".", "-"): SubjectEncoderAttention(channels, heads, width)
                for name, (channels, heads) in blocks.items()
            }
        )

    @classmethod
    def for_unet(cls, unet: Any, vision: Any, *, width: int, resblocks: int = 2) -> "SubjectEncoder":
        """Build an untrained encoder that connects this image encoder to this U-Net."""
        blocks = {
            name: (block.attn1.to_q.in_features, block.attn1.heads) for name, block in transformer_blocks(unet).items()
        }
        depths = depths_of(vision.config.num_hidden_layers)
        encoder: SubjectEncoder = cls(vision.config.hidden_size, depths, blocks, width=width, num_resblocks=resblocks)
        return encoder

    def forward(self, states: Tensor) -> Tensor:
        """Encode hidden states B T (depths W), as `hidden_states` returns them, to subject tokens B T D."""
        x = self.proj_in(states)
        for block in self.resblocks:
            x = block(x)
        out: Tensor = self.norm_out(x)
        return out

    def layer(self, block: str) -> SubjectEncoderAttention:
        """Return the S-E-A layer of a transformer block, by the block's name in the U-Net."""
        return cast(SubjectEncoderAttention, self.layers[block.replace(".", "-")])

    def keys(self, tokens: Tensor) -> dict[str, TokenKeys]:
        """Compute the keys and values of every S-E-A layer from tokens B T D, by the name of its block."""
        return {name: self.layer(name).keys(tokens) for name in self.config.blocks}

    @contextmanager
    def attend(self, groups: Sequence[tuple[int, Mapping[str, LayerTokens] | None]], beta: float) -> Iterator[None]:
        """Let the rows of each group see the group's subject at strength `beta` in U-Net calls inside; None: none."""
        names = list(self.config.blocks)
        try:
            for name in names:
                layer = self.layer(name)
                layer.groups = [(rows, None if keys is None else keys[name]) for rows, keys in groups]
                layer.beta = beta
            yield
        finally:
            for name in names:
                self.layer(name).groups, self.layer(name).beta = None, 0.0
