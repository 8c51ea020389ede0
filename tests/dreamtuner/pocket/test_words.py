"""Words that a text encoder lost are told apart again; the shipped one has lost none."""

import random

import pytest
import torch
from transformers import CLIPTextModel, CLIPTokenizer

from dreamtuner.models.profiles import get_profile
from dreamtuner.pocket.training.text import encode_captions
from dreamtuner.pocket.training.words import APART, NOISY, ROOM, Encode, apart, crowding, sample_contrast, separate
from dreamtuner.pocket.world.identity import ATTRIBUTES

WEIGHTS = get_profile("pocket").weights


@pytest.fixture
def shipped() -> tuple[CLIPTokenizer, CLIPTextModel]:
    tokenizer = CLIPTokenizer.from_pretrained(WEIGHTS / "tokenizer")
    return tokenizer, CLIPTextModel.from_pretrained(WEIGHTS / "text_encoder").float().eval()


def _encode(tokenizer: CLIPTokenizer, text_encoder: CLIPTextModel) -> Encode:
    return lambda captions: encode_captions(tokenizer, text_encoder, captions, torch.device("cpu"))


@torch.no_grad()
def test_the_shipped_text_encoder_has_lost_no_words(shipped: tuple[CLIPTokenizer, CLIPTextModel]):
    encode = _encode(*shipped)
    assert [name for name in ATTRIBUTES if apart(encode, name) < APART] == []


@torch.no_grad()
@pytest.mark.slow
def test_lost_words_alone_are_told_apart_again(shipped: tuple[CLIPTokenizer, CLIPTextModel]):
    tokenizer, text_encoder = shipped
    encode = _encode(tokenizer, text_encoder)
    table = text_encoder.get_input_embeddings().weight
    lost = ["emblem", "shape"]
    words = {name: [tokenizer.convert_tokens_to_ids(f"{word}</w>") for word in ATTRIBUTES[name]] for name in lost}
    for rows in words.values():
        table[rows] = table[rows].mean(0)
    others = [row for row in range(len(table)) if not any(row in rows for rows in words.values())]
    before = table[others].clone()
    assert separate(tokenizer, text_encoder) == lost
    assert min(apart(encode, name) for name in ATTRIBUTES) >= APART
    assert torch.equal(table[others], before)
    assert separate(tokenizer, text_encoder) == []


def test_crowded_words_are_pushed_apart_and_others_left_alone():
    states = torch.zeros(9, 4, 8, requires_grad=True)
    loss = crowding(lambda captions: states[: len(captions)] + torch.randn(1, 4, 8) * 0, random.Random(0))
    assert float(loss.detach()) == pytest.approx(1.0, abs=1e-2)
    apart_ = (torch.eye(9).view(9, 1, 9) * ROOM).repeat(1, 4, 1).requires_grad_()
    far = crowding(lambda captions: apart_[: len(captions)], random.Random(0))
    far.backward()
    assert float(far.detach()) == 0.0
    assert not apart_.grad.any()


def test_the_loss_alone_parts_the_emblems(shipped: tuple[CLIPTokenizer, CLIPTextModel]):
    tokenizer, text_encoder = shipped
    encode, rng = _encode(tokenizer, text_encoder), random.Random(0)
    rows = [tokenizer.convert_tokens_to_ids(f"{word}</w>") for word in ATTRIBUTES["emblem"]]
    with torch.no_grad():
        table = text_encoder.get_input_embeddings().weight
        table[rows] = torch.lerp(table[rows].mean(0), table[rows], 0.05)
    optimizer = torch.optim.AdamW(text_encoder.parameters(), lr=1e-4)
    with torch.no_grad():
        before = apart(encode, "emblem")
    for _ in range(60):
        optimizer.zero_grad()
        crowding(encode, rng).backward()
        optimizer.step()
    with torch.no_grad():
        assert apart(encode, "emblem") > before + 0.1


def test_images_of_a_contrast_differ_in_the_emblem_alone_and_nothing_else_does():
    given = sample_contrast(random.Random(3), "emblem", 8, side=16, numbers=5)
    assert given.images.shape == (8, 3, 64, 64)
    for first in (0, 4):
        group = slice(first, first + 4)
        images, captions = given.images[group], given.captions[group]
        assert [next(one for one in ATTRIBUTES["emblem"] if one in caption) for caption in captions] == [
            *ATTRIBUTES["emblem"]
        ]
        assert len({caption.replace(one, "") for caption, one in zip(captions, ATTRIBUTES["emblem"], strict=True)}) == 1
        differ = (images != images[:1]).flatten(0, 1).any(0)
        inside = given.inside[first, 0].repeat_interleave(4, 0).repeat_interleave(4, 1) > 0
        assert differ.any()
        assert not (differ & ~inside).any()
        assert (given.noise[group] == given.noise[first]).all()
        assert (given.t[group] == given.t[first]).all()
        assert int(given.t[first]) in NOISY
    assert not torch.equal(given.noise[0], given.noise[4])
