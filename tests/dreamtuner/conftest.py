"""A tiny Stable Diffusion with random weights in diffusers' standard classes, on disk in the plain layout."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, ControlNetModel, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from PIL import Image, ImageDraw
from transformers import (
    CLIPConfig,
    CLIPModel,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModel,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from dreamtuner.families.unet.backbone import UNetBackbone
from dreamtuner.families.unet.family import load_backbone
from dreamtuner.families.unet.subject_encoder import SubjectEncoder
from dreamtuner.models.profiles import Profile, folder_profile
from dreamtuner.pipeline import DreamTunerPipeline
from dreamtuner.sampling.request import Reference
from dreamtuner.settings.sampling import Sampling

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
def tiny(tiny_profile: Profile) -> UNetBackbone:
    return load_backbone(tiny_profile)


@pytest.fixture(scope="session")
def pip() -> Reference:
    """A red subject with a blue patch in the middle of a green field, and its mask."""
    image, mask = Image.new("RGB", (96, 80), "green"), Image.new("L", (96, 80), 0)
    for canvas, colour in ((image, "red"), (mask, 255)):
        ImageDraw.Draw(canvas).ellipse((25, 12, 70, 75), fill=colour)
    ImageDraw.Draw(image).rectangle((40, 40, 52, 52), fill="blue")
    return Reference(image, mask, "a photo of a bear in the snow, waving")


@pytest.fixture(scope="session")
def whole(tiny: UNetBackbone) -> DreamTunerPipeline:
    """The tiny model with all that is optional - two ControlNets, a subject-encoder - of random weights that tell."""
    layers = {"num_hidden_layers": 6, "num_attention_heads": 2, "image_size": 32, "patch_size": 8}
    with torch.random.fork_rng():
        torch.manual_seed(1)
        vision = CLIPVisionModel(CLIPVisionConfig(hidden_size=16, intermediate_size=16, **layers)).eval()
        encoder = SubjectEncoder.for_unet(tiny.unet, vision, width=16).eval()
        for name in encoder.config.blocks:
            torch.nn.init.normal_(encoder.layer(name).to_out.weight, std=0.3)
        channels = (4, 8, 8)  # twice halved, as the autoencoder does
        depth, pose = (
            ControlNetModel.from_unet(tiny.unet, conditioning_embedding_out_channels=channels).eval() for _ in range(2)
        )
        for parameter in (*depth.parameters(), *pose.parameters()):
            if not parameter.any():  # a new ControlNet's outputs are zero
                torch.nn.init.normal_(parameter, std=0.1)
    size = {"shortest_edge": 32}
    return DreamTunerPipeline(
        vae=tiny.vae,
        text_encoder=tiny.text_encoder,
        tokenizer=tiny.tokenizer,
        unet=tiny.unet,
        scheduler=tiny.scheduler,
        controlnet_depth=depth,
        controlnet_pose=pose,
        subject_encoder=encoder,
        image_encoder=vision,
        feature_extractor=CLIPImageProcessorPil(size=size, crop_size={"height": 32, "width": 32}),
        defaults=Sampling(steps=3, p_r=0.6, w_r=2.0, w_c=4.0, beta=0.2).model_dump(),
    )


@pytest.fixture
def copied(whole: DreamTunerPipeline) -> DreamTunerPipeline:
    """One whose models a test may change."""
    pipe = DreamTunerPipeline(**deepcopy(whole.components), defaults=whole.config.defaults)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture(scope="session")
def skeleton() -> Callable[..., Image.Image]:
    """A drawn pose of any size."""

    def draw(width: int, height: int) -> Image.Image:
        image = Image.new("RGB", (width, height))
        ImageDraw.Draw(image).line((width // 3, 8, width // 2, height - 12), "yellow", 5)
        ImageDraw.Draw(image).line((width // 4, height // 2, width // 2, height // 3), "cyan", 5)
        return image

    return draw


@pytest.fixture(scope="session")
def asked(pip: Reference, skeleton: Callable[..., Image.Image]) -> Callable[..., dict[str, Any]]:
    """Arguments of a call that uses every part of the method, with a new generator each time."""

    def arguments(**changes: Any) -> dict[str, Any]:
        return {
            "prompt": "a bear, waving",
            "reference_image": pip.image,
            "reference_mask": pip.mask,
            "reference_caption": "a bear in snow",
            "pose_image": skeleton(64, 64),
            "reference_pose": skeleton(*pip.image.size),
            "generator": torch.Generator().manual_seed(0),
            "output_type": "np",
            **changes,
        }

    return arguments
