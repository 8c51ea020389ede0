"""Frames of a video, one a pose: what a frame looks at beside the subject's reference, and how much frames flicker.

Each frame sees the first frame and the one before it as further references (Sec. 4). Decided where the paper is silent:
- A frame is a reference without a mask: its background is to stay as well, and nothing has to be found in a drawn
  picture that could be missed in one frame and not in the next.
- It passes with the pose that it was drawn in, which is known, and its own prompt as its caption.
- All frames of a clip begin from the same noise and take the same kind of step (Eq. 6) at the same timestep.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dreamtuner.models.layouts import Layouts, fitted
from dreamtuner.sampling.request import Reference

MARGIN = 1 / 8
"""How far beyond its drawn bones a limb reaches, in sides of the picture."""
MOVED = 32
"""By how much a pixel of a drawn skeleton must change, of 255, to count as moved."""


def frame_reference(frame: Image.Image, prompt: str, layouts: Layouts) -> Reference:
    """A frame that is drawn already, as a reference of those that follow. `layouts`: those that it was drawn in."""
    side = frame.width
    return Reference(frame, None, prompt, {kind: fitted(kind, image, side) for kind, image in layouts.items()})


def moving(before: Image.Image, after: Image.Image, side: int) -> NDArray[np.bool_]:
    """Where something moves between two poses: `side` x `side`, true within MARGIN of a bone that is not as it was.

    It is told from the poses alone, so it is the same for every way of drawing them.
    """
    a, b = (np.asarray(fitted("pose", pose, side)).astype(np.int16) for pose in (before, after))
    changed = (np.abs(a - b).max(axis=2) > MOVED).astype(np.uint8)
    reach = 2 * round(MARGIN * side) + 1
    grown = cv2.dilate(changed, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    return np.asarray(grown, dtype=bool)


def flicker(frames: Sequence[Image.Image], poses: Sequence[Image.Image]) -> float | None:
    """The mean change from frame to frame of what does not move, in levels of 0..255; 0: it stands still.

    None: everything moves from each pose to the next, so there is nothing static that could flicker. Frames are square;
    `poses` are those that they follow. ValueError unless there are two frames or more, and a pose each.
    """
    if len(frames) < 2 or len(frames) != len(poses):
        raise ValueError(f"frames: {len(frames)} with {len(poses)} poses; give two or more, and a pose for each")
    changes = []
    for i in range(1, len(frames)):
        still = ~moving(poses[i - 1], poses[i], frames[i].width)
        a, b = (np.asarray(one.convert("RGB")).astype(np.float64) for one in frames[i - 1 : i + 1])
        if still.any():
            changes.append(float(np.abs(a - b)[still].mean()))
    return float(np.mean(changes)) if changes else None
