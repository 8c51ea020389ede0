"""Going on from finished weights: a deeper model computes at first what the shallower one did."""

from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from dreamtuner.models.profiles import get_profile
from dreamtuner.pocket.training.controlnet import begin_from_unet, new_controlnet
from dreamtuner.pocket.training.text import encode_captions, new_text_encoder, new_tokenizer
from dreamtuner.pocket.training.unet import new_unet
from dreamtuner.pocket.training.warm_start import StartError, start_from


def _small(layers: object, width: int = 32) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        block_out_channels=(width, width),
        layers_per_block=layers,
        down_block_types=("CrossAttnDownBlock2D",) * 2,
        up_block_types=("CrossAttnUpBlock2D",) * 2,
        cross_attention_dim=16,
        attention_head_dim=2,
        norm_num_groups=8,
    ).eval()


@torch.no_grad()
def test_added_layers_begin_as_the_identity():
    shallow, deep = _small((0, 1)), _small(1)
    x, t, c = torch.randn(2, 4, 8, 8), torch.tensor([3, 700]), torch.randn(2, 5, 16)
    assert not torch.allclose(shallow(x, t, c).sample, deep(x, t, c).sample, atol=1e-3)
    start_from(deep, shallow, Path("weights/unet"))
    torch.testing.assert_close(deep(x, t, c).sample, shallow(x, t, c).sample)


def test_added_layers_learn():
    shallow, deep = _small((0, 1)), _small(1)
    start_from(deep, shallow, Path("weights/unet"))
    deep(torch.randn(1, 4, 8, 8), 5, torch.randn(1, 5, 16)).sample.square().mean().backward()
    assert deep.down_blocks[0].resnets[0].conv2.weight.grad.abs().sum() > 0


def test_weights_of_another_width_are_refused():
    with pytest.raises(StartError, match=r"weights/unet: conv_in.weight is \(64, 4, 3, 3\) there and \(32, 4, 3, 3\)"):
        start_from(_small(1), _small(1, width=64), Path("weights/unet"))


@torch.no_grad()
def test_a_new_controlnet_changes_nothing():
    unet, controlnet = new_unet(), new_controlnet()
    begin_from_unet(controlnet, unet)
    assert torch.equal(controlnet.conv_in.weight, unet.conv_in.weight)
    x, t, c = torch.randn(2, 8, 16, 16), torch.tensor([3, 700]), torch.randn(2, 7, 128)
    down, mid = controlnet(x, t, c, torch.rand(2, 3, 64, 64), return_dict=False)
    led = unet(x, t, c, down_block_additional_residuals=down, mid_block_additional_residual=mid).sample
    torch.testing.assert_close(led, unet(x, t, c).sample)


@torch.no_grad()
def test_a_larger_vocabulary_goes_on_from_a_smaller_one():
    weights, tokenizer = get_profile("pocket").weights, new_tokenizer()
    shipped = CLIPTextModel.from_pretrained(weights / "text_encoder").eval()
    shipped.resize_token_embeddings(len(tokenizer) - 5)
    text_encoder = new_text_encoder(tokenizer).eval()
    new = text_encoder.get_input_embeddings().weight[-5:].clone()
    start_from(text_encoder, shipped, weights)
    words, cpu = ["a photo of a bear on the beach, waving"], torch.device("cpu")
    before = encode_captions(CLIPTokenizer.from_pretrained(weights / "tokenizer"), shipped, words, cpu)
    torch.testing.assert_close(encode_captions(tokenizer, text_encoder, words, cpu), before)
    assert torch.equal(text_encoder.get_input_embeddings().weight[-5:], new)


def test_only_words_and_choices_may_be_more():
    with pytest.raises(StartError, match=r"conv_in\.weight"):
        start_from(_small(1, width=64), _small(1), Path("weights/unet"))
