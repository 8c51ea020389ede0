"""A picture's subject alone, its background white: what the subject-encoder, fine-tuning and masked scores look at."""

from PIL import Image


def on_white(image: Image.Image, mask: Image.Image | None, *, name: str = "mask") -> Image.Image:
    """The picture (RGB) with everything outside its mask (L, 255 subject) white; without a mask, as it is.

    ``name`` is what the caller calls the mask, for the error.

    Raises:
        ValueError: picture and mask differ in size.
    """
    if mask is None:
        return image
    if mask.size != image.size:
        raise ValueError(f"{name}: {mask.size} pixels, but the picture has {image.size}; give one size")
    return Image.composite(image.convert("RGB"), Image.new("RGB", image.size, "white"), mask.convert("L"))
