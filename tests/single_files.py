"""Tiny Stable Diffusions with random weights in one file, in the names of latent-diffusion and of OpenCLIP."""

import re
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from dreamtuner.families.unet.conversion import configs

State = dict[str, Tensor]
BLOCKS = 2
"""Residual blocks of a level, as in all these models."""
WORDS = 49408
KINDS = {"sd15": "sd15", "sd21": "sd2", "sd21-base": "sd2", "sdxl": "sdxl"}

_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_ENDS = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
_OPEN_CLIP = {
    "layer_norm": "ln_",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
    "encoder.layers": "transformer.resblocks",
    "embeddings.token_embedding": "token_embedding",
    "embeddings.position_embedding.weight": "positional_embedding",
    "final_layer_norm": "ln_final",
}


def ldm_unet(state: State) -> State:
    """The U-Net's weights by LDM's names: blocks are numbered through, whatever their level."""
    found = {}
    for name, one in state.items():
        new = re.sub("|".join(map(re.escape, _ENDS)), lambda match: _ENDS[match[0]], name) if _end(name) else name
        if (match := re.match(r"(down|mid|up)_blocks?\.(?:(\d+)\.)?(\w+)\.(\d+)\.(.*)", name)) is not None:
            new = _block(state, *match.groups())
        found[f"model.diffusion_model.{new}"] = one
    return found


def _end(name: str) -> bool:
    return name.startswith(tuple(_ENDS))


def _block(state: State, side: str, level: str | None, what: str, index: str, rest: str) -> str:
    i, j, step = int(level or 0), int(index), BLOCKS + 1
    if what == "resnets":
        head, _, tail = rest.rpartition(".")
        rest = f"{_RESNET[head]}.{tail}"
    if side == "mid":
        return f"middle_block.{2 * j if what == 'resnets' else 1}.{rest}"
    if what == "downsamplers":
        return f"input_blocks.{step * (i + 1)}.0.{rest.replace('conv', 'op')}"
    if what == "upsamplers":
        attention = any(one.startswith(f"up_blocks.{i}.attentions") for one in state)
        return f"output_blocks.{step * i + BLOCKS}.{2 if attention else 1}.{rest}"
    number = step * i + j + (1 if side == "down" else 0)
    return f"{'input' if side == 'down' else 'output'}_blocks.{number}.{0 if what == 'resnets' else 1}.{rest}"


def ldm_vae(state: State, levels: int) -> State:
    """The autoencoder's weights by LDM's names: the decoder counts levels downwards, attention is by convolution."""
    found = {}
    for name, one in state.items():
        new = re.sub(r"down_blocks\.(\d)\.resnets", r"down.\1.block", name)
        new = re.sub(r"up_blocks\.(\d)\.", lambda match: f"up.{levels - 1 - int(match[1])}.", new)
        new = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", new)
        new = (
            new.replace(".resnets.", ".block.")
            .replace("upsamplers.0", "upsample")
            .replace("conv_shortcut", "nin_shortcut")
        )
        new = re.sub(r"mid_block\.block\.(\d)", lambda match: f"mid.block_{int(match[1]) + 1}", new)
        new = new.replace("conv_norm_out", "norm_out")
        if "mid_block.attentions.0." in new:
            head, tail = new.split("mid_block.attentions.0.")
            layer, _, kind = tail.rpartition(".")
            new = f"{head}mid.attn_1.{_ATTENTION[layer]}.{kind}"
            one = one[:, :, None, None] if kind == "weight" and one.ndim == 2 else one
        found[f"first_stage_model.{new}"] = one.contiguous()
    return found


def open_clip(state: State) -> State:
    """A text encoder's weights by OpenCLIP's names: q, k and v are one matrix."""
    found: State = {}
    plain = {name.removeprefix("text_model."): one for name, one in state.items()}
    for name, one in plain.items():
        if name == "text_projection.weight":
            found["text_projection"] = one.T.contiguous()
        elif ".q_proj." in name:
            joined = torch.cat([plain[name.replace("q_proj", which)] for which in ("q_proj", "k_proj", "v_proj")])
            place = name.replace("self_attn.q_proj.", "attn.in_proj_")
            found[place.replace("encoder.layers", "transformer.resblocks")] = joined
        elif ".k_proj." not in name and ".v_proj." not in name:
            new = name
            for old, theirs in _OPEN_CLIP.items():
                new = theirs + new.removeprefix(old) if new.startswith(old) else new.replace(f".{old}", f".{theirs}")
            found[new] = one
    return found


