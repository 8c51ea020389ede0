"""Plans a video: each frame is a cell that names the frames it depends on by digest, so all are planned ahead."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dreamtuner.models.layouts import Kind
from dreamtuner.settings.frames import DRAFT, LIKE_REFERENCES, earlier_frames, frame_order
from dreamtuner.settings.recipe_fields import to_fields
from flows.ingestion.facts import Facts
from flows.planning.cells import GenerationSetup, PlannedCell, SubjectPlanner
from flows.spec.keyframes import keyframe_problems, reference_problems, scene_at, weights_at
from flows.spec.model import Spec
from flows.spec.problems import InputError

ALL_LAYERS = {"layers": "all"}
"""Marks, in the recipe, a frame that also attends to earlier frames in the ControlNet where the subject's reference is
encoded without it. Cells planned by the first release have no mark and are still generated without that."""
USE = "use"
"""The recipe's key of how a frame sees earlier ones, where that is not as the paper says."""


@dataclass(frozen=True)
class Clip:
    """One video of a subject: its frames in order, and independently generated frames for comparison.

    `same_noise`: independent frames from a shared seed; `own_noise`: from per-frame seeds; `order`: the
    positions of the frames in the order in which they are generated.
    """

    subject: str
    prompt: str
    seed: int
    frames: tuple[PlannedCell, ...]
    same_noise: tuple[PlannedCell, ...]
    own_noise: tuple[PlannedCell, ...]
    order: tuple[int, ...]

    @property
    def in_order(self) -> tuple[PlannedCell, ...]:
        """Return the frames in the order in which they are generated: each after those that it sees."""
        return tuple(self.frames[i] for i in self.order)

    @property
    def alone(self) -> tuple[PlannedCell, ...]:
        """Return the cells that depend on no other cell."""
        return self.same_noise + self.own_noise


def plan_clips(spec: Spec, facts: Sequence[Facts], setup: GenerationSetup) -> list[Clip]:
    """Plan a clip for every subject, prompt and seed, with the spec's poses as its frames.

    A video with scenes is one clip for every subject and seed. Raises InputError if a keyframe does not fit the frames
    or the references.
    """
    count = len(setup.layouts["pose"])
    references = [(one.name, 1 + len(one.further)) for one in facts]
    if problems := keyframe_problems(spec, count) + reference_problems(spec, references):
        raise InputError(f"spec {spec.name!r}", problems)
    templates = spec.prompts if spec.video is None or spec.video.scenes is None else spec.prompts[:1]
    return [_clip(spec, one, setup, template, seed) for one in facts for template in templates for seed in spec.seeds]


def _clip(spec: Spec, one: Facts, setup: GenerationSetup, template: str, seed: int) -> Clip:
    poses: list[dict[Kind, str]] = [{"pose": sha} for sha in setup.layouts["pose"] if sha is not None]

    planner, video, count = SubjectPlanner(spec, one, setup), spec.video, len(poses)
    use, loop = (LIKE_REFERENCES, False) if video is None else (video.earlier, video.loop)
    how = {USE: fields} if (fields := to_fields(use)) else {}

    def cell(i: int, own_seed: int, frames: Mapping[str, Any] | None = None) -> PlannedCell:
        scene = scene_at(video, template, i, count)
        weights = weights_at(video, i, count)
        return planner.cell(scene.template, poses[i], own_seed, frames, blend=scene.blend, weights=weights)

    made: dict[int, PlannedCell] = {}
    for i in frame_order(count, loop=loop):
        seen: dict[str, Any] = {
            name: (cell(k, seed) if name == DRAFT else made[k]).digest
            for name, k in earlier_frames(i, count, use, loop=loop).items()
        }
        if seen:
            seen |= how if set(poses[i]) <= set(one.layouts) else how | ALL_LAYERS
        made[i] = cell(i, seed, seen)
    places = range(count)
    return Clip(
        one.name,
        made[0].prompt,
        seed,
        tuple(made[i] for i in places),
        tuple(cell(i, seed) for i in places),
        tuple(cell(i, _seed(seed, i)) for i in places),
        tuple(made),
    )


def _seed(seed: int, frame: int) -> int:
    """Derive the seed of a frame; the first uses the clip's own."""
    return seed if frame == 0 else int.from_bytes(hashlib.sha256(f"{seed} {frame}".encode()).digest()[:4], "big")
