"""Where the watermark is: a band of a picture's luma spectrum, in cycles per picture.

A picture is first resized to GRID x GRID, whatever its size and shape. Frequencies counted per picture are the same
before and after any resizing, so that a picture of half the size is read without knowing that it was resized.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float64]
GRID = 256
INNER, OUTER = 12.0, 104.0
"""The band, cycles per picture: below it pictures have most of their energy, above it small ones have none."""
AXES = 2
NYQUIST = 0.42
"""The highest frequency used, in cycles per pixel of the picture: resizing filters damp those above."""
FLOOR = 2.0
"""Least scale of a coefficient, in grey levels (root mean square): JPEG changes those of a flat picture by as much."""


class Band(NamedTuple):
    """Coefficients of one half of the band: row and column in the spectrum of `rfft2`, and their radius."""

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    radius: Floats

    def __len__(self) -> int:
        return len(self.rows)


@cache
def band() -> Band:
    """Return the coefficients of the whole band, in a fixed order."""
    v = np.fft.fftfreq(GRID, 1 / GRID)[:, None]
    u = np.fft.rfftfreq(GRID, 1 / GRID)[None, :]
    radius = np.hypot(v, u)
    # opposite edges of a picture differ, which fills the axes
    inside = (radius >= INNER) & (radius <= OUTER) & (u > AXES) & (abs(v) > AXES)
    rows, columns = np.nonzero(inside)
    return Band(rows, columns, radius[rows, columns])


def usable(size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return which of the band's coefficients a picture of this width and height can carry."""
    found = band()
    v = np.minimum(found.rows, GRID - found.rows)
    return np.asarray((found.columns <= NYQUIST * size[0]) & (v <= NYQUIST * size[1]))


def plane(image: Image.Image) -> Floats:
    """Return the luma of an image on the grid, 0..255."""
    grey = image.convert("L").convert("F")
    return np.asarray(grey.resize((GRID, GRID), Image.Resampling.LANCZOS), dtype=np.float64)


def coefficients(grid: Floats) -> NDArray[np.complex128]:
    """Return the band of a GRID x GRID plane; white noise of one grey level has coefficients of mean square 1."""
    found = band()
    return np.asarray((np.fft.rfft2(grid) / GRID)[found.rows, found.columns])


def parts_of(values: NDArray[np.complex128]) -> Floats:
    """Return the real and the imaginary parts, (2, coefficients)."""
    return np.stack([values.real, values.imag])


def plane_of(values: NDArray[np.complex128], size: tuple[int, int]) -> Floats:
    """Return the plane of this width and height whose band, once on the grid, is `values`, and else nothing."""
    width, height = size
    found = band()
    rows = np.where(found.rows < GRID // 2, found.rows, found.rows - GRID)
    wanted = usable(size)
    spectrum = np.zeros((height, width // 2 + 1), dtype=np.complex128)
    spectrum[rows[wanted] % height, found.columns[wanted]] = values[wanted]
    return np.asarray(np.fft.irfft2(spectrum, s=(height, width)) * (width * height / GRID))


def scales(found: NDArray[np.complex128]) -> Floats:
    """Return the local scale of each coefficient: root mean square magnitude of its neighbours, at least FLOOR."""
    where = band()
    power, count = np.zeros((GRID, GRID // 2 + 1)), np.zeros((GRID, GRID // 2 + 1))
    power[where.rows, where.columns] = np.abs(found) ** 2
    count[where.rows, where.columns] = 1.0
    near = _box(power) / np.maximum(_box(count), 1e-9)
    return np.asarray(np.sqrt(near[where.rows, where.columns] + FLOOR**2))


def _box(plane: Floats, reach: int = 3) -> Floats:
    """Sum a plane over squares of 2 reach + 1, wrapping rows; columns beyond the edge count as zero."""
    padded = np.pad(np.roll(plane, reach, axis=0), ((0, 2 * reach), (reach + 1, reach)), mode="constant")
    padded[GRID : GRID + 2 * reach] = padded[: 2 * reach]
    summed = np.cumsum(np.cumsum(np.vstack([np.zeros((1, padded.shape[1])), padded]), axis=0), axis=1)
    width = 2 * reach + 1
    rows = summed[width:] - summed[:-width]
    return np.asarray(rows[:, width:] - rows[:, :-width])[: plane.shape[0], : plane.shape[1]]
