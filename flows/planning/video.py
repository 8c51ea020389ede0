"""Plans a video: each frame is a cell that names the frames it depends on by digest, so all are planned ahead."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dreamtuner.models.layouts import Kind
from flows.ingestion.facts import Facts
from flows.planning.cells import GenerationSetup, PlannedCell, SubjectPlanner
from flows.spec.model import Spec

ALL_LAYERS = {"layers": "all"}
"""Marks, in the recipe, a frame that also attends to earlier frames in the ControlNet where the subject's reference is
encoded without it. Cells planned by the first release have no mark and are still generated without that."""


@dataclass(frozen=True)
class Clip:
    """One video of a subject: its frames in order, and independently generated frames for comparison.

    `same_noise`: independent frames from a shared seed; `own_noise`: from per-frame seeds.
    """

    subject: str
    prompt: str
    seed: int
    frames: tuple[PlannedCell, ...]
    same_noise: tuple[PlannedCell, ...]
    own_noise: tuple[PlannedCell, ...]

    @property
    def alone(self) -> tuple[PlannedCell, ...]:
        """Return the cells that depend on no other cell."""
        return self.same_noise + self.own_noise


def plan_clips(spec: Spec, facts: Sequence[Facts], setup: GenerationSetup) -> list[Clip]:
    """Plan a clip for every subject, prompt and seed, with the spec's poses as its frames."""
    return [
        _clip(spec, one, setup, template, seed) for one in facts for template in spec.prompts for seed in spec.seeds
    ]


def _clip(spec: Spec, one: Facts, setup: GenerationSetup, template: str, seed: int) -> Clip:
    poses: list[dict[Kind, str]] = [{"pose": sha} for sha in setup.layouts["pose"] if sha is not None]

    planner = SubjectPlanner(spec, one, setup)

    def cell(place: int, own_seed: int, frames: Mapping[str, str] | None = None) -> PlannedCell:
        return planner.cell(template, poses[place], own_seed, frames)

    frames = [cell(0, seed)]
    for i in range(1, len(poses)):
        before = {"first": frames[0].digest, "previous": frames[-1].digest}
        frames.append(cell(i, seed, before if set(poses[i]) <= set(one.layouts) else before | ALL_LAYERS))
    places = range(len(poses))
    return Clip(
        one.name,
        frames[0].prompt,
        seed,
        tuple(frames),
        tuple(cell(i, seed) for i in places),
        tuple(cell(i, _seed(seed, i)) for i in places),
    )


def _seed(seed: int, frame: int) -> int:
    """Derive the seed of a frame; the first uses the clip's own."""
    return seed if frame == 0 else int.from_bytes(hashlib.sha256(f"{seed} {frame}".encode()).digest()[:4], "big")
