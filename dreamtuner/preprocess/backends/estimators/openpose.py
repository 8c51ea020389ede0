"""Draws people as OpenPose's skeletons: the colours on black that ControlNets of poses were trained on.

18 keypoints of the body in OpenPose's order, 17 limbs as ellipses at 60 % of their colour, fingers as lines in the
colours of the rainbow with blue joints, faces as white dots. Widths are proportional to the image's shorter side: those
of the ControlNets' training at 512 pixels.
"""

from __future__ import annotations

import colorsys
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dreamtuner.preprocess.backends.estimators.keypoints import Keypoints
from dreamtuner.preprocess.backends.onnx_session import Floats

VISIBLE = 0.3
"""Score above which a keypoint is drawn."""
DESIGNED = 512
"""Shorter side of an image, in pixels, for which the widths are meant."""
JOINT, LIMB, FINGER, DOT = 4, 4, 2, 3
DIMMED = 0.6
NECK = 1
LEFT_SHOULDER, RIGHT_SHOULDER = 5, 6
"""COCO's numbers."""
FROM_COCO = {0: 0, 2: 6, 3: 8, 4: 10, 5: 5, 6: 7, 7: 9, 8: 12, 9: 14, 10: 16, 11: 11, 12: 13, 13: 15}
FROM_COCO |= {14: 2, 15: 1, 16: 4, 17: 3}
"""OpenPose's number of each keypoint of the body -> COCO's. The neck is none of COCO's."""
FACE, LEFT_HAND, RIGHT_HAND = slice(23, 91), slice(91, 112), slice(112, 133)
LIMBS = (
    *((1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7)),
    *((1, 8), (8, 9), (9, 10), (1, 11), (11, 12), (12, 13)),
    *((1, 0), (0, 14), (14, 16), (0, 15), (15, 17)),
)
FINGERS = tuple((0 if i % 4 == 0 else i, i + 1) for i in range(20))
COLOURS = (
    *((255, 0, 0), (255, 85, 0), (255, 170, 0), (255, 255, 0), (170, 255, 0), (85, 255, 0)),
    *((0, 255, 0), (0, 255, 85), (0, 255, 170), (0, 255, 255), (0, 170, 255), (0, 85, 255)),
    *((0, 0, 255), (85, 0, 255), (170, 0, 255), (255, 0, 255), (255, 0, 170), (255, 0, 85)),
)
"""Red, green and blue of each keypoint, and of each limb."""

Canvas = NDArray[np.uint8]


class Person(NamedTuple):
    """Keypoints x y in pixels, NaN where they are not visible: (18, 2) of the body, (68, 2) face, (21, 2) of a hand."""

    body: Floats
    face: Floats
    hands: tuple[Floats, Floats]
    confidence: float
    """Mean score of the keypoints of the body that are visible, 0..1."""


def person(found: Keypoints) -> Person | None:
    """Return whose keypoints of COCO-WholeBody these are; None unless two of the body that make a limb are visible.

    The neck is in the middle between the shoulders, if both are visible.
    """
    seen = np.where((found.scores > VISIBLE)[:, None], found.places, np.nan).astype(np.float32)
    body = np.full((18, 2), np.nan, np.float32)
    body[list(FROM_COCO)] = seen[list(FROM_COCO.values())]
    body[NECK] = (seen[LEFT_SHOULDER] + seen[RIGHT_SHOULDER]) / 2
    if not any(_all_seen(body, limb) for limb in LIMBS):
        return None
    scores = found.scores[:17]
    confidence = float(np.clip(scores[scores > VISIBLE], 0, 1).mean())
    return Person(body, seen[FACE], (seen[LEFT_HAND], seen[RIGHT_HAND]), confidence)


def drawn(people: Iterable[Person], size: tuple[int, int]) -> Image.Image:
    """Return the skeletons of people on black, mode RGB, of a width and height."""
    people, (width, height) = list(people), size
    scale = min(size) / DESIGNED
    canvas = np.zeros((height, width, 3), np.uint8)
    for number, limb in enumerate(LIMBS):
        for one in people:
            _ellipse(canvas, one.body, limb, _width(LIMB, scale), COLOURS[number])
    canvas = (canvas * DIMMED).astype(np.uint8)
    for number, colour in enumerate(COLOURS):
        for one in people:
            _dot(canvas, one.body[number], _width(JOINT, scale), colour)
    for one in people:
        for hand in one.hands:
            _hand(canvas, hand, scale)
    for one in people:
        for place in one.face:
            _dot(canvas, place, _width(DOT, scale), (255, 255, 255))
    return Image.fromarray(canvas)


def _hand(canvas: Canvas, hand: Floats, scale: float) -> None:
    for number, (start, end) in enumerate(FINGERS):
        if _all_seen(hand, (start, end)):
            red, green, blue = colorsys.hsv_to_rgb(number / len(FINGERS), 1, 1)
            colour = red * 255, green * 255, blue * 255
            cv2.line(canvas, _pixel(hand[start]), _pixel(hand[end]), colour, _width(FINGER, scale))
    for place in hand:
        _dot(canvas, place, _width(JOINT, scale), (0, 0, 255))


def _ellipse(canvas: Canvas, body: Floats, limb: tuple[int, int], width: int, colour: tuple[int, int, int]) -> None:
    if not _all_seen(body, limb):
        return
    start, end = body[list(limb)]
    middle, along = (start + end) / 2, start - end
    angle = np.degrees(np.arctan2(along[1], along[0]))
    axes = int(np.hypot(*along) / 2), width
    polygon = cv2.ellipse2Poly(_pixel(middle), axes, int(angle), 0, 360, 1)
    cv2.fillConvexPoly(canvas, np.asarray(polygon), colour)


def _dot(canvas: Canvas, place: Floats, radius: int, colour: tuple[int, int, int]) -> None:
    if not np.isnan(place).any():
        cv2.circle(canvas, _pixel(place), radius, colour, thickness=-1)


def _all_seen(places: Floats, numbers: Sequence[int]) -> bool:
    return not np.isnan(places[list(numbers)]).any()


def _pixel(place: Floats) -> tuple[int, int]:
    return int(place[0]), int(place[1])


def _width(designed: int, scale: float) -> int:
    return max(1, round(designed * scale))
