"""An image made again from its recipe has the same pixels, or the inputs that differ are named."""

from importlib.metadata import version

import pytest
from PIL import Image

from flows.execution.replay.environment import differences, environment, made_with
from flows.execution.replay.replay import apart_by, replay
from flows.resources import Resources
from flows.settings import Settings
from flows.spec.problems import InputError
from storage.catalog import views
from tests.flows.conftest import MakeCells
from tests.flows.test_generate import digests

__all__ = ["digests"]


@pytest.mark.slow
def test_a_cell_is_made_again_in_its_batch_and_alone(
    make_cells: MakeCells, settings: Settings, digests: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_cells(digests[:3])
    resources = Resources.open(settings)
    done = replay(digests[1], resources)
    assert (done.same, done.same_bytes, done.differ, done.together, done.of) == (True, True, [], 3, 3)
    assert str(done) == "the same pixels; and the file is the same"
    alone = replay(digests[1], resources, alone=True)
    assert (alone.alike, alone.together, alone.of) == (True, 1, 3)
    assert alone.most <= 1
    monkeypatch.setattr("flows.execution.replay.replay.generate_together", _grey)
    grey = replay(digests[1], resources)
    assert (grey.alike, grey.same) == (False, False)
    assert "of the pixels differ, by " in str(grey)


def _grey(cells: object, resources: object) -> list[Image.Image]:
    return [Image.new("RGB", (64, 64), "grey")] * len(list(cells))  # type: ignore[call-overload]


def test_transparency_is_compared_too() -> None:
    red = Image.new("RGB", (8, 8), "red")
    cut, less = red.copy(), red.copy()
    cut.putalpha(255)
    less.putalpha(255)
    less.putpixel((3, 4), (255, 0, 0, 90))
    assert apart_by(cut, cut.copy()).max() == apart_by(red, cut).max() == apart_by(red, red).max() == 0
    assert [int(apart_by(*pair).max()) for pair in ((cut, less), (less, red), (red, less))] == [165] * 3
    assert (apart_by(cut, less) > 0).any(axis=2).sum() == 1
    assert apart_by(red, red.resize((9, 8))).max() == 255


def test_inputs_that_differ_are_named(settings: Settings) -> None:
    resources = Resources.open(settings)
    here = environment(resources)
    assert here["opencv-python-headless"] == version("opencv-python-headless")  # which cuts out
    recorded = made_with(resources, ["ab" * 32]) | {"torch": "1.0", "device": "NVIDIA H200", "gone": 1}
    assert differences(recorded, here) == [f"torch: 1.0, here {here['torch']}", "device: NVIDIA H200, here cpu"]
    assert differences(here, here) == []


def test_what_cannot_be_made_again_is_said(make_cells: MakeCells, settings: Settings, digests: list[str]) -> None:
    make_cells(digests[:1])
    resources = Resources.open(settings)
    with pytest.raises(InputError, match="is planned, so it has no image"):
        replay(digests[1], resources)
    with pytest.raises(InputError, match="is not in the catalog"):
        replay("ff" * 32, resources)
    with resources.catalog.read() as s:
        assert views.digests_beginning(s, [digests[1][:12], "f" * 12, digests[0][:12]]) == [digests[1], digests[0]]
