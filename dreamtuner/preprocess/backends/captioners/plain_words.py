"""Writes what models say so that every prompt syntax reads it as words: a caption is read like a prompt."""

from __future__ import annotations

import re

_BRACKETS = re.compile(r"[()\[\]{}]|<(?:lora|lyco|hypernet):[^>]*>")
_KEYWORDS = re.compile(r"\b(?:AND|BREAK)\b")


def plain_words(text: str) -> str:
    """Return a text without brackets, which may mean weights or placeholders, and without keywords in capitals.

    >>> plain_words("a sign (red) that says BREAK")
    'a sign red that says break'
    """
    return " ".join(_KEYWORDS.sub(lambda found: found[0].lower(), _BRACKETS.sub("", text)).split())
