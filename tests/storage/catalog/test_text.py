"""What a text may hold: seen or needed by its writing system, never what only misleads."""

import pytest

from storage.text import fault_of, faults_in, paired

FAMILY, ENGLAND = "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e007f"
PERSIAN, DEVANAGARI, THAI = (
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "\u0915\u094d\u200d",
    "\u0e44\u200b\u0e17",
)
VARIED = "\u2764\ufe0f 1\ufe0f\u20e3 \u845b\U000e0100"


@pytest.mark.parametrize(
    "text", ["", "pip", "größe 浜辺 \U0001f3d6", FAMILY, ENGLAND, PERSIAN, DEVANAGARI, THAI, VARIED]
)
def test_what_people_write_stays(text: str) -> None:
    assert fault_of(text) is None


@pytest.mark.parametrize(
    ("character", "said"),
    [
        ("\0", "holds a NUL character; remove it"),
        ("\x1b", "holds the control character U+001B"),
        ("\x7f", "U+007F"),
        ("\x9b", "U+009B"),
        ("\u202e", "turns the direction of text (U+202E, right-to-left override)"),
        ("\u2066", "U+2066"),
        ("\u200b", "an invisible character (U+200B, zero width space)"),
        ("\u200d", "U+200D"),
        ("\u00ad", "soft hyphen"),
        ("\ufeff", "U+FEFF"),
        ("\u2028", "a line break (U+2028)"),
        ("\u3164", "hangul filler"),
        ("\ufe0f", "U+FE0F"),
        ("\U000e0041", "U+E0041"),
        ("\ud83d", "half of a surrogate pair (U+D83D)"),
    ],
)
def test_what_cannot_be_seen_is_named_with_its_place(character: str, said: str) -> None:
    for running in (False, True):
        fault = fault_of(f"pi{character}p", running=running)
        assert fault is not None
        assert said in fault
        assert fault.endswith("remove it (character 3 of 4)")


def test_lines_and_marks_of_direction_are_for_running_text_only() -> None:
    for text in ("a bear\non the beach", "a\tbear", "\u0645\u0631\u062d\u0628\u0627\u200f!"):
        assert fault_of(text, running=True) is None
        assert fault_of(text) is not None


def test_every_text_is_looked_at_however_deep_and_keys_too() -> None:
    found = dict(faults_in({"a": [{"prompts": ["x\ny", "\0"]}, ("b\nc", 3, None)], "k\x07": 1}))
    assert set(found) == {(), ("a", 0, "prompts", 1), ("a", 1, 0)}
    assert found[()].startswith(f"the key {'k' + chr(7)!r} holds")


def test_halves_of_surrogate_pairs_are_joined_and_single_ones_stay() -> None:
    assert paired("a \ud83d\udc3b b") == "a \U0001f43b b"
    assert paired("\ud83d x \udc3b") == "\ud83d x \udc3b"
