"""Words that a text encoder lost are told apart again; the shipped one has lost none."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from dreamtuner.pocket.denoiser import encode_captions
from dreamtuner.pocket.words import APART, apart, tell_apart
from dreamtuner.pocket.world.identity import ATTRIBUTES
from dreamtuner.profiles import get_profile

WEIGHTS = get_profile("pocket").weights
Encode = Callable[[list[str]], Tensor]


@pytest.fixture
def shipped() -> tuple[CLIPTokenizer, CLIPTextModel]:
    tokenizer = CLIPTokenizer.from_pretrained(WEIGHTS / "tokenizer")
    return tokenizer, CLIPTextModel.from_pretrained(WEIGHTS / "text_encoder").float().eval()


def _encode(tokenizer: CLIPTokenizer, text_encoder: CLIPTextModel) -> Encode:
    return lambda captions: encode_captions(tokenizer, text_encoder, captions, torch.device("cpu"))


@torch.no_grad()
@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_the_shipped_text_encoder_tells_the_values_apart(attribute: str, shipped: tuple[CLIPTokenizer, CLIPTextModel]):
    assert apart(_encode(*shipped), attribute) >= APART


@torch.no_grad()
def test_lost_words_alone_are_told_apart_again(shipped: tuple[CLIPTokenizer, CLIPTextModel]):
    tokenizer, text_encoder = shipped
    table = text_encoder.get_input_embeddings().weight
    rows = tokenizer.convert_tokens_to_ids(["glasses</w>", "dot</w>", "big</w>", "eyes</w>"])
    table[rows] = table[rows[:1]]
    others = [row for row in range(len(table)) if row not in rows]
    before = table[others].clone()
    assert apart(_encode(tokenizer, text_encoder), "eyes") < APART
    assert tell_apart(tokenizer, text_encoder) == ["eyes"]
    assert apart(_encode(tokenizer, text_encoder), "eyes") >= APART
    assert torch.equal(table[others], before)
    assert tell_apart(tokenizer, text_encoder) == []
