"""What a model reads of a text is what its own tokenizer gives it, found out without the model."""

import json
from pathlib import Path

import pytest
from transformers import CLIPTokenizer

from dreamtuner.families.unet.text import tokens_of
from dreamtuner.finetune.learned_token import with_token
from dreamtuner.models.profiles import get_profile
from dreamtuner.models.tokens import CLIP_LENGTH, reader_of

TEXTS = [
    "a photo of a bear on the beach, arms up",
    "A  Photo of a\nbear's dog 12 \U0001f43b 浜辺",
    "a photo of a bear, professional photography, sharp focus, award winning, in the snow",
    "",
]


@pytest.fixture(scope="module")
def tokenizer() -> CLIPTokenizer:
    return CLIPTokenizer.from_pretrained(get_profile("pocket").weights, subfolder="tokenizer", local_files_only=True)


def test_the_tokens_are_those_that_the_model_is_given(tokenizer: CLIPTokenizer) -> None:
    reader = reader_of(get_profile("pocket"))
    assert reader is not None
    for text, read in zip(TEXTS, reader.read(TEXTS), strict=True):
        assert list(read.tokens) == tokenizer(text, truncation=True)["input_ids"]
        assert read.count == len(tokenizer(text, truncation=False, verbose=False)["input_ids"])
        assert bool(read.cut) == (read.count > reader.limit)


def test_the_same_of_a_folder_that_holds_vocabulary_and_merges(tokenizer: CLIPTokenizer, tmp_path: Path) -> None:
    model = json.loads((get_profile("pocket").weights / "tokenizer" / "tokenizer.json").read_text())["model"]
    folder = tmp_path / "tokenizer"
    folder.mkdir()
    (folder / "vocab.json").write_text(json.dumps(model["vocab"]))
    pairs = [one if isinstance(one, str) else " ".join(one) for one in model["merges"]]
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *pairs]))
    reader = reader_of(get_profile("pocket").model_copy(update={"weights": tmp_path}))
    assert reader is not None
    assert reader.limit == CLIP_LENGTH
    for text, read in zip(TEXTS, reader.read(TEXTS), strict=True):
        assert list(read.tokens) == tokenizer(text, truncation=False, verbose=False)["input_ids"]
    assert reader_of(get_profile("pocket").model_copy(update={"weights": tmp_path / "none"})) is None


def test_a_learned_word_is_one_token(tokenizer: CLIPTokenizer) -> None:
    reader = reader_of(get_profile("pocket"), "[S*]")
    assert reader is not None
    assert list(reader.read(["a bear [S*]"])[0].tokens) == with_token(tokenizer, "[S*]")("a bear [S*]")["input_ids"]


@pytest.mark.parametrize(
    "text",
    ["", "a (bear:1.2) [S*]", "a bear BREAK in the (snow)", ", ".join(["a photo of a bear on the beach"] * 20)],
)
def test_weighted_prompts_are_read_as_they_are_encoded(tokenizer: CLIPTokenizer, text: str) -> None:
    reader = reader_of(get_profile("pocket"), "[S*]")
    assert reader is not None
    [read] = reader.read([text], "weighted")
    encoded = tokens_of(with_token(tokenizer, "[S*]"), text, "weighted")
    kept = encoded.mask.bool()
    assert list(read.tokens) == encoded.ids[kept].tolist()
    assert list(read.weights or (1.0,) * len(read.tokens)) == pytest.approx(encoded.weights[kept].tolist())
    assert read.cut == ""
    assert read.count == int(encoded.mask.sum())


def test_whole_words_are_cut_off_and_unknown_ones_are_named() -> None:
    reader = reader_of(get_profile("pocket"))
    assert reader is not None
    read = reader.read(TEXTS)
    assert read[2].cut == "winning, in the snow"
    assert set(read[2].spelled) >= {"professional", "photography", "sharp", "focus"}
    assert (read[0].cut, read[0].spelled) == ("", ())
