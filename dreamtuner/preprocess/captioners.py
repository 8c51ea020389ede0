"""Captioners for references without a caption, by name: the class word alone, a model, or a plugin's captioner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from PIL import Image

from dreamtuner.plugins import PluginError, Registry

DEFAULT_CAPTIONER = "class-word"
LONGEST = 2000  # characters
ImageLoader = Callable[[], Image.Image]
"""Returns an image, mode RGB, when it is called."""


@dataclass(frozen=True)
class Caption:
    """What a captioner says of an image.

    Attributes:
        text: the caption, on one line.
        confidence: 0 (a guess) .. 1 (certain), in the captioner's own measure; None: it gives none.
        method: the captioner's name and version, such as "blip-1-0123456789ab"; `captioned` enters it.
    """

    text: str
    confidence: float | None = None
    method: str = ""


class Captioner(Protocol):
    """Describes what a reference shows. The caption affects the generated images: equal images need equal captions."""

    @property
    def name(self) -> str:
        """The name by which settings choose it."""
        ...

    @property
    def version(self) -> str:
        """The version, which changes whenever the captions of the same image would."""
        ...

    def caption(self, image: ImageLoader, *, class_word: str, style_word: str) -> str | Caption:
        """Return the caption of a subject's image: "a photo of a bear sitting in the snow".

        A captioner that knows how sure it is returns a `Caption`, others the text alone.

        `image`: returns the RGB image when called, so that it is decoded only if needed; `class_word`: the subject's
        class, such as bear; `style_word`: the kind of image, such as photo.
        """
        ...


def styles_of(captioner: Captioner) -> tuple[str, ...]:
    """Return the names of the styles that a captioner is made for, its optional attribute `styles`; empty: for all."""
    return tuple(getattr(captioner, "styles", ()))


class ClassWordCaptioner:
    """Captions a reference by its class word, such as "a photo of a bear", without reading the image."""

    name = DEFAULT_CAPTIONER
    version = "1"

    def caption(self, image: ImageLoader, *, class_word: str, style_word: str) -> str:
        """Return "a {style word} of a {class word}"."""
        return f"a {style_word} of a {class_word}"


def captioned(captioner: Captioner, image: ImageLoader, *, class_word: str, style_word: str) -> Caption:
    """Return a captioner's caption of an image, on one line, with its confidence and origin.

    Raises PluginError unless it has 1 to 2000 characters, and a confidence in 0..1 or None.
    """
    found: object = captioner.caption(image, class_word=class_word, style_word=style_word)
    text, confidence = (found.text, found.confidence) if isinstance(found, Caption) else (found, None)
    line = " ".join(text.split()) if isinstance(text, str) else ""
    if not 0 < len(line) <= LONGEST:
        raise PluginError(
            f"the captioner {captioner.name!r} gave {len(line)} characters; it must give a text of 1 to {LONGEST}"
        )
    if confidence is not None and not 0 <= confidence <= 1:
        raise PluginError(
            f"the captioner {captioner.name!r} gave a confidence of {confidence}; it must give one in 0..1, or None"
        )
    return Caption(line, confidence, f"{captioner.name}-{captioner.version}")


def found_caption(captioner: Captioner, image: ImageLoader, *, class_word: str, style_word: str) -> str:
    """Return the text of `captioned`. Raises PluginError as it does."""
    return captioned(captioner, image, class_word=class_word, style_word=style_word).text


CAPTIONERS: Registry[Captioner] = Registry(
    "captioner",
    "dreamtuner.captioners",
    {
        DEFAULT_CAPTIONER: f"{__name__}:ClassWordCaptioner",
        "blip-2": "dreamtuner.preprocess.backends.captioners.blip2:Blip2",
        "florence-2": "dreamtuner.preprocess.backends.captioners.florence2:Florence2",
        "blip": "dreamtuner.preprocess.backends.captioners.blip:Blip",
        "wd14": "dreamtuner.preprocess.backends.captioners.wd_tagger:WdTagger",
    },
    needs=("name", "version", "caption"),
)
"""Captioners by name; of those with a model, the better ones for photographs come first."""
