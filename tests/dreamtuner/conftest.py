"""A tiny Stable Diffusion with random weights in diffusers' standard classes, on disk in the plain layout."""

from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from PIL import Image, ImageDraw
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTextModel, CLIPTokenizer, CLIPVisionConfig
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from dreamtuner.backbone import Backbone, load_backbone
from dreamtuner.profiles import Profile, folder_profile
from dreamtuner.request import Reference

SPECIAL = ["<|startoftext|>", "<|endoftext|>"]


def tokenizer(length: int) -> CLIPTokenizer:
    letters = "abcdefghijklmnopqrstuvwxyz,"
    vocab = {token: i for i, token in enumerate([*letters, *(f"{letter}</w>" for letter in letters), *SPECIAL])}
    return CLIPTokenizer(vocab=vocab, merges=[], model_max_length=length)


def text_config() -> dict[str, int]:
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    return {**sizes, "vocab_size": 56, "max_position_embeddings": 24, "bos_token_id": 54, "eos_token_id": 55}


@pytest.fixture(scope="session")
def tiny_profile(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    folder: Path = tmp_path_factory.mktemp("tiny")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        unet = UNet2DConditionModel(
            sample_size=16,
            in_channels=8,
            out_channels=8,
            block_out_channels=(16, 32, 32),
            layers_per_block=1,
            norm_num_groups=8,
            cross_attention_dim=16,
            attention_head_dim=2,
            down_block_types=("CrossAttnDownBlock2D",) * 3,
            up_block_types=("CrossAttnUpBlock2D",) * 3,
        )
        vae = AutoencoderKL(
            block_out_channels=(8, 8, 16),
            down_block_types=("DownEncoderBlock2D",) * 3,
            up_block_types=("UpDecoderBlock2D",) * 3,
            norm_num_groups=4,
            latent_channels=8,
            sample_size=64,
        )
        text = CLIPTextModel(CLIPTextConfig(**text_config()))
        vision = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
        tower = CLIPModel(
            CLIPConfig(
                text_config=CLIPTextConfig(**text_config()).to_dict(),
                vision_config=CLIPVisionConfig(**vision, image_size=32, patch_size=8).to_dict(),
                projection_dim=16,
            )
        )
    scheduler = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,  # without it the stock pipeline warns and changes the config
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
    )
    StableDiffusionPipeline(
        vae, text, tokenizer(24), unet, scheduler, None, None, requires_safety_checker=False
    ).save_pretrained(folder)
    tower.save_pretrained(folder / "tower")
    tokenizer(24).save_pretrained(folder / "tower")
    size = {"shortest_edge": 32}
    CLIPImageProcessorPil(size=size, crop_size={"height": 32, "width": 32}).save_pretrained(folder / "tower")
    return folder_profile(folder, name="tiny")


@pytest.fixture(scope="session")
def tiny(tiny_profile: Profile) -> Backbone:
    return load_backbone(tiny_profile)


@pytest.fixture(scope="session")
def pip() -> Reference:
    """A red subject with a blue patch in the middle of a green field, and its mask."""
    image, mask = Image.new("RGB", (96, 80), "green"), Image.new("L", (96, 80), 0)
    for canvas, colour in ((image, "red"), (mask, 255)):
        ImageDraw.Draw(canvas).ellipse((25, 12, 70, 75), fill=colour)
    ImageDraw.Draw(image).rectangle((40, 40, 52, 52), fill="blue")
    return Reference(image, mask, "a photo of a bear in the snow, waving")
