"""Figures of clips: flicker beside what a video must not lose for it, and differences to shared noise alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dreamtuner.evaluation.ablations import Mean
from dreamtuner.evaluation.measures import IDENTITY
from dreamtuner.evaluation.run import Bench
from dreamtuner.evaluation.table1.summary import mean_of
from dreamtuner.evaluation.video.clips import WAVING, ClipCache, ClipRequest, Way, clip
from dreamtuner.pocket.training.autoencoder import pictures_to_model
from dreamtuner.pocket.training.oracle import truth
from dreamtuner.sampling.video import changes, flicker
from dreamtuner.score.oracle import Oracle
from dreamtuner.settings.frames import FrameUse

SHARED, OWN, PAPER = "shared noise", "own noise", "as references"
FIGURES = ("flicker", "later", "motion", "switched", "identity", "scene", "pose")

SHARED_NOISE = Way(SHARED, FrameUse(see="none"))
WAYS: Mapping[str, Way] = {SHARED: SHARED_NOISE, OWN: Way(OWN, FrameUse(see="none"), own_noise=True), PAPER: Way(PAPER)}
"""What every other way is compared with: independent frames of one noise; of one each; and frames as references."""


def measured(
    oracle: Oracle, request: ClipRequest, frames: Sequence[Image.Image], *, loop: bool = False
) -> dict[str, float]:
    """Return the figures of one clip.

    - ``flicker``: mean change of static pixels from frame to frame, 0..255; ``later``: without the step from the first
      frame, which is the only one that sees no other;
    - ``motion``: mean change of the pixels that the poses move, 0..255: a video that freezes has less of it;
    - ``switched``: share of the identity's attributes that the oracle reads differently in the next frame, 0..1;
    - ``identity``: share of the reference's attributes that it reads in the frames, 0..1;
    - ``scene``, ``pose``: share of frames in the prompt's scene; of frames read as standing or waving as their pose is;
    - ``closing``: of a loop, the change of static pixels from the last frame to the first.
    """
    poses, true = request.poses, truth(request.subject)
    read = oracle.read(pictures_to_model(list(frames)))
    wanted = {i: "standing" if k == 0 else "waving" for i, k in enumerate(request.indices) if k == 0 or k in WAVING}
    moved = [changes(frames[i - 1 : i + 1], poses[i - 1 : i + 1])[1] for i in range(1, len(frames))]
    found = {
        "flicker": flicker(frames, poses, loop=loop),
        "later": flicker(frames[1:], poses[1:]) if len(frames) > 2 else None,
        "motion": float(np.mean([one for one in moved if one is not None])),
        "switched": float(np.mean([[a[name] != b[name] for name in IDENTITY] for a, b in pairwise(read)])),
        "identity": float(np.mean([[one[name] == true[name] for name in IDENTITY] for one in read])),
        "scene": float(np.mean([one["scene"] == request.scene for one in read])),
        "pose": float(np.mean([read[i]["pose"] == pose for i, pose in wanted.items()])),
    }
    if loop:
        found["closing"] = changes((frames[-1], frames[0]), (poses[-1], poses[0]))[0]
    return {name: float("nan") if value is None else value for name, value in found.items()}


@dataclass(frozen=True)
class WayFigures:
    """A way over subjects, each figure with its 95 % interval over them; ``gains``: differences to shared noise."""

    way: str
    subjects: int
    frames: int
    figures: Mapping[str, Mean]
    gains: Mapping[str, Mean]


def measure_ways(
    bench: Bench, cache: ClipCache, ways: Sequence[Way], requests: Sequence[ClipRequest], say: Callable[[str], None]
) -> list[WayFigures]:
    """Measure every way of every clip, clip by clip; those that are stored are not generated again.

    The first way is what the others are compared with. A figure that a clip does not have is left out of the means.
    """
    values: dict[str, list[dict[str, float]]] = {way.name: [] for way in ways}
    for number, request in enumerate(requests, 1):
        for way in ways:
            frames = clip(bench, cache, way, request)
            values[way.name].append(measured(bench.oracle, request, frames, loop=way.loop))
            say(f"subject {number}/{len(requests)}, {way.name}: flicker {values[way.name][-1]['flicker']:.2f}")
    return [_figures(way.name, values[way.name], values[ways[0].name], requests[0].frames) for way in ways]


def _figures(
    name: str, rows: Sequence[Mapping[str, float]], base: Sequence[Mapping[str, float]], frames: int
) -> WayFigures:
    own = {what: _column(rows, what) for what in rows[0]}
    others = {what: _column(base, what) for what in base[0]}
    return WayFigures(
        way=name,
        subjects=len(rows),
        frames=frames,
        figures={what: mean_of(known) for what, column in own.items() if len(known := column[~np.isnan(column)])},
        gains={
            what: mean_of(known)
            for what in own.keys() & others.keys()
            if len(known := (own[what] - others[what])[~np.isnan(own[what] - others[what])])
        },
    )


def _column(rows: Sequence[Mapping[str, float]], name: str) -> NDArray[np.float64]:
    return np.array([row[name] for row in rows])
