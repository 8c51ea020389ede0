"""Draws cartoon characters on plain grounds, each with its exact mask: what maskers are measured on beside the world.

Every drawing follows from its kind, its ground and its seed alone.
"""

from dataclasses import dataclass, field
from io import BytesIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

KINDS = ("coloured", "pale", "white", "gaps", "thin", "strands", "cropped", "white-cropped")
"""Coloured parts without outlines; pale ones; white ones with outlines; white ones with gaps of up to 4 of 512 pixels
in the outlines; limbs of 2 to 5 pixels; loose strands of hair; characters that the border cuts off."""

GROUNDS = ("white", "grey", "colour", "gradient", "vignette", "shadow", "noise", "jpeg")
"""Plain grounds: evenly coloured, a gradient, darker corners, a soft shadow below the subject, noise of a scan, and
JPEG at quality 75."""

SIDE = 512
_DETAIL = 2  # drawn larger by this factor, and reduced
_DARK = (35, 28, 32)

Colour = tuple[int, int, int]


@dataclass
class _Canvas:
    """Layers of one character: (H, W, 3) colours, their coverage, and the truth, at the drawing's detail."""

    outline: int
    rgb: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((SIDE * _DETAIL, SIDE * _DETAIL, 3), np.uint8))
    mask: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((SIDE * _DETAIL, SIDE * _DETAIL), np.uint8))

    def polygon(self, points: NDArray[np.float64], colour: Colour) -> None:
        """Paint a closed shape with its outline; points in units of the side."""
        place = np.round(points * SIDE * _DETAIL).astype(np.int32)
        for layer, fill in ((self.rgb, colour), (self.mask, (255,))):
            cv2.fillPoly(layer, [place], fill)
        self._line(place, self.outline, _DARK, closed=True)

    def ellipse(self, x: float, y: float, across: float, down: float, colour: Colour) -> None:
        """Paint an ellipse of these half axes."""
        angle = np.linspace(0, 2 * np.pi, 80, endpoint=False)
        self.polygon(np.stack([x + across * np.cos(angle), y + down * np.sin(angle)], axis=1), colour)

    def limb(self, points: NDArray[np.float64], width: float, colour: Colour) -> None:
        """Paint a limb of a width in pixels of the finished drawing, along its points."""
        place = np.round(points * SIDE * _DETAIL).astype(np.int32)
        thick = max(1, round(width * _DETAIL))
        if self.outline:
            self._line(place, thick + 2 * self.outline, _DARK)
        self._line(place, thick, colour)

    def _line(self, place: NDArray[np.int32], thick: int, colour: Colour, *, closed: bool = False) -> None:
        if thick:
            cv2.polylines(self.rgb, [place], closed, colour, thick)
            cv2.polylines(self.mask, [place], closed, (255,), thick)


def drawing(kind: str, ground: str, seed: int) -> tuple[Image.Image, Image.Image]:
    """Return a drawing, RGB of 512 x 512 pixels, and its mask, mode L with 0 and 255.

    Args:
        kind: one of `KINDS`.
        ground: one of `GROUNDS`.
        seed: decides proportions, pose and colours.
    """
    rng = np.random.default_rng([KINDS.index(kind), GROUNDS.index(ground), seed])
    back = _ground(ground, rng)
    white = kind in ("white", "gaps", "white-cropped")
    canvas = _Canvas(outline=round(rng.uniform(2, 3.5) * _DETAIL) if white or kind == "strands" else 0)
    if white:
        base = np.full(3, 255.0) if ground in ("white", "shadow", "noise", "jpeg") else back.mean(axis=(0, 1))
        palette = [_colour(base)] * 2 + [_colour(base), _vivid(rng)]
    elif kind == "pale":
        mean = back.mean(axis=(0, 1))
        palette = [_colour(mean + (-1 if mean.mean() > 150 else 1) * rng.uniform(20, 50, 3)) for _ in range(4)]
    else:
        palette = [_vivid(rng) for _ in range(4)]
    shift = (0.0, 0.0) if "cropped" not in kind else (float(rng.uniform(-0.25, 0.25)), float(rng.uniform(0.2, 0.4)))
    _character(canvas, kind, palette, shift, rng)
    if kind == "gaps":
        _erase_gaps(canvas, palette[0], rng)
    return _finished(canvas, back, ground)


