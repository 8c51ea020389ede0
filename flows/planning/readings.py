"""What the model of a profile reads of prompts: what it truncates, and words that it spells. No torch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dreamtuner.models.profiles import Profile
from dreamtuner.settings.sampling import PromptSyntax, Style
from flows.spec.prompt import PLACEHOLDER, STYLE_PLACEHOLDER, expand

STAND_IN = "subject"
"""Stands for the class word while no subject is chosen."""
MOST_SUBJECTS = 8
"""The most class words that prompts are read with: more differ by a token or two."""


@dataclass(frozen=True)
class PromptReading:
    """A prompt as the model reads it, for the class word with which it is longest.

    `text`: with its placeholders replaced; `tokens` of at most `limit`; `cut`: the end that is truncated; `spelled`:
    words that it does not know.
    """

    text: str
    tokens: int
    limit: int
    cut: str = ""
    spelled: tuple[str, ...] = ()

    @property
    def parts(self) -> list[tuple[str, str]]:
        """Return the text in parts, each with what is wrong with it: "cut", "spelled", or nothing."""
        text = " ".join(self.text.split())
        head = text[: len(text) - len(self.cut)] if self.cut and text.endswith(self.cut) else text
        unknown = {one.lower() for one in self.spelled}
        words = re.split(r"([^\W_]+)", head)
        found = [(word, "spelled" if word.lower() in unknown else "") for word in words if word]
        return [*found, (text[len(head) :], "cut")] if len(head) < len(text) else found


def prompt_readings(
    prompts: Sequence[str],
    subjects: Iterable[tuple[str, Style]],
    profile: Profile,
    syntax: PromptSyntax = "literal",
    word: str | None = None,
) -> list[PromptReading | None] | None:
    """Read each prompt with the class words and styles of `subjects`; a prompt that cannot be parsed is None.

    None: it is not known here, because the profile has no tokenizer on this machine, or the library is not installed.
    `word`: a learned token, such as [S*], that stands before the class word.
    """
    try:
        from dreamtuner.models.tokens import reader_of

        reader = reader_of(profile, word)
    except (ImportError, OSError, ValueError):
        return None
    if reader is None:
        return None
    from dreamtuner.models.prompt_syntax import PromptSyntaxError

    called = list(dict.fromkeys(subjects))[:MOST_SUBJECTS]
    unnamed = not called  # no subject is chosen yet: its word is not the model's business
    found: list[PromptReading | None] = []
    for prompt in prompts:
        bare = prompt.replace(PLACEHOLDER, "").replace(STYLE_PLACEHOLDER, "")
        if "{" in bare or "}" in bare:  # a placeholder that there is not, which the spec refuses
            found.append(None)
            continue
        texts = [expand(prompt, class_word=each, style=style) for each, style in called or [(STAND_IN, "natural")]]
        try:
            read = reader.read(texts, syntax)
        except PromptSyntaxError:
            found.append(None)
            continue
        text, longest = max(zip(texts, read, strict=True), key=lambda pair: pair[1].count)
        spelled = tuple(dict.fromkeys(each for one in read for each in one.spelled if not unnamed or each != STAND_IN))
        found.append(PromptReading(text, longest.count, reader.limit, longest.cut, spelled))
    return found
