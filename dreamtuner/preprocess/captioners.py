"""What captions a reference that comes without a caption, by name: its class word alone, or a package's captioner."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from PIL import Image

from dreamtuner.plugins import PluginError, Registry

DEFAULT_CAPTIONER = "class-word"
LONGEST = 2000  # characters
ImageLoader = Callable[[], Image.Image]
"""Returns an image, mode RGB, when it is called."""


class Captioner(Protocol):
    """Says what a reference shows. The caption is part of what decides its images: give equal images equal captions."""

    @property
    def name(self) -> str:
        """The name by which settings choose it."""
        ...

    @property
    def version(self) -> str:
        """It changes when the captions of the same image would."""
        ...

    def caption(self, image: ImageLoader, *, class_word: str, style_word: str) -> str:
        """Return the caption of a subject's image: "a photo of a bear sitting in the snow".

        `image`: returns the RGB image when it is called, so that it is read only by those who look at it; `class_word`:
        what the subject is, such as bear; `style_word`: what the image is, such as photo.
        """
        ...


class ClassWordCaptioner:
    """The plainest caption that is true of a reference: "a photo of a bear". It does not look at the image."""

    name = DEFAULT_CAPTIONER
    version = "1"

    def caption(self, image: ImageLoader, *, class_word: str, style_word: str) -> str:
        """Return "a {style word} of a {class word}"."""
        return f"a {style_word} of a {class_word}"


def found_caption(captioner: Captioner, image: ImageLoader, *, class_word: str, style_word: str) -> str:
    """Return what a captioner says of an image, on one line. PluginError unless it has 1 to 2000 characters."""
    text: object = captioner.caption(image, class_word=class_word, style_word=style_word)
    line = " ".join(text.split()) if isinstance(text, str) else ""
    if not 0 < len(line) <= LONGEST:
        raise PluginError(
            f"the captioner {captioner.name!r} gave {len(line)} characters; it must give a text of 1 to {LONGEST}"
        )
    return line


def _checked(name: str, found: Any) -> Captioner:
    if found.name != name:
        raise PluginError(f"it is called {found.name!r}; give captioner and entry point one name")
    captioner: Captioner = found
    return captioner


CAPTIONERS: Registry[Captioner] = Registry(
    "captioner",
    "dreamtuner.captioners",
    {DEFAULT_CAPTIONER: f"{__name__}:ClassWordCaptioner"},
    needs=("name", "version", "caption"),
    check=_checked,
)
