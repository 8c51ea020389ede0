"""The pocket tokenizer: a word of the world is one token, and any text encodes."""

import random
from itertools import product
from pathlib import Path

from transformers import CLIPTokenizer

from dreamtuner.models.profiles import get_profile
from dreamtuner.pocket.training.shards import draw_pairs, draw_pictures
from dreamtuner.pocket.training.text import MAX_TOKENS, new_tokenizer, vocabulary_words
from dreamtuner.pocket.world import EXPRESSIONS, FRAMINGS, TRAIN, VIEWS, Context, Identity
from dreamtuner.pocket.world.captions import detailed_caption, sample_pair_caption, sheet_caption


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


def test_the_longest_captions_of_views_and_pairs_fit():
    tokenizer = new_tokenizer()
    identity = Identity("bear", "red", "blue", "green", "stripes", "star", "cone hat", "big eyes", "slim")
    for view, framing, expression in product(VIEWS, FRAMINGS, EXPRESSIONS):
        context = Context("on the beach", "arms up", "natural", expression, view=view, framing=framing)
        for words in (detailed_caption(identity, context), sheet_caption(identity, context, context)):
            assert len(tokenizer(words).input_ids) <= MAX_TOKENS
    rng = random.Random(0)
    for pair in draw_pairs(rng, TRAIN, 100):
        words = sample_pair_caption(rng, [(p.identity, p.context) for p in pair])
        assert len(tokenizer(words).input_ids) <= MAX_TOKENS


def test_words_of_the_first_vocabulary_keep_their_tokens():
    shipped, today = CLIPTokenizer.from_pretrained(get_profile("pocket").weights / "tokenizer"), new_tokenizer()
    first, now = shipped.get_vocab(), today.get_vocab()
    assert all(now[token] == number for token, number in first.items())
    assert (today.bos_token_id, today.eos_token_id) == (shipped.bos_token_id, shipped.eos_token_id)
    pictures = draw_pictures(random.Random(0), TRAIN, 10)
    for picture in pictures:
        words = detailed_caption(picture.identity, picture.context)
        assert today(words).input_ids == shipped(words).input_ids
