"""Random-weight stand-ins of real models: their classes, config keys and folders, at sizes that build in a second."""

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    ControlNetModel,
    EulerDiscreteScheduler,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

LENGTH, WIDE, WIDER = 24, 16, 24
SPECIAL = ["<|startoftext|>", "<|endoftext|>"]


def letters(length: int = LENGTH, *, pad: str = SPECIAL[1]) -> CLIPTokenizer:
    """A tokenizer that spells words in letters."""
    known = "abcdefghijklmnopqrstuvwxyz,"
    vocab = {token: i for i, token in enumerate([*known, *(f"{one}</w>" for one in known), *SPECIAL, "!"])}
    return CLIPTokenizer(vocab=vocab, merges=[], model_max_length=length, pad_token=pad)


def sdxl_components() -> dict[str, Any]:
    """The models of a tiny Stable Diffusion XL: two text encoders, time ids, several blocks to an attention."""
    text = {"vocab_size": 57, "max_position_embeddings": LENGTH, "bos_token_id": 54, "eos_token_id": 55}
    text |= {"num_attention_heads": 2, "num_hidden_layers": 3}
    one = CLIPTextConfig(hidden_size=WIDE, intermediate_size=32, projection_dim=WIDE, **text)
    two = CLIPTextConfig(hidden_size=WIDER, intermediate_size=32, projection_dim=WIDER, hidden_act="gelu", **text)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        unet = UNet2DConditionModel(
            sample_size=16,
            block_out_channels=(8, 16, 32),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            layers_per_block=2,
            transformer_layers_per_block=[1, 1, 2],
            attention_head_dim=[1, 2, 4],
            cross_attention_dim=WIDE + WIDER,
            use_linear_projection=True,
            norm_num_groups=4,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=6 * 8 + WIDER,
        )
        vae = AutoencoderKL(
            block_out_channels=(8, 8, 16),
            down_block_types=("DownEncoderBlock2D",) * 3,
            up_block_types=("UpDecoderBlock2D",) * 3,
            norm_num_groups=4,
            latent_channels=4,
            sample_size=64,
            scaling_factor=0.13025,
            force_upcast=True,
        )
        encoders = CLIPTextModel(one), CLIPTextModelWithProjection(two)
    return {
        "vae": vae.eval(),
        "text_encoder": encoders[0].eval(),
        "text_encoder_2": encoders[1].eval(),
        "tokenizer": letters(),
        "tokenizer_2": letters(pad="!"),
        "unet": unet.eval(),
        "scheduler": EulerDiscreteScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            steps_offset=1,
            timestep_spacing="leading",
        ),
    }


def write_sdxl(folder: Path, **config: Any) -> Path:
    """Write a tiny Stable Diffusion XL in the plain diffusers layout. `config`: of the pipeline."""
    StableDiffusionXLPipeline(**sdxl_components(), **config).save_pretrained(folder)
    return folder


def controlnet_of(unet: Any, *, seed: int = 1) -> Any:
    """A ControlNet of this U-Net, for a twice halved autoencoder, whose outputs are not zero as a new one's are."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(4, 8, 8)).eval()
        for parameter in model.parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.1)
    return model
