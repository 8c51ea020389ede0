"""Words that a text encoder lost are told apart again; the shipped one has lost the emblems, as its card says."""

import pytest
import torch
from transformers import CLIPTextModel, CLIPTokenizer

from dreamtuner.pocket.text import encode_captions
from dreamtuner.pocket.words import APART, Encode, apart, tell_apart
from dreamtuner.pocket.world.identity import ATTRIBUTES
from dreamtuner.profiles import get_profile

LOST = ["emblem"]
WEIGHTS = get_profile("pocket").weights


@pytest.fixture
def shipped() -> tuple[CLIPTokenizer, CLIPTextModel]:
    tokenizer = CLIPTokenizer.from_pretrained(WEIGHTS / "tokenizer")
    return tokenizer, CLIPTextModel.from_pretrained(WEIGHTS / "text_encoder").float().eval()


def _encode(tokenizer: CLIPTokenizer, text_encoder: CLIPTextModel) -> Encode:
    return lambda captions: encode_captions(tokenizer, text_encoder, captions, torch.device("cpu"))


@torch.no_grad()
def test_the_shipped_text_encoder_has_lost_emblems_alone(shipped: tuple[CLIPTokenizer, CLIPTextModel]):
    encode = _encode(*shipped)
    assert [name for name in ATTRIBUTES if apart(encode, name) < APART] == LOST


@torch.no_grad()
def test_lost_words_alone_are_told_apart_again(shipped: tuple[CLIPTokenizer, CLIPTextModel]):
    tokenizer, text_encoder = shipped
    encode = _encode(tokenizer, text_encoder)
    table = text_encoder.get_input_embeddings().weight
    lost = [*LOST, "shape"]
    words = {name: [tokenizer.convert_tokens_to_ids(f"{word}</w>") for word in ATTRIBUTES[name]] for name in lost}
    table[words["shape"]] = table[words["shape"]].mean(0)
    others = [row for row in range(len(table)) if not any(row in rows for rows in words.values())]
    before = table[others].clone()
    assert tell_apart(tokenizer, text_encoder) == lost
    assert min(apart(encode, name) for name in ATTRIBUTES) >= APART
    assert torch.equal(table[others], before)
    assert tell_apart(tokenizer, text_encoder) == []
