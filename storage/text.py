"""The characters that a text may contain: one rule for specs, forms and all other input.

Rejected are invisible characters that can mislead or break software: control characters, direction overrides,
invisible format characters, halves of surrogate pairs. Joiners are allowed where scripts need them (Persian, emoji).
"""

import io
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Path = tuple[str | int, ...]

RUNNING = frozenset({"prompts", "negative_prompt", "caption", "previews"})
"""Keys of running text, which may contain line breaks; all other texts are single lines."""

_BREAKS = "\t\n\r"
_MARKS = "\u061c\u200e\u200f"  # they order Arabic and Hebrew beside Latin; not allowed in names
_JOINERS = "\u200c\u200d"
# what may hide: controls, formats, separators, surrogates, noncharacters, fillers, variation selectors
_SUSPECT = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    r"\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    r"\U000e0000-\U000e0fff]"
)
_FLAGS = re.compile("\U0001f3f4[\U000e0020-\U000e007e]+\U000e007f")  # of England and others: tags after a black flag
_REPLACEMENTS = "\ufffc\ufffd"  # visible: a box, a question mark


def lines_of(text: str) -> list[str]:
    """Split a text at the ends of lines that files have, which stay.

    `str.splitlines` also splits at characters such as U+2028, which may be part of a value.
    """
    return list(io.StringIO(text, newline=""))


def fault_of(text: str, *, running: bool = False) -> str | None:
    """Describe what is wrong with a text, such as "holds a NUL character; remove it"; None if nothing is.

    `running`: a text of several words and lines, such as a prompt or a note, not a name.
    """
    if text.isascii() and text.isprintable():
        return None
    flags = [found.span() for found in _FLAGS.finditer(text)]
    for found in _SUSPECT.finditer(text):
        at, character = found.start(), found.group()
        if character in _REPLACEMENTS or (running and character in _BREAKS + _MARKS):
            continue
        if any(first < at < end for first, end in flags) or _belongs(text, at):
            continue
        return f"holds {_named(character)}; remove it (character {at + 1} of {len(text)})"
    return None


def faults_in(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield the path and fault of every invalid text in nested mappings and sequences, keys included."""
    waiting, seen = [(path, value)], set[int]()
    while waiting:
        place, one = waiting.pop()
        if isinstance(one, str):
            fault = fault_of(one, running=any(part in RUNNING for part in place))
            if fault is not None:
                yield place, fault
        elif isinstance(one, Mapping | Sequence) and not isinstance(one, bytes | bytearray) and id(one) not in seen:
            seen.add(id(one))  # YAML allows a list that contains itself
            for key in one if isinstance(one, Mapping) else ():
                if isinstance(key, str) and (fault := fault_of(key)) is not None:
                    yield place, f"the key {key!r} {fault}"
            inside = list(one.items() if isinstance(one, Mapping) else enumerate(one))
            waiting += [((*place, key if isinstance(key, int) else str(key)), part) for key, part in reversed(inside)]


def paired(text: str) -> str:
    """Join surrogate pairs, as in JSON escapes, to the characters that they encode."""
    if re.search("[\ud800-\udbff][\udc00-\udfff]", text) is None:
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _belongs(text: str, at: int) -> bool:
    """Return whether an invisible character is used properly: to join or part letters, or to vary the one before it."""
    character, before, after = text[at], text[at - 1 : at], text[at + 1 : at + 2]
    if character in _JOINERS:  # Indic scripts end words with one as well
        return _joins(before) and (not after or after.isspace() or _joins(after) or not after.isalnum())
    if character == "\u200b":  # where lines may break in scripts without spaces
        return all("\u0e00" <= one <= "\u109f" or "\u1780" <= one <= "\u17ff" for one in (before or "a", after or "a"))
    if "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef":
        return bool(before) and _SUSPECT.match(before) is None and (not before.isascii() or before in "#*0123456789")
    return False


def _joins(character: str) -> bool:
    """Return whether joiners affect this character: letters and marks from Arabic on, and symbols such as emoji."""
    if not character or character < "\u0590":
        return False
    if "\ufe00" <= character <= "\ufe0f":
        return True
    return unicodedata.category(character)[0] in "LMS"


def _named(character: str) -> str:
    code = f"U+{ord(character):04X}"
    kind = unicodedata.category(character)
    if character == "\0":
        return "a NUL character"
    if character in "\n\r\u2028\u2029\x85":
        return f"a line break ({code})"
    if character == "\t":
        return "a tab"
    if kind == "Cc":
        return f"the control character {code}"
    if kind == "Cs":
        return f"half of a surrogate pair ({code})"
    name = unicodedata.name(character, "").lower()
    if unicodedata.bidirectional(character) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"):
        return f"a character that turns the direction of text ({code}, {name})"
    return f"an invisible character ({', '.join(filter(None, (code, name)))})"
