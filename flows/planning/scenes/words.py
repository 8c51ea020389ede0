"""What each region of a scene reads: the scene's prompt without the other subjects.

A model reads one text a region. Where a spec does not write it, it is taken from the scene's prompt:
- A subject's own words begin at its article, or after the last comma or "and" before it, and end at its name; what
  stands between it and an "and" or a comma before the next subject is its own, too: "a {pip} with a ball and a {momo}".
- Other words between two subjects, such as "hugging" or "next to", belong to neither region alone.
- What stands before the first subject and after the last one belongs to all, and after the last one to the background.
"""

import re
from typing import NamedTuple

from dreamtuner.settings.styles import STYLES

_NAMED = re.compile(r"\{([^{}]*)\}")
_ARTICLE = re.compile(r"\b(?:an?|the|one|another|this|my|our)\b", re.IGNORECASE)
_JOINT = re.compile(r"\band\b|,", re.IGNORECASE)
_JOINED = re.compile(r"(?:\s*,)?\s*\band\s*$|\s*,\s*$", re.IGNORECASE)


class SceneWords(NamedTuple):
    """The texts of a scene, in which names still stand in braces: by name of the subject, and of the background."""

    subjects: dict[str, str]
    background: str


def words_of(prompt: str) -> SceneWords:
    """Divide the prompt of a scene into the texts of its regions.

    >>> words_of("a {pip} and a waving {momo} on the beach").subjects["momo"]
    'a waving {momo} on the beach'
    """
    found = [one for one in _NAMED.finditer(prompt) if one[1] != "style"]
    tail = prompt[found[-1].end() :]
    own: dict[str, str] = {}
    head, before = "", ""
    for i, one in enumerate(found):
        between = prompt[found[i - 1].end() if i else 0 : one.start()]
        start = _start(between, first=i == 0)
        mine, rest = between[start:] + one[0], between[:start]
        if i == 0:
            head = rest
        elif joint := _JOINED.search(rest):
            own[before] += rest[: joint.start()]
        own[one[1]], before = mine, one[1]
    return SceneWords(
        {name: _tidy(f"{head}{words}{tail}") for name, words in own.items()}, _tidy(tail.strip().lstrip(",;"))
    )


def _start(between: str, *, first: bool) -> int:
    """Return where a subject's own words begin in what stands between it and the subject before it."""
    joints = [one.end() for one in _JOINT.finditer(between)]
    articles = [one.start() for one in _ARTICLE.finditer(between)]
    last_joint = joints[-1] if joints else 0
    without = last_joint if joints or first else len(between)
    start = articles[-1] if articles and articles[-1] >= last_joint else without
    medium = between.rfind(" of ", start)  # "a photo of" is of the whole image
    return start if medium < 0 else medium + len(" of ")


def _tidy(text: str) -> str:
    return " ".join(text.split())


def filled(text: str, words: dict[str, str], style: str) -> str:
    """Put what subjects are called, by name, and the style's word for an image into a text."""
    values = {**words, "style": STYLES[style].word}
    return _NAMED.sub(lambda found: values.get(found[1], found[0]), text)