def models(name: str, *, tiny: bool = True) -> dict[str, Any]:
    """The models of the configs that ship under this name, by part; tiny ones, else at true size without memory."""
    known = configs.shipped(name)
    unet, vae = dict(known["unet/config.json"]), dict(known["vae/config.json"])
    texts = {
        part: dict(known[f"{part}/config.json"])
        for part in ("text_encoder", "text_encoder_2")
        if f"{part}/config.json" in known
    }
    if tiny:
        levels = len(unet["block_out_channels"])
        widths = {"text_encoder": 32, "text_encoder_2": 64}
        unet |= {"block_out_channels": [8, 16, 32, 32][:levels], "norm_num_groups": 8, "sample_size": 8}
        unet["cross_attention_dim"] = sum(widths[part] for part in texts)
        if isinstance(unet["attention_head_dim"], list):
            unet["attention_head_dim"] = [1] * levels
        if "transformer_layers_per_block" in unet:
            unet |= {"transformer_layers_per_block": [1, 1, 2], "addition_time_embed_dim": 8}
            unet["projection_class_embeddings_input_dim"] = 6 * 8 + widths["text_encoder_2"]
        vae |= {"block_out_channels": [8] * 4, "norm_num_groups": 8}
        for part, one in texts.items():
            heads = {12: 4, 16: 16, 20: 4}[one["num_attention_heads"]]
            one |= {"hidden_size": widths[part], "intermediate_size": 32, "num_hidden_layers": 2, "vocab_size": WORDS}
            one |= {"num_attention_heads": heads, "projection_dim": widths[part]}
    with torch.random.fork_rng(), torch.device("cpu" if tiny else "meta"):
        torch.manual_seed(0)
        kinds = {"text_encoder": CLIPTextModel, "text_encoder_2": CLIPTextModelWithProjection}
        encoders = {part: kinds[part](CLIPTextConfig(**_plain(one))).eval() for part, one in texts.items()}
        return {"unet": UNet2DConditionModel.from_config(unet), "vae": AutoencoderKL.from_config(vae), **encoders}


def _plain(config: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key not in ("architectures", "model_type", "dtype")}


def single_file(name: str, parts: dict[str, Any]) -> State:
    """All weights of the models by the names of a file of this kind. SD 2.x has one layer more than is read."""
    vae = parts["vae"]
    state = ldm_unet(parts["unet"].state_dict()) | ldm_vae(vae.state_dict(), len(vae.config.block_out_channels))
    text = {n.removeprefix("text_model."): one for n, one in parts["text_encoder"].state_dict().items()}
    if name == "sdxl":
        state |= {f"conditioner.embedders.0.transformer.text_model.{n}": one for n, one in text.items()}
        return state | {
            f"conditioner.embedders.1.model.{n}": one
            for n, one in open_clip(parts["text_encoder_2"].state_dict()).items()
        }
    if name == "sd15":
        return state | {f"cond_stage_model.transformer.text_model.{n}": one for n, one in text.items()}
    found, layers = open_clip(text), parts["text_encoder"].config.num_hidden_layers
    last = {
        n.replace(f".{layers - 1}.", f".{layers}."): one for n, one in found.items() if f"resblocks.{layers - 1}." in n
    }
    found |= last | {
        "text_projection": torch.eye(found["token_embedding.weight"].shape[1], device=found["ln_final.bias"].device)
    }
    return state | {f"cond_stage_model.model.{n}": one for n, one in found.items()}


def write_single_file(name: str, file: Path, dtype: torch.dtype = torch.float16) -> dict[str, Any]:
    """Write a tiny model to one file in this precision; returns the models that it was written from, by part."""
    parts = models(name)
    state = {n: one.to(dtype).contiguous().clone() for n, one in single_file(KINDS[name], parts).items()}
    if file.suffix == ".safetensors":
        save_file(state, file, metadata={"format": "pt"})
    else:
        torch.save({"state_dict": state, "global_step": 470_000}, file)
    return parts
