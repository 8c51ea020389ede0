"""Videos with the tiny model: frames as cells that look at those before, resumed, lost and failed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import flows.execution.generate_batch
from dreamtuner.sampling.generate import generate as draw_cells
from dreamtuner.sampling.request import Reference
from flows.execution.recipe_rows import recipe_of_row
from flows.image_io import open_picture
from flows.outcome import result_of
from flows.planning.cells import GenerationSetup
from flows.planning.video import ALL_LAYERS, plan_clips
from flows.resources import Resources
from flows.settings import Settings
from flows.spec.model import Spec
from flows.spec.problems import InputError
from flows.video import VideoSummary, demand_poses, video
from storage.catalog import views
from storage.keys import blob_key
from storage.objects import get_blob
from tests.flows.conftest import pose_picture
from tests.flows.test_layouts import order
from tests.flows.test_plan import MOMO, NUMBERS, PIP, SPEC
from tests.flows.test_plan import spec as parsed

DRAWING = GenerationSetup("ee", NUMBERS, {"pose": ("11" * 32, "22" * 32, "33" * 32), "depth": (None,)}, {"pose": "p"})


@pytest.fixture
def spec(references: Path, tmp_path: Path) -> Spec:
    """One clip of three frames."""
    for i in range(3):
        pose_picture(4 * i).save(tmp_path / f"{i}.png")
    return order(references, poses=tuple(str(tmp_path / f"{i}.png") for i in range(3)), seeds=(7,))


def frames_of(summary: VideoSummary, settings: Settings) -> list[Any]:
    """The clip's frames as they are in the catalog, in order."""
    with Resources.open(settings).catalog.read() as s:
        cells = [views.cell(s, one.digest) for one in views.cells_of_run(s, summary.run)]
    linked = [cell for cell in cells if "frames" in cell.settings]
    first = next(cell for cell in cells if cell.digest == linked[0].settings["frames"]["first"])
    return [first, *linked]


def test_a_clip_for_every_subject_prompt_and_seed_whose_frames_name_those_before() -> None:
    clips = plan_clips(parsed(SPEC), [PIP, MOMO], DRAWING)
    assert [(one.subject, one.seed) for one in clips[:4]] == [("pip", 1), ("pip", 2), ("pip", 3), ("pip", 1)]
    assert len(clips) == 2 * 2 * 3
    a, b, c = clips[0].frames
    assert [one.layouts["pose"] for one in (a, b, c)] == ["11" * 32, "22" * 32, "33" * 32]
    assert "frames" not in a.recipe
    assert b.recipe["frames"] == {"first": a.digest, "previous": a.digest} | ALL_LAYERS
    assert c.recipe["frames"] == {"first": a.digest, "previous": b.digest} | ALL_LAYERS
    posed = plan_clips(parsed(SPEC), [replace(PIP, layouts={"pose": "44" * 32})], DRAWING)[0].frames
    assert posed[1].recipe["frames"] == {"first": posed[0].digest, "previous": posed[0].digest}
    assert {one.seed for one in clips[0].frames} == {one.seed for one in clips[0].same_noise} == {1}
    assert len({one.seed for one in clips[0].own_noise}) == 3
    assert clips[0].frames[0].digest == clips[0].same_noise[0].digest == clips[0].own_noise[0].digest
    assert clips[0].frames[1].digest != clips[0].same_noise[1].digest
    assert plan_clips(parsed(SPEC), [PIP], DRAWING) == clips[:6]
    assert len({one.digest for clip in clips for one in clip.frames}) == 36


