"""Turns docstrings as this project writes them, plain text with backticks, into reStructuredText for autodoc."""

import re

_CODE = re.compile(r"(``[^`]+``|`[^`]+`)")
_MARKUP = re.compile(r"([*|\\])|(?<=\w)(_)(?=\W|$)")
_SECTION = re.compile(r"^(Args|Attributes|Raises|Returns|Yields):$")
_ITEM = re.compile(r"^(- |\d+\. )")


def as_restructured_text(lines: list[str]) -> list[str]:
    """Returns the lines with code in double backticks, other markup escaped, and indented blocks as literal blocks.

    Blank lines are added where a list or a block begins or ends, which reStructuredText wants and a reader does not.
    """
    result: list[str] = []
    state = "text"  # or section, list, literal: what the line before belongs to
    for line in lines:
        if not line.strip():
            result.append("")
            continue
        was, state = state, _state(line, state, after_blank=not (result and result[-1]))
        if state != was and result and result[-1] and state != "section":
            result.append("")
        if state == "literal" and was != "literal":
            result += ["::", ""]
        result.append(line if state == "literal" else _escaped(line))
    return result


def _state(line: str, before: str, *, after_blank: bool) -> str:
    """What a line that is not blank belongs to; `before`: what the last such line belonged to."""
    if _SECTION.match(line):
        return "section"
    if not line.startswith((" ", "\t")):
        return "list" if _ITEM.match(line) else "text"
    if before == "text" or (before == "list" and after_blank and line.startswith("    ")):
        return "literal"
    return before


def _escaped(line: str) -> str:
    parts = _CODE.split(line)
    return "".join(_as_code(part) if _CODE.fullmatch(part) else _MARKUP.sub(r"\\\g<0>", part) for part in parts)


def _as_code(part: str) -> str:
    inside = part.strip("`")
    return f"``{inside}``" if inside.strip() == inside else _MARKUP.sub(r"\\\g<0>", part.replace("`", r"\`"))
