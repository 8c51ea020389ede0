"""Replaces an image's background by white, for the subject-encoder, fine-tuning and masked scores."""

from PIL import Image


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
