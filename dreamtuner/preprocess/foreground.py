"""What a foreground mask is."""

from dataclasses import dataclass

from PIL import Image


@dataclass(frozen=True)
class ForegroundMask:
    """The foreground mask m_r of a reference (Eq. 3).

    Attributes:
        mask: mode L, of the reference's size, 255 subject and 0 background, nothing between.
        confidence: 0 (a guess) .. 1 (stated, and nothing speaks against it).
        method: who made it: "user", "alpha" or the masker's name and version, such as "grabcut-1".
        doubtful: a person should look before the mask is relied on.
        warnings: why it is doubtful, a sentence each.
        notes: what of the mask's file was not used, a sentence each; they raise no doubt.
    """

    mask: Image.Image
    confidence: float
    method: str
    doubtful: bool
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
