"""Previews for clients: smaller than the picture, a text visible over them, marked and signed like all that leaves.

The original never leaves through a link.
"""

from __future__ import annotations

import io
from math import hypot
from typing import Literal

from PIL import Image, ImageDraw, ImageFont

from deploy.marks.encoding import layers, over_white
from deploy.marks.facts import Facts
from deploy.marks.marker import Marker

Size = Literal["small", "large"]
LONGER: dict[Size, int] = {"small": 480, "large": 1024}
"""The longer side of a preview at the most, pixels."""
SHARE = 0.75  # of the picture's side that a preview has at the most
QUALITY = 82
TILT = 30  # degrees
STRENGTH = 84  # of 255: how much of the text covers what is below it


def preview(data: bytes, mark: str, size: Size, marker: Marker, facts: Facts) -> bytes:
    """Return a preview of a picture as a JPEG file: without recipe and prompt, with its marks. Raises MarksError.

    A transparent picture stands on white.
    """
    with Image.open(io.BytesIO(data)) as opened:
        image = over_white(*layers(opened))
    longer = min(LONGER[size], max(1, round(SHARE * max(image.size))))
    image.thumbnail((longer, longer), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    overlaid(image, mark).save(buffer, "PNG", compress_level=1)
    return marker.mark(buffer.getvalue(), facts, stripped=True, kind="JPEG", quality=QUALITY).data


def overlaid(image: Image.Image, text: str) -> Image.Image:
    """Return an RGB image with the text written over all of it, tilted: light with a dark edge, to be read on any."""
    font = ImageFont.load_default(max(11, round(max(image.size) / 26)))
    left, top, right, bottom = (round(side) for side in font.getbbox(text))
    step_x, step_y = (right - left) + 3 * (bottom - top), 4 * (bottom - top)
    side = round(hypot(*image.size)) + step_y
    layer = Image.new("RGBA", (side, side))
    draw = ImageDraw.Draw(layer)
    for row, y in enumerate(range(0, side, max(step_y, 1))):
        for x in range(-(row % 2) * step_x // 2, side, max(step_x, 1)):
            light, dark = (255, 255, 255, STRENGTH), (0, 0, 0, STRENGTH)
            draw.text((x, y), text, font=font, fill=light, stroke_width=1, stroke_fill=dark)
    layer = layer.rotate(TILT, Image.Resampling.BICUBIC)
    x, y = (side - image.width) // 2, (side - image.height) // 2
    layer = layer.crop((x, y, x + image.width, y + image.height))
    return Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB")
