"""A driving film: its poses through the estimator, frames without one, and a video that follows it."""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image, ImageDraw

from dreamtuner.plugins import PluginError
from dreamtuner.preprocess import estimators
from dreamtuner.preprocess.estimators import Estimate
from flows.ingestion.driving_film import film_poses
from flows.planning.preflight import demand_models
from flows.resources import Resources
from flows.settings import Settings
from flows.spec.model import Spec
from flows.spec.problems import InputError
from flows.video import video
from storage.catalog import views
from tests.flows.test_layouts import order


class Bars:
    """Finds a white bar on black as a yellow bone; in a frame without a bar, nobody."""

    name, version = "bars", "1"
    kind: ClassVar[str] = "pose"
    looked: ClassVar[list[tuple[int, int]]] = []

    def estimate(self, image: Image.Image) -> Estimate:
        self.looked.append(image.size)
        columns = np.asarray(image.convert("L")).mean(axis=0)
        if columns.max() < 128:
            return Estimate(None, notes=("nobody is there",))
        drawn = Image.new("RGB", image.size)
        x = int(columns.argmax())
        ImageDraw.Draw(drawn).line([x, image.height // 8, x, image.height * 3 // 4], "yellow", 2)
        return Estimate(drawn, 0.9)


def bar(x: int | None, i: int = 0) -> Image.Image:
    """A wide frame, in whose middle square the bar stands at x of 64. `i` makes empty frames differ."""
    frame = Image.new("RGB", (96, 64), (8 * i, 0, 0))
    if x is not None:
        ImageDraw.Draw(frame).rectangle([16 + x, 0, 18 + x, 63], "white")
    return frame


def film(path: Path, places: list[int | None]) -> Path:
    first, *others = [bar(x, i) for i, x in enumerate(places)]
    first.save(path, save_all=True, append_images=others, duration=100, lossless=True)
    return path


def spec_of(references: Path, place: Path, **fields: Any) -> Spec:
    prompts = [one["prompt"] for one in fields.get("scenes", ())] or ["a {subject}"]
    return order(references, seeds=(7,), prompts=tuple(prompts), video={"film": str(place), **fields})


def bones(poses: list[tuple[str, bytes]], folder: Path) -> list[int]:
    found = []
    for _, data in poses:
        (folder / "pose.png").write_bytes(data)
        with Image.open(folder / "pose.png") as image:
            found.append(int(np.asarray(image.resize((64, 64))).astype(int).sum(axis=(0, 2)).argmax()))
    return found


@pytest.fixture
def bars(monkeypatch: pytest.MonkeyPatch) -> type[Bars]:
    """The estimator of poses of this installation."""

    def estimator_of(kind: str, name: str | None = None) -> Bars:
        if (kind, name) not in {("pose", None), ("pose", "bars")}:
            raise PluginError(f"unknown estimator {name!r}")
        return Bars()

    Bars.looked.clear()
    monkeypatch.setattr(estimators, "estimator_of", estimator_of)
    return Bars


def poses_of(spec: Spec, settings: Settings, size: tuple[int, int] = (64, 64)) -> list[tuple[str, bytes]]:
    assert spec.video is not None
    return film_poses(spec, spec.video, settings, Bars(), size)


def test_a_film_is_cropped_resampled_and_estimated_once_a_frame(
    settings: Settings, references: Path, tmp_path: Path
) -> None:
    place = film(tmp_path / "a.webp", [8, 16, 24, 32, 40, 48])
    Bars.looked.clear()
    found = poses_of(spec_of(references, place), settings)
    assert [abs(a - b) <= 2 for a, b in zip(bones(found, tmp_path), [9, 17, 25, 33, 41, 49], strict=True)] == [True] * 6
    assert Bars.looked == [(128, 128)] * 6, "whole multiples of the image, about as large as the film"
    assert found[5][0] == f"{place}, frame 5"
    assert len(poses_of(spec_of(references, place, frames=3), settings)) == 3
    Bars.looked.clear()
    assert len(poses_of(spec_of(references, place, frames=12), settings)) == 12
    assert len(Bars.looked) == 6


def test_frames_without_a_pose_are_named_or_hold_the_nearest(
    settings: Settings, references: Path, tmp_path: Path
) -> None:
    place = film(tmp_path / "a.webp", [8, None, 24, None, None, 48])
    said = r"video\.film: .*a\.webp: no pose was found in 3 of 6 frames: 1 \(0\.10 s\), 3 \(0\.30 s\), 4 \(0\.40 s\); "
    with pytest.raises(InputError, match=said + "cut them out, or set video.missing: hold"):
        poses_of(spec_of(references, place), settings)
    held = bones(poses_of(spec_of(references, place, missing="hold"), settings), tmp_path)
    assert [abs(a - b) <= 2 for a, b in zip(held, [9, 9, 25, 25, 49, 49], strict=True)] == [True] * 6
    empty = film(tmp_path / "b.webp", [None, None])
    with pytest.raises(InputError, match="no pose was found in any frame; give a film that shows one person whole"):
        poses_of(spec_of(references, empty, missing="hold"), settings)
    with pytest.raises(InputError, match=r"video\.film: .*c\.webp: is neither a file nor a folder"):
        poses_of(spec_of(references, tmp_path / "c.webp"), settings)


def test_a_film_needs_an_estimator_that_is_here(led_settings: Settings, references: Path, tmp_path: Path) -> None:
    spec = spec_of(references, film(tmp_path / "a.webp", [8, 16]))
    with pytest.raises(InputError, match=r"video\.film: the estimator dwpose needs .*dreamtuner models fetch dwpose"):
        demand_models(spec, Resources.open(led_settings))
    assert not led_settings.home.exists()


@pytest.mark.slow
@pytest.mark.usefixtures("prefect_api", "bars")
def test_a_looped_video_follows_a_film_and_a_rerun_makes_nothing(
    led_settings: Settings, references: Path, tmp_path: Path
) -> None:
    place = film(tmp_path / "a.webp", [8, 16, 24, 32, 24, 16])
    scenes = [{"at": 0, "prompt": "a {subject}"}, {"at": 2, "prompt": "a {subject} at night", "fade": 1}]
    more = {"frames": 4, "loop": True, "scenes": scenes, "earlier": {"weight": 0.5, "noise": "image"}}
    spec = spec_of(references, place, **more)
    first = video(spec, 8)
    assert (first.failed, [clip.error for clip in first.clips]) == (0, [None])
    [clip] = first.clips
    assert clip.frames == 4
    assert clip.mp4 is not None
    again = video(spec, 8)
    assert (again.made, again.failed, again.clips[0].flicker) == (0, 0, clip.flicker)
    assert again.clips[0].mp4 is not None
    assert again.clips[0].mp4.read_bytes() == clip.mp4.read_bytes()
    with Resources.open(led_settings).catalog.read() as s:
        cells = [views.cell(s, one.digest) for one in views.cells_of_run(s, first.run)]
    assert {cell.settings.get("blend", {}).get("share") for cell in cells} == {None, 0.5}
    named = [set(cell.settings["frames"]) for cell in cells if "frames" in cell.settings]
    assert all("use" in one for one in named)
    assert sum("next" in one for one in named) == 2
