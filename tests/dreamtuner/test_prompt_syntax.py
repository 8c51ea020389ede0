"""Weighted prompts: what each notation means, what is an error, and where long prompts are divided."""

import pytest

from dreamtuner.models.prompt_syntax import PromptSyntaxError, chunked, parse, plain


@pytest.mark.parametrize(
    ("prompt", "sections"),
    [
        ("", [[]]),
        ("a bear, 12:30", [[("a bear, 12:30", 1)]]),
        ("a (red) bear", [[("a ", 1), ("red", 1.1), (" bear", 1)]]),
        ("a (red:1.5) bear", [[("a ", 1), ("red", 1.5), (" bear", 1)]]),
        ("a (red : -0.5 )", [[("a ", 1), ("red ", -0.5)]]),
        ("a [red] bear", [[("a ", 1), ("red", 0.909091), (" bear", 1)]]),
        ("((red) hat:2)", [[("red", 2.2), (" hat", 2)]]),
        ("a (red:1) ([hat])", [[("a red hat", 1)]]),
        (r"a bear \(toy\) \\ \[x\] \n", [[("a bear (toy) \\ [x] \\n", 1)]]),
        ("a bear BREAK in snow", [[("a bear", 1)], [("in snow", 1)]]),
        ("(a bear BREAK snow:1.2) x", [[("a bear", 1.2)], [("snow", 1.2), (" x", 1)]]),
        ("BREAKING", [[("BREAKING", 1)]]),
    ],
)
def test_notation(prompt: str, sections: list[list[tuple[str, float]]]) -> None:
    assert [[tuple(one) for one in section] for section in parse(prompt)] == sections


def test_a_learned_token_with_brackets_is_one_word() -> None:
    assert parse("a (bear [S*]:1.2)", ["[S*]", "<|endoftext|>"]) == [[("a ", 1), ("bear [S*]", 1.2)]]
    assert parse("a [S*]")[0][1] == ("S*", 0.909091)


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("a (red bear", r"\( is never closed; balance the brackets, or write \\\("),
        ("a [red", r"\[ is never closed"),
        ("a red) bear", r"\) closes nothing"),
        ("a ([red)]", r"\) closes nothing"),
        ("a [red:1.2) b", r"\) closes nothing"),
        ("at (9:30)", "the weight 30 is no number in -10..10"),
        ("a (red:1.2.3)", "the weight 1.2.3 is no number"),
        ("a [red:blue:0.5] hat", "change a prompt between steps"),
        ("a [red|blue] hat", "change a prompt between steps"),
        ("a bear <lora:ink:0.8>", "<lora:ink:0.8> is not part of a prompt here; set sampling.loras"),
        ("a bear AND a frog", "AND does not combine prompts here"),
    ],
)
def test_what_cannot_be_parsed_is_an_error_that_names_the_remedy(prompt: str, message: str) -> None:
    with pytest.raises(PromptSyntaxError, match=message):
        parse(prompt)


def test_plain_text_has_the_words_alone() -> None:
    assert plain(r"a (red:1.2) bear \(toy\) BREAK [in] snow") == "a red bear (toy) in snow"


def _ids(*ids: int) -> list[tuple[int, float]]:
    return [(one, 1.0) for one in ids]


def test_chunks_end_at_a_comma_within_reach() -> None:
    comma, word = 0, 1
    assert chunked([[]], 75, comma) == [[]]
    far = [comma, *[word] * 80]  # the comma is too far from the end of the chunk
    assert [len(one) for one in chunked([_ids(*far)], 75, comma)] == [75, 6]
    near = [*[word] * 60, comma, *[word] * 30]
    assert [len(one) for one in chunked([_ids(*near)], 75, comma)] == [61, 30]
    assert [len(one) for one in chunked([_ids(*near)], 75, None)] == [75, 16]
    last = [*[word] * 74, comma, word]
    assert [len(one) for one in chunked([_ids(*last)], 75, comma)] == [75, 1]
    over = [*[word] * 75, comma, word]  # the comma itself begins the next chunk
    assert [len(one) for one in chunked([_ids(*over)], 75, comma)] == [75, 2]


def test_sections_begin_chunks() -> None:
    assert chunked([_ids(1), [], _ids(2, 3), []], 75, 0) == [_ids(1), [], _ids(2, 3)]
