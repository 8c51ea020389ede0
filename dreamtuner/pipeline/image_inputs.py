"""Converts input images - PIL, NumPy or PyTorch, one or many - to PIL images."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

Picture = Image.Image | np.ndarray[Any, Any] | Tensor
Pictures = Picture | Sequence[Picture | None] | None
"""One image or many. Arrays: H W, H W C or N H W C; tensors: H W, C H W or N C H W; C: 1, 3 or 4."""


def pil_images(name: str, given: Pictures) -> list[Image.Image | None]:
    """Convert to PIL images, in order; None stays None, and `given` = None is the empty list.

    Arrays and tensors contain floats in 0..1 (rounded to 256 levels), uint8 in 0..255, or bools.

    Raises:
        ValueError: not an image; the message begins with `name`, the argument's, and says what was expected.
    """
    if given is None:
        return []
    if isinstance(given, Sequence) and not isinstance(given, str):
        return [picture for one in given for picture in ([None] if one is None else pil_images(name, one))]
    if isinstance(given, Image.Image):
        return [given]
    array = _array(given)
    if array is None or array.ndim not in (2, 3, 4) or (array.ndim > 2 and array.shape[-1] not in (1, 3, 4)):
        held = f"{type(given).__name__} {tuple(getattr(given, 'shape', ()))}"
        raise ValueError(
            f"{name}: {held} is not an image; give PIL images, arrays of H W C or tensors of C H W with 1, 3 or 4 "
            "channels, or a list of them"
        )
    levels = _levels(name, array)
    return [
        Image.fromarray(one[..., 0] if one.ndim == 3 and one.shape[-1] == 1 else one)
        for one in (levels if levels.ndim == 4 else [levels])
    ]


def _array(given: object) -> np.ndarray[Any, Any] | None:
    """Return an array with channels last, or None if it is neither an array nor a tensor."""
    if not isinstance(given, Tensor):
        return given if isinstance(given, np.ndarray) else None
    values = given.detach().cpu()
    array: np.ndarray[Any, Any] = (values.float() if values.is_floating_point() else values).numpy()
    return np.moveaxis(array, -3, -1) if array.ndim > 2 else array


def _levels(name: str, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Convert 0..1 or bool to uint8 in 0..255; uint8 is unchanged."""
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    if array.dtype == np.bool_ or np.issubdtype(array.dtype, np.floating):
        values = array.astype(np.float64)
        if values.size and values.min() >= -1e-3 and values.max() <= 1 + 1e-3:  # false for NaN too
            return np.ascontiguousarray((values.clip(0, 1) * 255).round().astype(np.uint8))
        raise ValueError(
            f"{name}: its values range from {array.min():.3g} to {array.max():.3g}; give floats in 0..1 or uint8"
        )
    raise ValueError(f"{name}: its dtype is {array.dtype}; give floats in 0..1 or uint8 in 0..255")
