"""Uploaded control images of references, such as poses: checked as ingestion checks them and re-encoded."""

from __future__ import annotations

import io

from storage.catalog.records import CatalogError


def read_control_image(data: bytes, kind: str, size: tuple[int, int]) -> bytes:
    """Return a control image of a reference of `size` (width, height in pixels) as an RGB PNG.

    Raises CatalogError unless `data` is a PNG, JPEG or WebP of exactly that size that looks like its kind: a depth map
    is grey, a pose a coloured skeleton on black.
    """
    from dreamtuner.models.layouts import LayoutError, checked
    from dreamtuner.preprocess import ImageError, ImageLimits, decode_image

    try:
        image = decode_image(data, limits=ImageLimits(max_bytes=len(data), min_side=1)).image
        if image.size != size:
            raise LayoutError(
                f"{kind}: the image is {image.width} x {image.height} pixels, the reference {size[0]} x {size[1]}; it "
                "describes the reference itself, so send one of the same size"
            )
        rgb = checked(kind, image)
    except ImageError as error:
        raise CatalogError(f"{kind}: {error}") from error
    except LayoutError as error:
        raise CatalogError(str(error)) from error
    buffer = io.BytesIO()
    rgb.save(buffer, "PNG")
    return buffer.getvalue()


def check_kind(stated: str) -> str:
    """Return the kind of control image that a person named. Raises CatalogError if it is not a name of one."""
    from dreamtuner.models.layouts import kind_name

    try:
        return kind_name(stated)
    except ValueError as error:
        raise CatalogError(f"kind: {error}") from error
