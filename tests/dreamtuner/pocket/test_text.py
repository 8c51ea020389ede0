"""The pocket tokenizer: a word of the world is one token, and any text encodes."""

import random
from pathlib import Path

from transformers import CLIPTokenizer

from dreamtuner.pocket.shards import draw_pictures
from dreamtuner.pocket.text import MAX_TOKENS, new_tokenizer, vocabulary_words
from dreamtuner.pocket.world import TRAIN
from dreamtuner.pocket.world.captions import detailed_caption, sheet_caption


def test_every_word_of_the_world_is_one_token():
    tokenizer = new_tokenizer()
    for word in vocabulary_words():
        assert len(tokenizer(word).input_ids) == 3, word


def test_any_text_encodes_without_unknowns():
    tokenizer = new_tokenizer()
    for text in ("a zebra on the moon!", "été 雪", "x" * 20):
        ids = tokenizer(text).input_ids
        assert tokenizer.decode(ids, skip_special_tokens=True).replace(" ", "") == text.replace(" ", "")


def test_the_longest_captions_fit():
    tokenizer = new_tokenizer()
    pictures = draw_pictures(random.Random(0), TRAIN, 100)
    for i in range(0, len(pictures), 4):
        a, b = pictures[i], pictures[i + 1]
        assert len(tokenizer(detailed_caption(a.identity, a.context)).input_ids) <= MAX_TOKENS
        assert len(tokenizer(sheet_caption(a.identity, a.context, b.context, detailed=True)).input_ids) <= MAX_TOKENS


def test_it_saves_and_loads_as_a_stock_clip_tokenizer(tmp_path: Path):
    tokenizer = new_tokenizer()
    tokenizer.save_pretrained(tmp_path)
    again = CLIPTokenizer.from_pretrained(tmp_path)
    words = "a drawing of a purple robot in the city, jumping, eyes closed"
    assert again(words).input_ids == tokenizer(words).input_ids
    assert again.model_max_length == MAX_TOKENS
