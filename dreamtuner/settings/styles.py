"""Styles of images: the word that prompts use for each, and the settings that it overrides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from dreamtuner.plugins import PluginError, Registry
from dreamtuner.settings.sampling import Sampling


@dataclass(frozen=True)
class StyleRecord:
    """One style.

    Attributes:
        name: its name in specs.
        word: replaces `{style}` in prompts and captions: "a {style} of a bear" becomes "a drawing of a bear".
        sampling: fields of `Sampling` that differ from a profile's settings for natural subjects.
    """

    name: str
    word: str
    sampling: Mapping[str, float] = field(default_factory=dict)

    def numbers(self, natural: Sampling) -> Sampling:
        """Return a profile's settings for natural subjects with this style's overrides."""
        return Sampling.model_validate(natural.merged(self.sampling))


NATURAL = StyleRecord("natural", "photo")
ANIME = StyleRecord("anime", "drawing", {"w_ref": 2.5})
"""w_ref of anime characters: Sec. 4."""


def _checked(name: str, found: Any) -> StyleRecord:
    if not isinstance(found, StyleRecord) or found.name != name:
        raise PluginError(f"it is not a StyleRecord named {name!r}")
    if not found.word.strip() or set("{}") & set(found.word):
        raise PluginError(f"word: {found.word!r} is not a word; write one such as 'photo', without braces")
    try:
        Sampling.model_validate(dict(found.sampling))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise PluginError(f"sampling.{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    return found


STYLES: Registry[StyleRecord] = Registry(
    "style",
    "dreamtuner.styles",
    {"natural": f"{__name__}:NATURAL", "anime": f"{__name__}:ANIME"},
    check=_checked,
)


def known_style(name: str) -> str:
    """Return the name if it is a style's. Raises PluginError, which lists the existing styles."""
    return STYLES[name].name
