"""What a foreground mask is, and what anything that makes one looks like."""

from dataclasses import dataclass
from typing import Protocol

from PIL import Image


@dataclass(frozen=True)
class ForegroundMask:
    """The foreground mask m_r of a reference (Eq. 3).

    Attributes:
        mask: mode L, of the reference's size, 255 subject and 0 background, nothing between.
        confidence: 0 (a guess) .. 1 (stated, and nothing speaks against it).
        method: who made it: "user", "alpha" or the masker's name.
        doubtful: a person should look before the mask is relied on.
        warnings: why it is doubtful, a sentence each.
    """

    mask: Image.Image
    confidence: float
    method: str
    doubtful: bool
    warnings: tuple[str, ...] = ()


class Masker(Protocol):
    """Cuts a subject from its background. One class a backend; each knows its own threshold of doubt."""

    @property
    def name(self) -> str:
        """Recorded as `ForegroundMask.method`; it changes when the masks of the same picture would."""
        ...

    def cut(self, image: Image.Image) -> ForegroundMask:
        """Mask of an RGB picture, of its size. Where nothing stands out the mask is empty and its confidence 0."""
        ...
