"""Text encoding: skipped layers, weights and chunks, each against its definition; neutral settings change no bit."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from PIL import ImageChops
from transformers import CLIPTextConfig, CLIPTextModel

from dreamtuner.families.unet.backbone import UNetBackbone
from dreamtuner.families.unet.text import last_states, tokens_of
from dreamtuner.finetune.learned_token import token_added, with_token
from dreamtuner.models.prompt_syntax import PromptSyntaxError
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.request import Cell, Reference
from dreamtuner.settings.sampling import Sampling, TextSettings
from tests.dreamtuner.conftest import text_config

WEIGHTED = TextSettings(syntax="weighted")


@pytest.fixture(scope="module")
def deep() -> CLIPTextModel:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return CLIPTextModel(CLIPTextConfig(**{**text_config(), "num_hidden_layers": 3})).eval()


@torch.inference_mode()
@pytest.mark.parametrize("clip_skip", [0, 1, 2])
def test_clip_skip_is_the_encoder_without_its_last_layers(deep: CLIPTextModel, clip_skip: int) -> None:
    ids = torch.tensor([[54, 3, 9, 27, 55]])
    config = CLIPTextConfig(**{**text_config(), "num_hidden_layers": 3 - clip_skip})
    shorter = CLIPTextModel(config).eval()
    shorter.load_state_dict(deep.state_dict(), strict=False)  # it has fewer layers
    expected = shorter(ids).last_hidden_state
    assert torch.equal(last_states(deep, ids, None, clip_skip), expected)


def test_more_layers_than_there_are_cannot_be_skipped(deep: CLIPTextModel) -> None:
    with pytest.raises(ValueError, match=r"sampling.clip_skip: 3 of the text encoder's 3 layers; choose 0 to 2"):
        last_states(deep, torch.tensor([[54, 55]]), None, 3)


@torch.inference_mode()
@pytest.mark.parametrize(
    ("weighted", "literal"),
    [("a bear", "a bear"), ("", ""), ("a (red:1) ([bear])", "a red bear"), (r"a bear \(x\)", "a bear (x)")],
)
def test_weights_of_one_equal_the_literal_prompt_to_the_last_bit(
    tiny: UNetBackbone, weighted: str, literal: str
) -> None:
    assert torch.equal(tiny.encode_text(weighted, WEIGHTED).states, tiny.encode_text(literal).states)


@torch.inference_mode()
def test_weights_multiply_the_states_and_the_mean_is_restored(tiny: UNetBackbone) -> None:
    plain = tiny.encode_text("a red bear").states
    states = tiny.encode_text("a (red:1.5) bear", WEIGHTED).states
    places = tiny.word_places(["a red bear"], "red")[0]
    assert places.sum() == 3  # letters
    torch.testing.assert_close(states.mean(), plain.mean())
    factor = states / plain
    torch.testing.assert_close(factor[0, places] / factor[0, 0], torch.full((3, 16), 1.5))
    torch.testing.assert_close(factor[0, ~places] / factor[0, 0], torch.ones(21, 16))


@torch.inference_mode()
def test_long_prompts_are_chunks_each_encoded_on_its_own(tiny: UNetBackbone) -> None:
    first, second = "a bear, on a red hill", "in snow"
    states = tiny.encode_text(f"{first} BREAK {second}", WEIGHTED).states
    assert states.shape == (1, 48, 16)
    assert torch.equal(states[:, :24], tiny.encode_text(first).states)
    assert torch.equal(states[:, 24:], tiny.encode_text(second).states)
    letters = " ".join("abcdefghijklmnopqrstuvwxyz")
    long = tiny.encode_text(letters, WEIGHTED).states
    assert torch.equal(long[:, :24], tiny.encode_text(letters[: 2 * 22]).states)
    assert torch.equal(long[:, 24:], tiny.encode_text(letters[2 * 22 :]).states)


def test_padding_is_masked_where_the_encoder_uses_a_mask(tiny: UNetBackbone) -> None:
    literal, weighted = (tokens_of(tiny.tokenizer, "a bear", syntax) for syntax in ("literal", "weighted"))
    assert torch.equal(weighted.mask, literal.mask)
    assert torch.equal(weighted.ids, literal.ids)
    assert literal.mask.sum() == 7


def test_words_are_found_in_every_chunk(tiny: UNetBackbone) -> None:
    places = tiny.word_places(["a bear", "a (red:1.2) hill BREAK a [bear]"], "bear", WEIGHTED)
    assert places.shape == (2, 48)
    assert places[0].nonzero().flatten().tolist() == [2, 3, 4, 5]
    assert places[1].nonzero().flatten().tolist() == [26, 27, 28, 29]


@torch.inference_mode()
def test_a_learned_token_works_inside_weights(tiny: UNetBackbone) -> None:
    learned = tiny.with_tokenizers({"text_encoder": with_token(tiny.tokenizer, "[S*]")})
    with token_added(tiny.text_encoder, torch.ones(1, 16)):
        plain = learned.encode_text("a bear [S*]").states
        assert torch.equal(learned.encode_text("a bear [S*]", WEIGHTED).states, plain)
        weighted = learned.encode_text("a (bear [S*]:1.5)", WEIGHTED).states
    places = learned.word_places(["a (bear [S*]:1.5)"], "[S*]", WEIGHTED)[0]
    assert places.nonzero().flatten().tolist() == [6]
    factor = (weighted / plain)[0]
    torch.testing.assert_close(factor[places] / factor[0], torch.full((1, 16), 1.5))


S = Sampling(steps=2, resolution=64, beta=0.0)


def test_every_text_of_an_image_has_the_same_settings(tiny: UNetBackbone, pip: Reference) -> None:
    seen: list[tuple[str, TextSettings]] = []

    class Watched(UNetBackbone):
        def encode_text(self, prompt: str, settings: TextSettings = WEIGHTED) -> Any:
            seen.append((prompt, settings))
            return super().encode_text(prompt, settings)

    watched = Watched(**{name: getattr(tiny, name) for name in tiny.__dataclass_fields__})
    weighted = S.model_copy(update={"prompt_syntax": "weighted"})
    generate(watched, pip, [Cell("a (bear)", 0)], weighted, negative_prompt="[red]")
    assert {prompt for prompt, _ in seen} == {pip.caption, "a (bear)", "[red]", ""}
    assert {settings for _, settings in seen} == {WEIGHTED}


@pytest.mark.slow
def test_an_image_does_not_depend_on_longer_prompts_beside_it(tiny: UNetBackbone, pip: Reference) -> None:
    weighted, pip = S.model_copy(update={"prompt_syntax": "weighted"}), replace(pip, caption="a bear in snow")
    cells = [Cell("a bear", 0), Cell("a red BREAK bear", 0), Cell("a hill", 1)]
    together = generate(tiny, pip, cells, weighted, negative_prompt="snow")
    for cell, image in zip(cells, together, strict=True):
        [alone] = generate(tiny, pip, [cell], weighted, negative_prompt="snow")
        worst = max(high for _, high in ImageChops.difference(alone, image).getextrema())
        assert worst <= 1
    literal = generate(tiny, pip, cells[:1], S, negative_prompt="snow")[0]
    assert generate(tiny, pip, cells[:1], weighted, negative_prompt="snow")[0].tobytes() == literal.tobytes()
    longer = generate(tiny, pip, cells[:1], weighted, negative_prompt="snow BREAK red")[0]
    assert longer.tobytes() != literal.tobytes()


def test_a_prompt_that_cannot_be_parsed_is_an_error(tiny: UNetBackbone) -> None:
    with pytest.raises(PromptSyntaxError, match="never closed"):
        tiny.encode_text("a (bear", WEIGHTED)


def test_a_negative_prompt_acts_in_every_step_only_where_that_is_set(tiny: UNetBackbone, pip: Reference) -> None:
    """At p_r = 1 all steps are Eq. 4."""
    images = {}
    for steps, negative in (("text", ""), ("text", "snow"), ("all", ""), ("all", "snow")):
        s = S.model_copy(update={"p_r": 1.0, "negative_in": steps})
        [image] = generate(tiny, pip, [Cell("a bear", 0)], s, negative_prompt=negative)
        images[steps, negative] = image.tobytes()
    assert images["text", ""] == images["text", "snow"] == images["all", ""]
    assert images["all", "snow"] != images["text", ""]
