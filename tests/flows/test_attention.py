"""Attention maps of drawn cells: by digest and by file, compared with what is stored, bad input named."""

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from dreamtuner.sampling import generate as generating
from flows.attention import store_map
from flows.execution.attention_map import attention_map, difference, point_of
from flows.resources import Resources
from flows.settings import Settings
from flows.spec.problems import InputError
from storage.catalog import garbage, views
from storage.objects import get_blob
from tests.flows.conftest import MakeCells
from tests.flows.test_generate import digests

__all__ = ["digests"]


@pytest.mark.slow
def test_a_drawn_cell_is_mapped_by_its_digest_and_by_its_file(
    make_cells: MakeCells, settings: Settings, digests: list[str], tmp_path: Path
) -> None:
    make_cells(digests[:1])
    made = attention_map(digests[0], "0.5,0.3", Resources.open(settings))
    assert made.redrawn == "The image regenerated from its recipe equals the stored one bit for bit."
    assert list(made.shares) == ["step 10 of 20", "step 20 of 20"]
    assert all(0 < share < 1 for share in made.shares.values())
    with Resources.open(settings).catalog.read() as s:
        stored = views.cell(s, digests[0]).image_sha256
    assert stored is not None
    (tmp_path / "cell.png").write_bytes(get_blob(Resources.open(settings).store, stored))
    again = attention_map(str(tmp_path / "cell.png"), "0.5,0.3", Resources.open(settings))
    assert (again.digest, again.image.tobytes()) == (made.digest, made.image.tobytes())


@pytest.mark.slow
def test_a_cell_of_an_offloaded_model_in_a_batch_of_its_own_is_the_same(
    make_cells: MakeCells, settings: Settings, digests: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[int] = []
    original = generating.generate_batch

    def counted(backbone: Any, cells: Any, *args: Any, **kwargs: Any) -> Any:
        batches.append(len(cells))
        return original(backbone, cells, *args, **kwargs)

    monkeypatch.setattr(generating, "generate_batch", counted)
    monkeypatch.setenv("DREAMTUNER_OFFLOAD", "group")
    monkeypatch.setenv("DREAMTUNER_BATCH", "1")
    make_cells(digests[:2])
    assert batches == [1, 1]
    made = attention_map(digests[0], "0.5,0.3", Resources.open(settings))
    assert made.redrawn == "The image regenerated from its recipe equals the stored one bit for bit."


def test_a_map_is_kept_with_the_picture_that_it_is_of(
    make_cells: MakeCells, settings: Settings, digests: list[str]
) -> None:
    make_cells(digests[:1])
    made = attention_map(digests[0], "0.5,0.25", Resources.open(settings))
    sha256 = store_map(made, Resources.open(settings))
    assert store_map(made, Resources.open(settings)) == sha256
    with Resources.open(settings).catalog.read() as s:
        output_id = views.cell(s, digests[0]).output_id
        assert output_id is not None
        kept = views.attention_maps(s, output_id, made.image_sha256)
        assert [(one.map_sha256, one.x, one.y, one.said) for one in kept] == [(sha256, 0.5, 0.25, made.redrawn)] * 2
        assert views.attention_maps(s, output_id, "0" * 64) == []  # of the picture that was there before
        assert garbage.garbage(s) == 0
    assert Image.open(io.BytesIO(get_blob(Resources.open(settings).store, sha256))).size == made.image.size


def test_what_cannot_be_mapped_is_named(settings: Settings, digests: list[str], tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "plain.png")
    (tmp_path / "text.png").write_text("no picture")
    for cell, said in (
        (digests[0], "is planned, so it has no image"),
        ("0" * 64, "is not in the catalog"),
        (str(tmp_path / "plain.png"), "contains no recipe"),
        (str(tmp_path / "text.png"), "cannot be read as an image"),
        (str(tmp_path / "none.png"), "cannot be read as an image"),
    ):
        with pytest.raises(InputError, match=said):
            attention_map(cell, "0.5,0.5", Resources.open(settings))
    for point in ("0.5", "a,b", "0.5,1.5", "nan,0", "0,0,0"):
        with pytest.raises(InputError, match=r"attention: point: .* is not x,y"):
            point_of(point)
    assert point_of("0,1") == (0.0, 1.0)


def test_a_redrawn_picture_that_differs_is_told_from_one_that_is_rounded() -> None:
    black = Image.new("RGB", (4, 4))
    assert "equals the stored one bit for bit" in difference(black, black.copy())
    assert "but for rounding (100.0 % of pixels, by 2)" in difference(black, Image.new("RGB", (4, 4), (0, 0, 2)))
    assert "DIFFERS from the stored one in 100.0 % of pixels, by up to 9 of 255" in difference(
        black, Image.new("RGB", (4, 4), (9, 0, 0))
    )
    assert "this map is not of it" in difference(black, Image.new("RGB", (8, 4)))
