"""Clips of pocket subjects: what decides a clip, what is stored, and the figures of clips that are known."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from PIL import Image

from dreamtuner.evaluation.cells import Measured, NewCell
from dreamtuner.evaluation.held_out import held_out_subjects, reference_of
from dreamtuner.evaluation.video.clips import ClipCache, ClipRequest, Way
from dreamtuner.evaluation.video.measure import WAYS, measured
from dreamtuner.models.profiles import get_profile
from dreamtuner.pocket.training.shards import Picture
from dreamtuner.score.oracle import Oracle
from dreamtuner.settings.frames import FrameUse


class Kept:
    """A store of cells in memory."""

    def __init__(self) -> None:
        self.cells: dict[str, NewCell] = {}

    def measured(self, digests: Sequence[str]) -> Mapping[str, Measured]:
        return {one: self.cells[one].measured for one in digests if one in self.cells}

    def pictures(self, digests: Sequence[str]) -> Mapping[str, Image.Image]:
        return {one: self.cells[one].picture for one in digests if one in self.cells}

    def save(self, cells: Sequence[NewCell]) -> None:
        self.cells.update({one.digest: one for one in cells})


@pytest.fixture(scope="module")
def request_of() -> ClipRequest:
    """A clip of four frames."""
    return ClipRequest(held_out_subjects(1)[0], 4)


def frame(request: ClipRequest, pose: str) -> Image.Image:
    context = replace(request.subject.context, scene=request.scene, pose=pose, size=0.85)
    return reference_of(Picture(request.subject.identity_seed, context)).image


@pytest.mark.slow
def test_a_clip_that_stands_still_and_one_that_changes_its_subject(request_of: ClipRequest) -> None:
    oracle = Oracle.load(get_profile("pocket").weights / "oracle")
    standing, waving = frame(request_of, "standing"), frame(request_of, "waving")
    true = measured(oracle, request_of, [standing, waving, waving, waving])
    assert (true["scene"], true["pose"], true["switched"]) == (1, 1, 0)
    assert true["identity"] > 0.85
    assert true["flicker"] < 0.5 < true["motion"]
    frozen = measured(oracle, request_of, [standing] * 4, loop=True)
    assert frozen["flicker"] == frozen["motion"] == frozen["closing"] == 0
    assert frozen["pose"] < 0.5
    other = replace(request_of, subject=held_out_subjects(2)[1])
    changed = measured(oracle, request_of, [standing, frame(other, "waving"), waving, waving])
    assert changed["switched"] > 0.1
    assert changed["identity"] < true["identity"]


@pytest.mark.slow
def test_a_stored_clip_is_found_by_all_that_decides_it(request_of: ClipRequest) -> None:
    cache, way = ClipCache(Kept(), get_profile("pocket")), Way("draft", FrameUse(see="draft"))
    frames = [Image.new("RGB", (64, 64), (i, 0, 0)) for i in range(4)]
    cache.save(way, request_of, frames, 1.0)
    found = cache.frames(replace(way, name="another name", loop=True), request_of)
    assert found is not None, "neither name nor loop decides a frame that sees the draft alone"
    assert [one.tobytes() for one in found] == [one.tobytes() for one in frames]
    for others in (
        (replace(way, use=FrameUse(see="draft", weight=0.5)), request_of),
        (replace(way, changes={"steps": 3}), request_of),
        (way, replace(request_of, seed=8)),
        (way, replace(request_of, frames=5)),
        (WAYS["own noise"], request_of),
    ):
        assert cache.frames(*others) is None
