"""Turns docstrings as this project writes them, plain text with backticks, into reStructuredText for autodoc."""

import re

_CODE = re.compile(r"(``[^`]+``|`[^`]+`)")
_MARKUP = re.compile(r"([*|\\])|(?<=\w)(_)(?=\W|$)")
_SECTION = re.compile(r"^(Args|Attributes|Raises|Returns|Yields):$")
_ITEM = re.compile(r"^(- |\d+\. )")


def as_restructured_text(lines: list[str]) -> list[str]:
    """Returns the lines with code in double backticks, other markup escaped, and indented blocks as literal blocks."""
    result: list[str] = []
    literal = section = False
    for line in lines:
        indented = line.startswith((" ", "\t"))
        before = result[-1] if result else ""
        if _SECTION.match(line):
            section = True
        elif line and not indented:
            section = False
        if not line.strip():
            result.append(line)
            continue
        if indented and not section and not before.strip() and not literal and not _in_list(result):
            result += ["::", ""]
            literal = True
        literal = literal and indented
        if not literal and _ITEM.match(line) and before.strip() and not _in_list(result):
            result.append("")
        result.append(line if literal else _escaped(line))
    return result


def _in_list(lines: list[str]) -> bool:
    """Whether the last lines belong to a list: an item, or an item with its continuation."""
    for line in reversed(lines):
        if _ITEM.match(line):
            return True
        if not line.startswith(" "):
            return False
    return False


def _escaped(line: str) -> str:
    parts = _CODE.split(line)
    return "".join(_as_code(part) if _CODE.fullmatch(part) else _MARKUP.sub(r"\\\g<0>", part) for part in parts)


def _as_code(part: str) -> str:
    inside = part.strip("`")
    return f"``{inside}``" if inside.strip() == inside else _MARKUP.sub(r"\\\g<0>", part.replace("`", r"\`"))
