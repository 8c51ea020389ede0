"""What ingestion finds out about a subject, and its caption."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dreamtuner.models.layouts import Kind
from dreamtuner.preprocess.captioners import Captioner, ImageLoader, found_caption
from dreamtuner.settings.sampling import Style
from dreamtuner.settings.styles import STYLES
from flows.spec.model import expand


@dataclass(frozen=True)
class Facts:
    """The facts about one subject that plans need. Digests are the SHA-256 of the stored bytes.

    `layouts`: the reference's own control images, by kind.
    """

    name: str
    class_word: str
    style: Style
    caption: str
    reference_sha256: str
    mask_sha256: str
    layouts: Mapping[Kind, str] = field(default_factory=dict)


def caption_of(caption: str | None, *, class_word: str, style: str, image: ImageLoader, captioner: Captioner) -> str:
    """Return the reference's own caption, or the captioner's caption of its image."""
    if caption is None:
        return found_caption(captioner, image, class_word=class_word, style_word=STYLES[style].word)
    return expand(caption, class_word=class_word, style=style)
