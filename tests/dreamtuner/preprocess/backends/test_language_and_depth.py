"""Captions and depth by models of transformers: equal to the published processing by hand, from a cache, offline."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional
from transformers import (
    AutoModelForDepthEstimation,
    BartTokenizer,
    BertTokenizer,
    Blip2ForConditionalGeneration,
    BlipForConditionalGeneration,
    Florence2ForConditionalGeneration,
    T5Tokenizer,
)

from dreamtuner.models.auxiliary import AUXILIARY, auxiliary_place
from dreamtuner.models.auxiliary.fetch import fetch_auxiliary
from dreamtuner.models.intake.sources import hub_source
from dreamtuner.models.prompt_syntax import Fragment, parse
from dreamtuner.models.weights import WeightsMissingError
from dreamtuner.preprocess.backends import auxiliary
from dreamtuner.preprocess.backends.captioners import blip2
from dreamtuner.preprocess.backends.captioners.blip import continued
from dreamtuner.preprocess.backends.captioners.generation import described
from dreamtuner.preprocess.captioners import CAPTIONERS, captioned, found_caption
from dreamtuner.preprocess.estimators import ESTIMATORS, estimated, estimator_of
from tests.auxiliary_models import in_cache, write_blip, write_blip2, write_depth_anything, write_florence2

WRITERS = {
    "florence-2-base": write_florence2,
    "blip-base": write_blip,
    "blip2-flan-t5-xl": write_blip2,
    "depth-anything-v2-small": write_depth_anything,
}
CLIP_PIXELS = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hub")
    for name, write in WRITERS.items():
        write(in_cache(root, hub_source(AUXILIARY[name].source).repository))
    return root


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> Path:
    monkeypatch.setenv("DREAMTUNER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(cache))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path / "home"


def pixels(image: Image.Image, size: tuple[int, int], mean: tuple[float, ...], deviation: tuple[float, ...]) -> Any:
    """The published preprocessing by Pillow and torch: resized (bicubic), 0..1, normalised."""
    resized = torch.from_numpy(np.array(image.resize(size, Image.Resampling.BICUBIC))).permute(2, 0, 1)[None] / 255
    return (resized - torch.tensor(mean)[:, None, None]) / torch.tensor(deviation)[:, None, None]


def spied(monkeypatch: pytest.MonkeyPatch, model: Any) -> list[dict[str, Any]]:
    """What the models of this class are asked to generate from, as they are asked."""
    asked: list[dict[str, Any]] = []
    generate = model.generate

    def noted(self: Any, **given: Any) -> Any:
        asked.append(given)
        return generate(self, **given)

    monkeypatch.setattr(model, "generate", noted)
    return asked


@torch.no_grad()
def test_depth_is_the_models_own_resized_and_near_is_white(image: Image.Image) -> None:
    fetch_auxiliary("depth-anything-v2-small")
    estimator = ESTIMATORS["depth-anything-v2-small"]
    found = estimator.estimate(image)
    stock = AutoModelForDepthEstimation.from_pretrained(auxiliary_place(estimator.name)).eval()
    size = (round(140 * 518 / 90 / 14) * 14, 518)  # the shorter side is 518, both are multiples of 14
    depth = stock(pixels(image, size, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))).predicted_depth
    depth = functional.interpolate(depth[None], size=(90, 140), mode="bicubic", align_corners=False)[0, 0]
    grey = (depth - depth.min()) / (depth.max() - depth.min())
    assert (found.mode, found.size) == ("L", image.size)
    assert np.abs(np.asarray(found) / 255 - grey.numpy()).max() <= 0.5 / 255 + 1e-4
    assert found.getextrema() == (0, 255)
    assert estimated(estimator_of("depth"), image).size == image.size


@torch.no_grad()
def test_a_caption_continues_the_sentence_as_the_model_alone_does(
    image: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_to = spied(monkeypatch, BlipForConditionalGeneration)
    fetch_auxiliary("blip-base")
    captioner = CAPTIONERS["blip"]
    caption = captioned(captioner, lambda: image, class_word="Bear", style_word="photo")
    line = caption.text
    folder = auxiliary_place("blip-base")
    stock = BlipForConditionalGeneration.from_pretrained(folder).eval()
    tokenizer = BertTokenizer.from_pretrained(folder)
    given = pixels(image, (384, 384), (0.48, 0.46, 0.41), (0.27, 0.26, 0.28))
    torch.testing.assert_close(given_to[0]["pixel_values"], given, atol=1e-4, rtol=0)
    words = tokenizer("a photo of a bear", return_tensors="pt")
    inputs = {"input_ids": words["input_ids"], "attention_mask": words["attention_mask"]}
    tokens = stock.generate(pixel_values=given, **inputs, max_new_tokens=30, num_beams=3, do_sample=False)
    stock_line = tokenizer.decode(tokens[0][1:], skip_special_tokens=True)
    assert line.startswith("a photo of a Bear")
    assert line.lower() == " ".join(stock_line.split())
    assert len(line) > len("a photo of a Bear")
    begun = words["input_ids"].shape[1] - 1  # the prompt without its last token, which ends a sentence
    logits = stock(pixel_values=given, input_ids=tokens[:, :-1]).logits
    assert caption.confidence == pytest.approx(certainty(logits[:, begun - 1 :], tokens[:, begun:]), abs=1e-4)
    assert found_caption(captioner, lambda: image, class_word="Bear", style_word="photo") == line


@torch.no_grad()
def test_florence_is_asked_for_a_caption_as_its_processor_writes_it(
    image: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_to = spied(monkeypatch, Florence2ForConditionalGeneration)
    fetch_auxiliary("florence-2-base")
    caption = captioned(CAPTIONERS["florence-2"], lambda: image, class_word="Bear", style_word="photo")
    line = caption.text
    folder = auxiliary_place("florence-2-base")
    stock = Florence2ForConditionalGeneration.from_pretrained(folder).eval()
    tokenizer = BartTokenizer.from_pretrained(folder)
    asked = "<image>" * 5 + "<s>What does the image describe?</s>"
    words = tokenizer(asked, add_special_tokens=False, return_tensors="pt")["input_ids"]
    given = pixels(image, (64, 64), *CLIP_PIXELS)
    torch.testing.assert_close(given_to[0]["pixel_values"], given, atol=1e-4, rtol=0)
    assert given_to[0]["input_ids"].tolist() == words.tolist()
    tokens = stock.generate(
        input_ids=words,
        pixel_values=given,
        max_new_tokens=60,
        num_beams=3,
        do_sample=False,
    )
    seen = tokenizer.decode(tokens[0], skip_special_tokens=True)
    assert len(seen.strip()) > 3
    assert line == described("a photo of a Bear", seen)
    assert caption.confidence is not None
    assert 0 < caption.confidence < 1


@torch.no_grad()
def test_blip2_sees_the_image_before_the_prompt_of_its_release(image: Image.Image) -> None:
    fetch_auxiliary("blip2-flan-t5-xl")
    found = captioned(CAPTIONERS["blip-2"], lambda: image, class_word="Bear", style_word="drawing")
    folder = auxiliary_place("blip2-flan-t5-xl")
    stock = Blip2ForConditionalGeneration.from_pretrained(folder).eval()
    states = stock.vision_model(pixels(image, (224, 224), *CLIP_PIXELS)).last_hidden_state
    queries = stock.qformer(query_embeds=stock.query_tokens, encoder_hidden_states=states).last_hidden_state
    tokenizer = T5Tokenizer.from_pretrained(folder)
    prompt = stock.language_model.get_input_embeddings()(tokenizer("a photo of", return_tensors="pt")["input_ids"])
    given = torch.cat([stock.language_projection(queries), prompt], 1)
    tokens = stock.language_model.generate(inputs_embeds=given, max_new_tokens=30, num_beams=5, do_sample=False)
    seen = tokenizer.decode(tokens[0], skip_special_tokens=True)
    assert len(seen.split()) > 2
    assert found.text == "a drawing of a Bear, " + " ".join(seen.split())
    logits = stock.language_model(inputs_embeds=given, decoder_input_ids=tokens[:, :-1]).logits
    assert found.confidence == pytest.approx(certainty(logits, tokens[:, 1:]), abs=1e-4)
    turned = captioned(CAPTIONERS["blip-2"], lambda: image.rotate(90), class_word="Bear", style_word="drawing")
    assert turned.text != found.text


def test_a_model_that_does_not_fit_into_memory_is_not_loaded(
    image: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch_auxiliary("blip2-flan-t5-xl")
    blip2._loaded.cache_clear()
    monkeypatch.setattr(auxiliary, "free_memory_bytes", lambda: 1000)
    with pytest.raises(WeightsMissingError, match=r"blip2-flan-t5-xl takes 0\.0 GB in memory, 0\.0 GB are free; end"):
        CAPTIONERS["blip-2"].caption(lambda: image, class_word="bear", style_word="photo")


def certainty(logits: torch.Tensor, tokens: torch.Tensor) -> float:
    """The geometric mean of the probabilities of these tokens."""
    chosen = logits.log_softmax(-1).gather(-1, tokens[..., None])
    return float(chosen.mean().exp())


@pytest.mark.parametrize(
    ("seen", "line"),
    [
        ("a bear (close up", "a photo of a bear, a bear close up"),
        ("it says [a|b] BREAK AND enter", "a photo of a bear, it says a|b break and enter"),
        ("<lora:x:1> {subject}", "a photo of a bear, subject"),
    ],
)
def test_a_sentence_of_a_model_is_words_in_every_prompt_syntax(seen: str, line: str) -> None:
    assert described("a photo of a bear", seen) == line
    assert parse(line) == [[Fragment(line, 1.0)]]
    assert continued("a photo of a bear", f"a photo of a bear {seen}").endswith(line.rpartition(", ")[2])


@pytest.mark.parametrize(
    ("seen", "line"),
    [(" A brown bear in  snow. ", "a photo of a bear, a brown bear in snow"), ("", "a photo of a bear")],
)
def test_what_florence_sees_follows_the_class_word(seen: str, line: str) -> None:
    assert described("a photo of a bear", seen) == line


def test_versions_follow_the_models_files_and_a_missing_model_names_its_command(image: Image.Image) -> None:
    for backend in (CAPTIONERS["blip"], ESTIMATORS["depth-anything-v2-small"]):
        assert backend.version.endswith("-missing")
    with pytest.raises(WeightsMissingError, match="dreamtuner models fetch blip-base"):
        CAPTIONERS["blip"].caption(lambda: image, class_word="bear", style_word="photo")
    with pytest.raises(WeightsMissingError, match="dreamtuner models fetch depth-anything-v2-small"):
        ESTIMATORS["depth-anything-v2-small"].estimate(image)
    fetch_auxiliary("blip-base")
    version = CAPTIONERS["blip"].version
    assert version.startswith("2-")
    assert version != "2-missing"


@pytest.mark.parametrize(
    ("found", "line"),
    [
        ("a photo of a bear in  snow", "a photo of a Bear in snow"),
        ("two bears", "a photo of a Bear, two bears"),
        ("", "a photo of a Bear"),
    ],
)
def test_a_caption_keeps_the_class_word_as_it_was_written(found: str, line: str) -> None:
    assert continued("a photo of a Bear", found) == line
