"""The subject-encoder: nothing at first and at beta = 0, else h + beta * S-E-A(h, SE(r)), and gone afterwards."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from transformers import CLIPVisionConfig, CLIPVisionModel
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from dreamtuner.attention.subject_encoder import SubjectEncoderAttention
from dreamtuner.families.unet.attach import SLOT, encoder_attached, transformer_blocks
from dreamtuner.families.unet.backbone import UNetBackbone
from dreamtuner.families.unet.subject_encoder import FINAL, SubjectEncoder, depths_of, hidden_states
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.request import Cell, Reference
from dreamtuner.settings.sampling import Sampling

S = Sampling(steps=2, p_r=0.6, w_c=4.0, beta=0.2)
CELLS = [Cell("a bear", 1), Cell("a bear, waving", 2)]


@pytest.fixture
def seeing(tiny: UNetBackbone) -> UNetBackbone:
    """The tiny model with a subject-encoder of random weights, its output layers too."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        vision = CLIPVisionModel(
            CLIPVisionConfig(
                hidden_size=16,
                intermediate_size=16,
                num_hidden_layers=6,
                num_attention_heads=2,
                image_size=32,
                patch_size=8,
            )
        ).eval()
        encoder = SubjectEncoder.for_unet(tiny.unet, vision, width=24, resblocks=1).eval()
        for layer in encoder.layers.values():
            torch.nn.init.normal_(layer.to_out.weight, std=0.5)
    size = {"height": 32, "width": 32}
    processor = CLIPImageProcessorPil(size=size, crop_size=size)
    return replace(tiny, encoder=encoder.requires_grad_(False), image_encoder=vision, image_processor=processor)


def test_the_papers_depths_are_read() -> None:
    assert depths_of(24) == (FINAL, 4, 8, 12, 16)
    assert depths_of(6) == (FINAL, 1, 2, 3, 4)
    with pytest.raises(ValueError, match="five depths"):
        depths_of(4)


@torch.no_grad()
def test_states_are_the_final_normalised_one_and_those_of_the_layers(seeing: UNetBackbone) -> None:
    pixels = torch.randn(1, 3, 32, 32)
    states = hidden_states(seeing.image_encoder, pixels, (FINAL, 1, 4))
    out = seeing.image_encoder(pixels, output_hidden_states=True)
    inner = getattr(seeing.image_encoder, "vision_model", seeing.image_encoder)
    expected = [inner.post_layernorm(out.last_hidden_state), out.hidden_states[1], out.hidden_states[4]]
    torch.testing.assert_close(states, torch.cat(expected, dim=-1))


def test_a_new_layer_changes_nothing() -> None:
    layer, h = SubjectEncoderAttention(16, 2, 24), torch.randn(3, 5, 16)
    keys = layer.keys(torch.randn(1, 4, 24))
    layer.groups, layer.beta = [(3, keys)], 1.0
    assert torch.equal(layer(h), h)


def test_rows_add_beta_times_a_cross_attention_and_others_pass() -> None:
    layer, h, tokens = SubjectEncoderAttention(16, 2, 24), torch.randn(3, 5, 16), torch.randn(1, 4, 24)
    torch.nn.init.normal_(layer.to_out.weight)
    layer.groups, layer.beta = [(2, layer.keys(tokens)), (1, None)], 0.2
    q, k, v = layer.to_q(layer.norm(h[:2])), layer.to_k(tokens), layer.to_v(tokens)
    heads = []
    for part in (slice(0, 8), slice(8, 16)):
        weights = torch.softmax(q[..., part] @ k[..., part].transpose(1, 2) / 8**0.5, dim=-1)
        heads.append(weights @ v[..., part])
    expected = h[:2] + 0.2 * layer.to_out(torch.cat(heads, dim=-1))
    torch.testing.assert_close(layer(h)[:2], expected)
    assert torch.equal(layer(h)[2], h[2])


