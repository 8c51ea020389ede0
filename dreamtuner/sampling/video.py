"""Frames of a video, one per pose: their references beside the subject's own, and how much the frames flicker.

Each frame uses the first frame and the previous one as further references (Sec. 4). Decided where the paper is silent:
- A frame is a reference without a mask: its background should be preserved too, and no mask has to be estimated on a
  generated image, where it could fail in one frame and not in the next.
- It is encoded with the pose that it was conditioned on, and with its own prompt as caption.
- All frames of a clip start from the same noise and use the same guidance (Eq. 6) at the same timestep.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dreamtuner.models.layouts import Layouts, fitted
from dreamtuner.sampling.request import Reference
from dreamtuner.settings.frames import LIKE_REFERENCES, FrameUse

MARGIN = 1 / 8
"""How far a limb extends beyond the bones of the skeleton, as a fraction of the image's longer side."""
MOVED = 32
"""By how much a pixel of a skeleton image must change, of 255, to count as moved."""


def frame_reference(
    frame: Image.Image, prompt: str, layouts: Layouts, use: FrameUse = LIKE_REFERENCES, noise_seed: int | None = None
) -> Reference:
    """Return a finished frame as a reference for later ones, which see it as `use` says.

    `layouts`: the control images that it was conditioned on; `noise_seed`: the seed of the frames.
    """
    own = {kind: fitted(kind, image, frame.size) for kind, image in layouts.items()}
    return Reference(frame, None, prompt, own, frame=True, weight=use.weight, use=use, noise_seed=noise_seed)


def moving(before: Image.Image, after: Image.Image, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return where something moves between two poses: H W of `size` = (W, H), True within MARGIN of a changed bone.

    It is derived from the poses alone, so it is the same however the frames were generated.
    """
    a, b = (np.asarray(fitted("pose", pose, size)).astype(np.int16) for pose in (before, after))
    changed = (np.abs(a - b).max(axis=2) > MOVED).astype(np.uint8)
    reach = 2 * round(MARGIN * max(size)) + 1
    grown = cv2.dilate(changed, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    return np.asarray(grown, dtype=bool)


def flicker(frames: Sequence[Image.Image], poses: Sequence[Image.Image], *, loop: bool = False) -> float | None:
    """Return the mean frame-to-frame change of static pixels, in levels of 0..255; 0 means no flicker.

    Returns None if no pixel is static between any two poses. Frames have one size; `poses` are the ones they were
    conditioned on. `loop`: the step from the last frame to the first counts too. Raises ValueError unless there are at
    least two frames, with one pose each.
    """
    if len(frames) < 2 or len(frames) != len(poses):
        raise ValueError(
            f"frames: {len(frames)} with {len(poses)} poses; give two or more frames, and one pose for each"
        )
    found = [changes(frames[i - 1 : i + 1], poses[i - 1 : i + 1])[0] for i in range(1, len(frames))]
    if loop:
        found.append(changes((frames[-1], frames[0]), (poses[-1], poses[0]))[0])
    static = [one for one in found if one is not None]
    return float(np.mean(static)) if static else None


def changes(frames: Sequence[Image.Image], poses: Sequence[Image.Image]) -> tuple[float | None, float | None]:
    """Return the mean change between two frames of static pixels, and that of moving ones, in levels of 0..255.

    None where there are no such pixels. A video that stands still has neither: read the one beside the other.
    """
    moved = moving(poses[0], poses[1], frames[1].size)
    a, b = (np.asarray(one.convert("RGB")).astype(np.float64) for one in frames)
    change = np.abs(a - b)
    static, motion = (float(change[where].mean()) if where.any() else None for where in (~moved, moved))
    return static, motion
