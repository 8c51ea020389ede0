"""How a reference is brought to the size that the model sees: a square around its subject, or its own aspect ratio.

The paper's references are square, as its images are. Decided where it is silent:
- For images that are not square, the square has about the image's area (`settings.size.square_side`), so that the
  subject has about the scale that the model was trained on.
- Without cropping, the reference keeps its aspect ratio at about the image's area, whatever the image's own; nothing is
  cut off and nothing is added.
- `sampling.reference_resolution` replaces the image's area in both: in an image of several subjects, each is smaller
  than the image.
- Earlier frames of a video are never cropped: what they show at the border is to be preserved, too.
"""

from math import sqrt

from PIL import Image

from dreamtuner.sampling.request import Reference
from dreamtuner.settings.sampling import Sampling
from dreamtuner.settings.size import nearest_side, step_of


def shown(
    reference: Reference, sampling: Sampling, *, image: Image.Image | None = None, fill: str = "white"
) -> tuple[Image.Image, Image.Image]:
    """Return the reference as the model sees it (RGB), and how much of each pixel its mask covers (L, 0..255).

    `image`: another image of the reference's size that is brought to the same size, such as its pose; `fill`: the
    colour of what a square has outside of the image. Raises ValueError if the mask has another size.
    """
    image = reference.image if image is None else image
    if sampling.reference_crop == "square" and not reference.frame:
        return square(image, reference.mask, sampling.reference_side, fill=fill)
    mask = _mask(image, reference.mask)
    size = uncropped_size(reference.image.size, sampling, None if reference.frame else sampling.reference_resolution)
    return image.convert("RGB").resize(size, Image.Resampling.LANCZOS), mask.resize(size, Image.Resampling.BOX)


def uncropped_size(own: tuple[int, int], sampling: Sampling, side: int | None = None) -> tuple[int, int]:
    """Return the width and height nearest to the reference's aspect ratio and to the image's area, pixels.

    `own`: the reference's width and height. A reference of the image's aspect ratio gets the image's size. `side`: the
    side of a square whose area counts instead of the image's, pixels.
    """
    width, height = (sampling.width, sampling.height) if side is None else (side, side)
    step = step_of(width, height)
    scale = sqrt(width * height / (own[0] * own[1]))
    return nearest_side(own[0] * scale, step), nearest_side(own[1] * scale, step)


def square(
    image: Image.Image, mask: Image.Image | None, side: int, *, fill: str = "white"
) -> tuple[Image.Image, Image.Image]:
    """Crop a square that contains the whole subject and resize it to `side` pixels.

    Returns the image (RGB) and how much of each pixel the mask covers (L, 0..255). The square is the largest that fits
    the image, placed over the subject. If the subject is longer than that, the square grows to contain it, and the area
    outside the image becomes `fill` and background. Without a mask, the whole image is subject.
    """
    mask = _mask(image, mask)
    left, top, right, bottom = mask.getbbox() or (0, 0, *image.size)
    edge = max(min(image.size), right - left, bottom - top)

    def start(low: int, high: int, length: int) -> int:
        """Centred on the subject, moved inside the picture where it fits, else centred on the picture."""
        return (length - edge) // 2 if edge > length else min(max((low + high - edge) // 2, 0), length - edge)

    corner = (-start(left, right, image.width), -start(top, bottom, image.height))
    canvas, cover = Image.new("RGB", (edge, edge), fill), Image.new("L", (edge, edge), 0)
    canvas.paste(image.convert("RGB"), corner)
    cover.paste(mask, corner)
    size = (side, side)
    return canvas.resize(size, Image.Resampling.LANCZOS), cover.resize(size, Image.Resampling.BOX)


def _mask(image: Image.Image, mask: Image.Image | None) -> Image.Image:
    mask = Image.new("L", image.size, 255) if mask is None else mask.convert("L")
    if mask.size != image.size:
        raise ValueError(f"reference: the mask is {mask.size} and the image {image.size} pixels; give them one size")
    return mask
