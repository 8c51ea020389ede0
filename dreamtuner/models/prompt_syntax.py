r"""The syntax of weighted prompts, as AUTOMATIC1111's web UI defines it: weights of words, and chunks of long prompts.

    (word:1.2)    weight 1.2          (word)    weight 1.1           [word]    weight 1 / 1.1
    \( \) \[ \]   brackets as text    BREAK     begins a new chunk

Weights of nested brackets are multiplied. A learned token that contains brackets, such as [S*], is read as that token.
Loads no model and needs no torch.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

ROUND, SQUARE = 1.1, 1 / 1.1
MOST = 10.0
"""Largest absolute value of a weight."""
REACH = 20
"""A chunk ends after its last comma if at most so many tokens would move to the next one."""

_PIECE = r"""
    \\(?P<escaped>[()\[\]\\])
    | (?P<open>[(\[])
    | :\s*(?P<weight>[+-]?[.\d]+)\s*\)
    | (?P<close>[)\]])
    | (?P<text>[^\\()\[\]:]+ | [\\:])
"""
_BREAK = re.compile(r"\s*\bBREAK\b\s*")
_ELSEWHERE = (
    (re.compile(r"<(?:lora|lyco|hypernet):[^>]*>"), "is not part of a prompt here; set sampling.loras"),
    (re.compile(r"\bAND\b"), "does not combine prompts here; write and, or use BREAK"),
)
"""What means something in prompts of other programs, and what to do here."""


class PromptSyntaxError(ValueError):
    """A weighted prompt cannot be parsed; the message quotes it and names the remedy."""


class Fragment(NamedTuple):
    """A part of a prompt, and the weight of its words."""

    text: str
    weight: float


def parse(prompt: str, words: Collection[str] = ()) -> list[list[Fragment]]:
    """Parse a weighted prompt into its sections, which BREAK separates; neighbours of equal weight are one fragment.

    `words`: the tokenizer's added tokens, which are read as written.

    >>> parse("a (red:1.5) bear BREAK in snow")
    [[Fragment(text='a ', weight=1.0), Fragment(text='red', weight=1.5), Fragment(text=' bear', weight=1.0)],
     [Fragment(text='in snow', weight=1.0)]]

    Raises:
        PromptSyntaxError: brackets are unbalanced, a weight is no number in -10..10, or the prompt uses what other
            programs have: prompt editing, alternatives, AND, or <lora:...>.
    """
    for pattern, remedy in _ELSEWHERE:
        if found := pattern.search(prompt):
            raise PromptSyntaxError(f"{prompt!r}: {found[0]} {remedy}")
    parts: list[tuple[str, float] | None] = []  # None: BREAK
    opened: list[tuple[str, int]] = []

    def close(bracket: str, weight: float) -> None:
        if not opened or opened[-1][0] != bracket:
            raise PromptSyntaxError(_unbalanced(prompt, {"(": ")", "[": "]"}[bracket], "closes nothing"))
        first = opened.pop()[1]
        parts[first:] = [None if one is None else (one[0], one[1] * weight) for one in parts[first:]]

    for piece in _pieces(words).finditer(prompt):
        kind, text = piece.lastgroup, piece[0]
        if kind == "open":
            opened.append((text, len(parts)))
        elif kind == "close":
            close("(" if text == ")" else "[", ROUND if text == ")" else SQUARE)
        elif kind == "weight":
            close("(", _weight(prompt, piece["weight"]))
        elif kind == "text":
            if opened and opened[-1][0] == "[" and ("|" in text or text == ":"):
                raise PromptSyntaxError(
                    f"{prompt!r}: [a:b:0.5] and [a|b] change a prompt between steps, which is not possible here; "
                    "write one of the words, or \\[ and \\] for brackets that are text"
                )
            first, *more = _BREAK.split(text)
            parts.append((first, 1.0))
            for one in more:
                parts += [None, (one, 1.0)]
        else:
            parts.append((piece["escaped"] or text, 1.0))
    if opened:
        raise PromptSyntaxError(_unbalanced(prompt, opened[-1][0], "is never closed"))
    return _sections(parts)


def plain(prompt: str, words: Collection[str] = ()) -> str:
    """Return the words of a weighted prompt without its syntax, for what reads plain text. Raises as `parse` does."""
    return " ".join("".join(one.text for one in section).strip() for section in parse(prompt, words)).strip()


def chunked(
    sections: Iterable[Sequence[tuple[int, float]]], size: int, comma: int | None
) -> list[list[tuple[int, float]]]:
    """Distribute tokens, (id, weight) by section, to chunks of at most `size` tokens; at least one chunk.

    Each section begins a new chunk. A chunk that is full ends after its last comma, if that is within REACH tokens.
    `comma`: the id of the token of a comma, if there is one.
    """
    chunks: list[list[tuple[int, float]]] = []
    chunk: list[tuple[int, float]] = []
    for i, section in enumerate(sections):
        if i:
            chunks.append(chunk)
            chunk = []
        last = -1
        for token in section:
            if token[0] == comma:
                last = len(chunk)
            elif len(chunk) == size and last >= 0 and size - last <= REACH:
                chunks.append(chunk[: last + 1])
                chunk, last = chunk[last + 1 :], -1
            if len(chunk) == size:
                chunks.append(chunk)
                chunk, last = [], -1
            chunk.append(token)
    return [*chunks, chunk] if chunk or not chunks else chunks


def _pieces(words: Collection[str]) -> re.Pattern[str]:
    longest_first = sorted((word for word in words if re.search(r"[()\[\]:\\]", word)), key=len, reverse=True)
    known = "".join(f"(?P<word{i}>{re.escape(word)})|" for i, word in enumerate(longest_first))
    return re.compile(f"{known}{_PIECE}", re.VERBOSE)


def _weight(prompt: str, text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = float("nan")
    if not -MOST <= weight <= MOST:
        raise PromptSyntaxError(
            f"{prompt!r}: the weight {text} is no number in -10..10; write for example (word:1.2), or \\( and \\) for "
            "brackets that are text"
        )
    return weight


def _unbalanced(prompt: str, bracket: str, what: str) -> str:
    return f"{prompt!r}: {bracket} {what}; balance the brackets, or write \\{bracket} for one that is text"


def _sections(parts: Iterable[tuple[str, float] | None]) -> list[list[Fragment]]:
    sections: list[list[Fragment]] = [[]]
    for part in parts:
        if part is None:
            sections.append([])
            continue
        text, weight = part[0], round(part[1], 6)  # ([word]) has weight 1
        section = sections[-1]
        if section and section[-1].weight == weight:
            section[-1] = Fragment(section[-1].text + text, weight)
        elif text:
            section.append(Fragment(text, weight))
    return sections