@torch.no_grad()
def test_it_stands_between_self_and_text_attention_and_leaves_no_trace(seeing: UNetBackbone) -> None:
    unet, encoder = seeing.unet, seeing.encoder
    assert encoder is not None
    x, c = torch.randn(2, 8, 16, 16), torch.randn(2, 24, 16)
    plain, modules = unet(x, 5, c).sample, [name for name, _ in unet.named_modules()]
    keys, order = encoder.keys(torch.randn(1, 4, 24)), []
    block = transformer_blocks(unet)["mid_block.attentions.0.transformer_blocks.0"]
    hooks = [
        part.register_forward_hook(lambda *_, name=name: order.append(name))
        for name, part in (
            ("self", block.attn1),
            ("subject", encoder.layer("mid_block.attentions.0.transformer_blocks.0")),
            ("text", block.attn2),
        )
    ]
    with encoder_attached(unet, {name: encoder.layer(name) for name in encoder.config.blocks}):
        with encoder.attend([(1, keys), (1, None)], beta=0.5):
            seen = unet(x, 5, c, cross_attention_kwargs=SLOT).sample
        unseen = unet(x, 5, c, cross_attention_kwargs=SLOT).sample
    for hook in hooks:
        hook.remove()
    assert order == ["self", "subject", "text"] * 2
    assert float((seen[0] - plain[0]).abs().max()) > 1e-3
    torch.testing.assert_close(seen[1], plain[1])
    assert torch.equal(unseen, plain)
    assert [name for name, _ in unet.named_modules()] == modules
    assert torch.equal(unet(x, 5, c).sample, plain)


def _bytes(pictures: list[Image.Image]) -> list[bytes]:
    return [picture.tobytes() for picture in pictures]


def test_beta_alone_draws_the_subject_and_zero_is_off(seeing: UNetBackbone, pip: Reference) -> None:
    plain = _bytes(generate(seeing, None, CELLS, S))
    off = S.model_copy(update={"w_ref": 0.0, "beta": 0.0})
    assert _bytes(generate(seeing, pip, CELLS, off)) == plain
    alone = _bytes(generate(seeing, pip, CELLS, S.model_copy(update={"w_ref": 0.0})))
    both = _bytes(generate(seeing, pip, CELLS, S))
    assert len({tuple(plain), tuple(alone), tuple(both)}) == 3


def test_the_background_of_the_reference_is_not_seen_by_the_encoder(seeing: UNetBackbone, pip: Reference) -> None:
    assert pip.mask is not None
    other = Image.composite(pip.image, Image.new("RGB", pip.image.size, "purple"), pip.mask.convert("1").convert("L"))
    alone = S.model_copy(update={"w_ref": 0.0, "p_r": 1.0})
    hard = replace(pip, mask=pip.mask.convert("1").convert("L"))
    first = _bytes(generate(seeing, hard, CELLS, alone))
    assert _bytes(generate(seeing, replace(hard, image=other), CELLS, alone)) == first


def test_it_is_saved_and_loaded_as_diffusers_models_are(seeing: UNetBackbone, tmp_path: Path) -> None:
    encoder = seeing.encoder
    assert encoder is not None
    encoder.save_pretrained(tmp_path)
    again = SubjectEncoder.from_pretrained(tmp_path)
    states = torch.randn(2, 17, 80)
    assert torch.equal(again(states), encoder(states))
    assert {f.name for f in tmp_path.iterdir()} == {"config.json", "diffusion_pytorch_model.safetensors"}


def test_an_encoder_of_another_unet_is_refused(seeing: UNetBackbone) -> None:
    encoder = seeing.encoder
    assert encoder is not None
    layers = {name: encoder.layer(name) for name in list(encoder.config.blocks)[1:]}
    with pytest.raises(ValueError, match="belongs to another U-Net"), encoder_attached(seeing.unet, layers):
        pass
