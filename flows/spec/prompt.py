"""Prompts of a spec: text with placeholders for the subject's class word and the style's word for a picture."""

from typing import Annotated

from pydantic import AfterValidator

from dreamtuner.settings.styles import STYLES
from flows.spec.entry import Text

PLACEHOLDER = "{subject}"
STYLE_PLACEHOLDER = "{style}"


def checked_prompt(prompt: str) -> str:
    """Return the prompt; raise ValueError unless it names the subject, and holds no other braces."""
    if PLACEHOLDER not in prompt:
        raise ValueError(
            f"{prompt!r} lacks the placeholder {PLACEHOLDER}; write for example 'a {PLACEHOLDER} on the beach'"
        )
    rest = prompt.replace(PLACEHOLDER, "").replace(STYLE_PLACEHOLDER, "")
    if "{" in rest or "}" in rest:
        raise ValueError(f"{prompt!r} holds another brace; the placeholders are {PLACEHOLDER} and {STYLE_PLACEHOLDER}")
    return prompt


Prompt = Annotated[Text, AfterValidator(checked_prompt)]


def expand(text: str, *, class_word: str, style: str) -> str:
    """Put the class word and the style's word for a picture into a prompt or caption.

    >>> expand("a {style} of a {subject} on the beach", class_word="bear", style="anime")
    'a drawing of a bear on the beach'
    """
    return text.replace(PLACEHOLDER, class_word).replace(STYLE_PLACEHOLDER, STYLES[style].word)