def test_a_pose_that_comes_again_is_a_frame_of_its_own() -> None:
    setup = GenerationSetup("ee", NUMBERS, {"pose": ("11" * 32, "22" * 32, "11" * 32), "depth": (None,)}, {"pose": "p"})
    clip = plan_clips(parsed(SPEC), [PIP], setup)[0]
    assert len({one.digest for one in clip.frames}) == 3
    assert clip.same_noise[0].digest == clip.same_noise[2].digest


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"poses": (None, "a.png", "b.png")}, r"poses\[0\]: a video needs a pose for every frame; remove the null"),
        ({"poses": ("a.png",)}, "poses: a video needs at least two frames"),
        ({}, r"poses\[0\]: a video needs a pose"),
        ({"poses": ("a.png", "b.png"), "depth": ("c.png",)}, "depth: video frames are conditioned on poses only"),
        (
            {"poses": ("a.png", "b.png"), "controls": {"canny": ("c.png",)}},
            "controls.canny: video frames are conditioned on poses only; remove controls.canny",
        ),
        ({"poses": ("a.png", "b.png"), "consistency": {"weight": 1}}, "consistency: frames see the first"),
        (
            {"poses": ("a.png", "b.png"), "sampling": {"upscale": 2}},
            "sampling.upscale: frames are references of later ones",
        ),
    ],
)
def test_a_spec_that_is_no_video_is_refused(references: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        demand_poses(order(references, **changes))


@pytest.mark.usefixtures("prefect_api", "led_settings")
@pytest.mark.slow
def test_a_pose_may_come_again_from_another_file(spec: Spec, tmp_path: Path) -> None:
    (tmp_path / "2.png").write_bytes((tmp_path / "0.png").read_bytes())
    summary = video(spec, 8)
    assert (summary.made, summary.failed) == (6, 0)  # 3 frames, 1 + 2 more drawn independently
    assert summary.clips[0].frames == 3


@pytest.mark.usefixtures("prefect_api")
@pytest.mark.slow
def test_frames_see_the_first_and_the_previous_and_a_rerun_draws_nothing(
    led_settings: Settings, spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[Reference]] = []

    def watched(backbone: Any, references: list[Reference], *rest: Any, **named: Any) -> list[Image.Image]:
        seen.append(list(references))
        return draw_cells(backbone, references, *rest, **named)

    monkeypatch.setattr(flows.execution.generate_batch, "generate", watched)
    first = video(spec, 8)
    assert (first.made, first.skipped, first.failed) == (7, 0, 0)  # 3 frames, 2 + 2 more drawn independently
    [clip] = first.clips
    assert clip.error is None
    assert set(clip.flicker) == {"video", "same noise", "own noise"}
    assert clip.flicker["own noise"] > clip.flicker["same noise"]
    assert clip.mp4 is not None
    assert clip.webp is not None
    with Image.open(clip.webp) as image:
        assert image.n_frames == 3
    assert clip.mp4.read_bytes()[4:8] == b"ftyp"
    assert not list(clip.mp4.parent.glob("*.partial"))
    cells = frames_of(first, led_settings)
    assert [len(references) for references in seen if len(references) > 1] == [2, 3]
    pictures = [open_picture(get_blob(Resources.open(led_settings).store, cell.image_sha256), "RGB") for cell in cells]
    assert [one.image.tobytes() for one in seen[-1][1:]] == [one.tobytes() for one in pictures[:2]]
    assert all(one.mask is None and set(one.layouts) == {"pose"} for one in seen[-1][1:])
    assert all(recipe_of_row(cell)["seed"] == 7 for cell in cells)
    seen.clear()
    again = video(spec, 8)
    assert (again.made, again.skipped, again.failed, seen) == (0, 7, 0, [])
    assert again.clips[0].flicker == clip.flicker
    assert again.clips[0].mp4 is not None
    assert again.clips[0].mp4.read_bytes() == clip.mp4.read_bytes()


@pytest.mark.slow
@pytest.mark.usefixtures("prefect_api")
def test_an_interrupted_video_goes_on_at_its_frame_and_a_lost_frame_is_drawn_alone(
    led_settings: Settings, spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stops(backbone: Any, references: list[Reference], *rest: Any, **named: Any) -> list[Image.Image]:
        if len(references) == 3:
            raise KeyboardInterrupt
        return draw_cells(backbone, references, *rest, **named)

    monkeypatch.setattr(flows.execution.generate_batch, "generate", stops)
    with pytest.raises(KeyboardInterrupt):
        video(spec, 8)
    monkeypatch.setattr(flows.execution.generate_batch, "generate", draw_cells)
    resumed = video(spec, 8)
    assert (resumed.made, resumed.skipped) == (1, 6)
    frames = frames_of(resumed, led_settings)
    Resources.open(led_settings).store.delete(blob_key(frames[1].image_sha256))
    mended = video(spec, 8)
    assert (mended.made, mended.skipped) == (1, 6)
    assert [one.image_sha256 for one in frames_of(mended, led_settings)] == [one.image_sha256 for one in frames]


@pytest.mark.slow
@pytest.mark.usefixtures("prefect_api")
def test_a_frame_that_fails_is_told_and_leaves_the_clip_without_a_file(
    led_settings: Settings, spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(backbone: Any, references: list[Reference], *rest: Any, **named: Any) -> list[Image.Image]:
        if len(references) == 2:
            raise RuntimeError("no second frame")
        return draw_cells(backbone, references, *rest, **named)

    monkeypatch.setattr(flows.execution.generate_batch, "generate", fails)
    summary = result_of(lambda: video(spec, 8))
    assert (summary.made, summary.failed) == (5, 2)
    [clip] = summary.clips
    assert (clip.mp4, clip.webp, clip.error) == (None, None, "RuntimeError: no second frame")
    assert set(clip.flicker) == {"same noise", "own noise"}
    with Resources.open(led_settings).catalog.read() as s:
        last = views.cell(s, frames_of(summary, led_settings)[-1].digest)
    assert (last.state, last.failures) == ("planned", 0), "it was no fault of its own"
    assert "before it is failed; it follows once that is generated" in str(last.error)
