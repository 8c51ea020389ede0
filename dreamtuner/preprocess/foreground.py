"""The foreground mask of a reference, with its confidence and origin, and the reference on white by it."""

from dataclasses import dataclass

from PIL import Image


@dataclass(frozen=True)
class ForegroundMask:
    """The foreground mask m_r of a reference (Eq. 3).

    Attributes:
        mask: mode L, of the reference's size, 255 subject and 0 background, no other values.
        confidence: 0 (a guess) .. 1 (given by a user, and plausible).
        method: its origin: "user", "alpha" or the masker's name and version, such as "grabcut-1".
        doubtful: whether a person should check the mask.
        warnings: why it is doubtful, one sentence each.
        notes: what of the mask's file was ignored, one sentence each; they do not make it doubtful.
    """

    mask: Image.Image
    confidence: float
    method: str
    doubtful: bool
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def on_white(image: Image.Image, mask: Image.Image | None, *, name: str = "mask") -> Image.Image:
    """Return the image (RGB) with everything outside its mask (L, 255 subject) white; without a mask, unchanged.

    ``name`` is the name of the mask in the error message.

    Raises:
        ValueError: image and mask differ in size.
    """
    if mask is None:
        return image
    if mask.size != image.size:
        raise ValueError(f"{name}: {mask.size} pixels, but the picture has {image.size}; give one size")
    return Image.composite(image.convert("RGB"), Image.new("RGB", image.size, "white"), mask.convert("L"))
