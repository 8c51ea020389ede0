"""One clip in every way, row by row in one picture."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from dreamtuner.evaluation.run import Bench
from dreamtuner.evaluation.video.clips import ClipCache, ClipRequest, Way, clip
from dreamtuner.rendering.film_strip import Strip, film_strip
from dreamtuner.sampling.video import flicker


def clip_strip(bench: Bench, cache: ClipCache, ways: Sequence[Way], request: ClipRequest) -> Image.Image:
    """Draw a clip in every way, with the flicker of each, RGB."""
    rows = [(way, clip(bench, cache, way, request)) for way in ways]
    poses = request.poses
    named = [(way.name.replace(",", ", "), flicker(frames, poses, loop=way.loop), frames) for way, frames in rows]
    detail = f"profile {bench.profile.name}  ·  subject {request.subject.identity_seed}  ·  seed {request.seed}"
    return film_strip("Flicker", detail, [Strip(request.prompt, poses, named)])
