"""Builds Markdown from Python values: tables, and text that keeps its special characters."""

import re
from collections.abc import Iterable, Sequence

_SPECIAL = re.compile(r"([*_<>\[\]|$])")
_CODE = re.compile(r"(`[^`]*`)")


def escaped(text: str) -> str:
    """Returns `text` as Markdown that shows it unchanged; passages in backticks stay code."""
    parts = _CODE.split(" ".join(text.split()))
    return "".join(part.replace("|", r"\|") if part.startswith("`") else _SPECIAL.sub(r"\\\1", part) for part in parts)


def code(value: object) -> str:
    """Returns `value` as inline code that may stand in a table."""
    text = str(value).replace("|", r"\|")
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a Markdown table. The cells are Markdown and hold no line break."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