def _character(
    canvas: _Canvas, kind: str, palette: list[Colour], shift: tuple[float, float], rng: np.random.Generator
) -> None:
    """Paint legs, arms, body, head, hair and eyes."""
    skin, dress, hair, extra = palette
    x, top = 0.5 + shift[0], 0.28 + shift[1]
    radius, waist = rng.uniform(0.09, 0.14), rng.uniform(0.06, 0.09)
    hips, length = rng.uniform(0.1, 0.2), rng.uniform(0.25, 0.33)
    limb = rng.uniform(2, 5) if kind == "thin" else rng.uniform(16, 30)
    neck, hem = top + radius * 0.9, top + radius * 0.9 + length
    for side in (-1, 1):
        foot = x + side * rng.uniform(0.04, hips)
        canvas.limb(np.array([[x + side * 0.04, hem - 0.02], [foot, hem + rng.uniform(0.1, 0.18)]]), limb, skin)
        elbow = (x + side * rng.uniform(0.15, 0.2), neck + rng.uniform(0.02, 0.16))
        hand = (x + side * rng.uniform(0.22, 0.34), neck + rng.uniform(-0.15, 0.25))
        canvas.limb(np.array([[x + side * waist * 0.8, neck + 0.04], elbow, hand]), limb, skin)
    body = [[x - waist, neck], [x + waist, neck], [x + hips, hem], [x - hips, hem]]
    if kind == "strands":
        for angle in np.linspace(-0.3, np.pi + 0.3, 15):
            far = radius * rng.uniform(1.5, 2.2)
            end = [x + far * np.cos(angle), top - far * np.sin(angle)]
            canvas.limb(np.array([[x, top], end]), rng.uniform(3, 8), hair)
    canvas.polygon(np.array(body), dress)
    canvas.ellipse(x, top - radius * 0.15, radius * 1.12, radius * 1.1, hair)
    canvas.ellipse(x, top, radius * 0.92, radius * 0.92, skin)
    for side in (-1, 1):
        cv2_outline, canvas.outline = canvas.outline, 0
        canvas.ellipse(x + side * radius * 0.35, top + 0.01, radius * 0.12, radius * 0.2, _DARK)
        canvas.outline = cv2_outline
    canvas.ellipse(x, neck + length * 0.4, waist * 0.35, waist * 0.35, extra)


def _erase_gaps(canvas: _Canvas, colour: Colour, rng: np.random.Generator) -> None:
    """Paint over the outer outline in a few places, up to 4 pixels wide in the finished drawing."""
    edges, _ = cv2.findContours(canvas.mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = max(edges, key=len)[:, 0, :]
    for at in rng.choice(len(outline), size=6, replace=False):
        place, ahead = outline[at].astype(float), outline[(at + 6) % len(outline)].astype(float)
        along = (ahead - place) / max(float(np.linalg.norm(ahead - place)), 1e-9)
        across = np.array([-along[1], along[0]]) * 2.5 * max(canvas.outline, 1)
        ends = np.round([place - across, place + across]).astype(np.int32)
        thick = max(1, round(rng.uniform(1, 4) * _DETAIL))
        cv2.line(canvas.rgb, ends[0].tolist(), ends[1].tolist(), colour, thick)


def _ground(ground: str, rng: np.random.Generator) -> NDArray[np.float64]:
    """(SIDE, SIDE, 3) colours 0..255."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    if ground in ("white", "shadow", "noise", "jpeg"):
        return np.full((SIDE, SIDE, 3), 255.0 if ground != "noise" else 247.0)
    if ground == "grey":
        return np.full((SIDE, SIDE, 3), rng.uniform(90, 215))
    colour = rng.uniform(90, 245, 3)
    if ground == "colour":
        return np.broadcast_to(colour, (SIDE, SIDE, 3)).copy()
    if ground == "vignette":
        away = (x - 0.5) ** 2 + (y - 0.5) ** 2
        return np.asarray(colour * (1 - rng.uniform(0.3, 0.7) * away)[..., None])
    angle, other = rng.uniform(0, 2 * np.pi), colour + rng.uniform(-70, 70, 3)
    share = (x * np.cos(angle) + y * np.sin(angle) + 1) / 2
    return np.asarray((colour + (other - colour) * share[..., None]).clip(0, 255))


def _finished(canvas: _Canvas, back: NDArray[np.float64], ground: str) -> tuple[Image.Image, Image.Image]:
    size = (SIDE, SIDE)
    cover = cv2.resize(canvas.mask, size, interpolation=cv2.INTER_AREA).astype(np.float64)[..., None] / 255
    weighted = canvas.rgb * (canvas.mask[..., None] > 0)
    rgb = cv2.resize(weighted.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    if ground == "shadow":
        back = back * (1 - 0.35 * _shadow(cover[..., 0])[..., None])
    picture = rgb + back * (1 - cover)
    if ground == "noise":
        picture = picture + np.random.default_rng(0).normal(0, 3, picture.shape)
    image = Image.fromarray(picture.clip(0, 255).astype(np.uint8))
    if ground == "jpeg":
        buffer = BytesIO()
        image.save(buffer, "JPEG", quality=75)
        image = Image.open(buffer).convert("RGB")
    return image, Image.fromarray(np.where(cover[..., 0] >= 0.5, 255, 0).astype(np.uint8))


def _shadow(cover: NDArray[np.float64]) -> NDArray[np.float64]:
    """(H, W) darkness 0..1 of a soft ellipse below the subject."""
    rows, columns = np.nonzero(cover > 0.5)
    flat = np.zeros(cover.shape, np.float64)
    middle, half = int(columns.mean()), int(np.ptp(columns) * 0.35)
    cv2.ellipse(flat, (middle, int(rows.max())), (half, max(half // 5, 6)), 0, 0, 360, 1.0, -1)
    return np.asarray(cv2.GaussianBlur(flat, (0, 0), 14))


def _colour(value: NDArray[np.float64]) -> Colour:
    red, green, blue = (int(one) for one in value.clip(0, 255).round())
    return red, green, blue


def _vivid(rng: np.random.Generator) -> Colour:
    hue, value = rng.uniform(0, 180), rng.uniform(60, 235)
    one = np.array([[[hue, rng.uniform(120, 255), value]]], dtype=np.uint8)
    return _colour(cv2.cvtColor(one, cv2.COLOR_HSV2RGB)[0, 0].astype(np.float64))
