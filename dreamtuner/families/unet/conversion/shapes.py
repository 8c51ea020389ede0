"""Reads a model's architecture off the shapes of its tensors in a single file, where it is not the usual one.

LDM's numbering: input block 0 is the first convolution; then per level its residual blocks, each with or without
attention, and a downsampling block (`op`) except after the last.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd
from typing import Any

from dreamtuner.models.intake.file_kinds import CLIP, CLIP_XL, OPEN_CLIP, OPEN_CLIP_XL, UNET, VAES, Shapes

Config = dict[str, Any]
GROUPS = 32
"""Groups of the norms of all these models; fewer only where channels are not a multiple."""
HEAD = 64
"""Channels of an attention head in the U-Nets of SD 2.x and XL."""


def unet_config(shapes: Shapes, usual: Config) -> Config:
    """Return the U-Net's config: the usual one with what the shapes say."""
    own = {name.removeprefix(UNET): shape for name, shape in shapes.items() if name.startswith(UNET)}
    levels = list(_levels(own))
    channels, depths = [one[0] for one in levels], [one[1] for one in levels]
    down = ["CrossAttnDownBlock2D" if depth else "DownBlock2D" for depth in depths]
    up = ["CrossAttnUpBlock2D" if depth else "UpBlock2D" for depth in reversed(depths)]
    context = next((shape[1] for name, shape in own.items() if name.endswith(".attn2.to_k.weight")), None)
    found = {
        "block_out_channels": channels,
        "down_block_types": down,
        "up_block_types": up,
        "layers_per_block": levels[0][2],
        "cross_attention_dim": context or usual["cross_attention_dim"],
        "norm_num_groups": gcd(GROUPS, *channels),
    }
    if "transformer_layers_per_block" in usual:
        found["transformer_layers_per_block"] = [depth or 1 for depth in depths]
    if channels != usual["block_out_channels"] and isinstance(usual["attention_head_dim"], list):
        found["attention_head_dim"] = [max(1, one // HEAD) for one in channels]
    if (label := own.get("label_emb.0.0.weight")) is not None:
        pooled = shapes[f"{OPEN_CLIP_XL}text_projection"][1]
        found |= {
            "projection_class_embeddings_input_dim": label[1],
            "addition_time_embed_dim": (label[1] - pooled) // 6,
        }
    return {**usual, **found}


def _levels(own: Shapes) -> Iterator[tuple[int, int, int]]:
    """Yield channels, transformer layers (0: no attention) and residual blocks of every level."""
    channels = depth = blocks = 0
    for n in range(1, _count(own, "input_blocks.")):
        if f"input_blocks.{n}.0.op.weight" in own:
            yield channels, depth, blocks
            blocks = depth = 0
        else:
            channels = own[f"input_blocks.{n}.0.out_layers.3.weight"][0]
            depth = _count(own, f"input_blocks.{n}.1.transformer_blocks.")
            blocks += 1
    yield channels, depth, blocks


def vae_config(shapes: Shapes, usual: Config) -> Config:
    """Return the autoencoder's config: the usual one with what the shapes say."""
    own = {name.removeprefix(one): shape for one in VAES for name, shape in shapes.items() if name.startswith(one)}
    own = own or dict(shapes)  # a file that holds an autoencoder alone
    levels = _count(own, "encoder.down.")
    channels = [own[f"encoder.down.{i}.block.0.conv1.weight"][0] for i in range(levels)]
    found = {
        "block_out_channels": channels,
        "down_block_types": ["DownEncoderBlock2D"] * levels,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
        "layers_per_block": _count(own, "encoder.down.0.block."),
        "latent_channels": own["decoder.conv_in.weight"][1],
        "norm_num_groups": gcd(GROUPS, *channels),
    }
    return {**usual, **found}


def text_configs(shapes: Shapes, usual: dict[str, Config]) -> dict[str, Config]:
    """Return the configs of the text encoders, by part, with what the shapes say."""
    readers = ((CLIP, _clip), (CLIP_XL, _clip), (OPEN_CLIP, _last_but_one), (OPEN_CLIP_XL, _projected))
    found = []
    for prefix, read in readers:
        own = {name.removeprefix(prefix): shape for name, shape in shapes.items() if name.startswith(prefix)}
        if own:
            found.append((own, read))
    return {
        part: {**usual[part], **read(own, usual[part])} for part, (own, read) in zip(sorted(usual), found, strict=True)
    }


def _clip(shapes: Shapes, usual: Config) -> Config:
    own = {name.removeprefix("text_model."): shape for name, shape in shapes.items()}
    words, width = own["embeddings.token_embedding.weight"]
    return {
        **_sizes(width, words, own["embeddings.position_embedding.weight"][0], usual),
        "intermediate_size": own["encoder.layers.0.mlp.fc1.weight"][0],
        "num_hidden_layers": _count(own, "encoder.layers."),
    }


def _open_clip(shapes: Shapes, usual: Config) -> Config:
    words, width = shapes["token_embedding.weight"]
    layers = _count(shapes, "transformer.resblocks.")
    return {
        **_sizes(width, words, shapes["positional_embedding"][0], usual),
        "intermediate_size": shapes["transformer.resblocks.0.mlp.c_fc.weight"][0],
        "num_hidden_layers": layers,
    }


def _last_but_one(shapes: Shapes, usual: Config) -> Config:
    """SD 2.x reads the last layer but one of OpenCLIP's 24, so diffusers has 23; some files have 23 as well."""
    found = _open_clip(shapes, usual)
    layers, known = found["num_hidden_layers"], found["hidden_size"] == usual["hidden_size"]
    whole = layers > usual["num_hidden_layers"] if known else "text_projection" in shapes
    return {**found, "num_hidden_layers": layers - 1 if whole else layers}


def _projected(shapes: Shapes, usual: Config) -> Config:
    return {**_open_clip(shapes, usual), "projection_dim": shapes["text_projection"][1]}


def _sizes(width: int, words: int, length: int, usual: Config) -> Config:
    heads = gcd(usual["num_attention_heads"], width)
    sizes = {"hidden_size": width, "vocab_size": words, "max_position_embeddings": length, "num_attention_heads": heads}
    if usual["projection_dim"] == usual["hidden_size"]:
        sizes["projection_dim"] = width
    return sizes


def _count(shapes: Shapes, prefix: str) -> int:
    """Count the numbers that follow a prefix."""
    return len({name.removeprefix(prefix).partition(".")[0] for name in shapes if name.startswith(prefix)})
