"""Clips of held-out pocket subjects, generated in several ways from the same poses, prompt and noise; cached."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from PIL import Image

from dreamtuner.evaluation.cache import CellStore
from dreamtuner.evaluation.cells import Measured, NewCell
from dreamtuner.evaluation.held_out import held_out_contexts, reference_of
from dreamtuner.evaluation.run import Bench
from dreamtuner.models.profiles import ENCODER_PARTS, Profile
from dreamtuner.models.weights import parts_digest
from dreamtuner.pocket.training.shards import Picture
from dreamtuner.pocket.world.poses import wave
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.request import Cell, Reference
from dreamtuner.sampling.video import frame_reference
from dreamtuner.settings.frames import DRAFT, LIKE_REFERENCES, FrameUse, earlier_frames, frame_order
from dreamtuner.settings.recipe_fields import to_fields
from dreamtuner.settings.sampling import ENGINE_VERSION, Sampling

WAVING = range(4, 14)
"""Frames of the wave in which the hand is up; in the first it hangs down."""
VERSION = 1
"""Increment it when equal settings would give another clip or other measurements."""


@dataclass(frozen=True)
class Way:
    """One way to generate a clip. `use`: how frames see others; `own_noise`: independent, each from its own noise."""

    name: str
    use: FrameUse = LIKE_REFERENCES
    own_noise: bool = False
    loop: bool = False
    changes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def decided(self) -> dict[str, Any]:
        """Return what decides its frames, as JSON."""
        loop = self.loop and self.use.see not in ("none", "draft")  # else no frame depends on it
        return {"use": to_fields(self.use), "own_noise": self.own_noise, "loop": loop, "changes": dict(self.changes)}


@dataclass(frozen=True)
class ClipRequest:
    """A clip of a subject: one cycle of the wave in `frames` frames, in the first scene it is not shown in."""

    subject: Picture
    frames: int
    seed: int = 7

    @property
    def indices(self) -> list[int]:
        """Return the frames of the wave that are its poses."""
        return [len(wave()) * i // self.frames for i in range(self.frames)]

    @property
    def poses(self) -> list[Image.Image]:
        """Return its poses, RGB."""
        every = wave()
        return [every[i] for i in self.indices]

    @property
    def scene(self) -> str:
        """Return the scene that its prompt names."""
        return held_out_contexts(self.subject, 1)[0].scene

    @property
    def prompt(self) -> str:
        """Return its prompt, which names neither pose nor expression."""
        kind = "drawing" if self.subject.context.style == "anime" else "photo"
        return f"a {kind} of a {self.subject.identity.class_word} {self.scene}"


class ClipCache:
    """Frames of clips under a digest of all that decides them: an interrupted or enlarged table goes on from there."""

    def __init__(self, cells: CellStore, profile: Profile) -> None:
        self._cells = cells
        self._decided = {
            "weights": parts_digest(profile, (*profile.image_parts, *ENCODER_PARTS, "controlnet-pose")),
            "sampling": [to_fields(profile.natural), to_fields(profile.anime)],
            "versions": [ENGINE_VERSION, VERSION],
        }

    def frames(self, way: Way, request: ClipRequest) -> list[Image.Image] | None:
        """Return the frames of a clip; None unless all are stored."""
        digests = self._digests(way, request)
        found = self._cells.pictures(digests)
        return [found[one] for one in digests] if all(one in found for one in digests) else None

    def save(self, way: Way, request: ClipRequest, frames: list[Image.Image], frame_s: float) -> None:
        """Store a clip, whole or, if killed, not at all."""
        subject, measured = str(request.subject.identity_seed), Measured({}, 0.0, frame_s)
        self._cells.save(
            [
                NewCell(digest, f"video, {way.name}"[:80], subject, request.prompt, request.seed, measured, frame)
                for digest, frame in zip(self._digests(way, request), frames, strict=True)
            ]
        )

    def _digests(self, way: Way, request: ClipRequest) -> list[str]:
        clip = {
            "subject": [request.subject.identity_seed, to_fields(request.subject.context)],
            "poses": request.indices,
            "seed": request.seed,
            "way": way.decided,
        }
        return [
            sha256(json.dumps({**self._decided, **clip, "frame": i}, sort_keys=True).encode()).hexdigest()
            for i in range(request.frames)
        ]


def clip(bench: Bench, cache: ClipCache, way: Way, request: ClipRequest) -> list[Image.Image]:
    """Return the frames of a clip, generated unless they are stored."""
    stored = cache.frames(way, request)
    if stored is not None:
        return stored
    started = time.perf_counter()
    frames = _generated(bench, way, request)
    cache.save(way, request, frames, (time.perf_counter() - started) / len(frames))
    return frames


def _generated(bench: Bench, way: Way, request: ClipRequest) -> list[Image.Image]:
    context = request.subject.context
    profile = bench.profile.sampling(context.style)
    sampling = Sampling.model_validate(profile.merged(way.changes))
    given = reference_of(request.subject)
    reference = replace(given, layouts={"pose": given.layouts["pose"]})
    poses, count = request.poses, request.frames

    def cells(places: list[int]) -> list[Cell]:
        seeds = [request.seed + (1000 * i if way.own_noise else 0) for i in places]
        return [Cell(request.prompt, seed, {"pose": poses[i]}) for i, seed in zip(places, seeds, strict=True)]

    def seen(image: Image.Image, k: int) -> Reference:
        return frame_reference(image, request.prompt, {"pose": poses[k]}, way.use, request.seed)

    if way.own_noise or way.use.see == "none":
        return generate(bench.backbone, reference, cells(list(range(count))), sampling)
    if way.use.see == DRAFT:
        [draft] = generate(bench.backbone, reference, cells([0]), sampling)
        return generate(bench.backbone, [reference, seen(draft, 0)], cells(list(range(count))), sampling)
    made: dict[int, Image.Image] = {}
    for i in frame_order(count, loop=way.loop):
        others = dict.fromkeys(earlier_frames(i, count, way.use, loop=way.loop).values())
        [made[i]] = generate(bench.backbone, [reference, *(seen(made[k], k) for k in others)], cells([i]), sampling)
    return [made[i] for i in range(count)]
