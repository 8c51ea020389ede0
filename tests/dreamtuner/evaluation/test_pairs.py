"""Pairs: each box is read alone, and swapped subjects are found out."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dreamtuner.evaluation import cache as caches
from dreamtuner.evaluation.cache import EvaluationCache
from dreamtuner.evaluation.pairs import measure
from dreamtuner.evaluation.pairs.measure import (
    BOXES,
    POSED,
    ROWS,
    WIDE,
    digest_of,
    measure_pair,
    measure_pairs,
    pictures_of,
)
from dreamtuner.evaluation.pairs.request import PairRequest, pair_requests
from dreamtuner.evaluation.pairs.sheet import pair_sheet
from dreamtuner.models.profiles import get_profile
from dreamtuner.pocket.world import VALIDATION
from dreamtuner.score.oracle import Oracle
from tests.dreamtuner.evaluation.cells_in_memory import CellsInMemory


def drawn(one: PairRequest) -> Image.Image:
    return Image.fromarray((one.rendered.image[0].permute(1, 2, 0) * 255).round().byte().numpy())


def test_pairs_are_the_same_at_every_count_and_stand_left_and_right() -> None:
    few, more = pair_requests(3, VALIDATION), pair_requests(6, VALIDATION)
    assert list(few) == list(more)[: len(few)]
    for one in few:
        left, right = (one.regions[each] for each in one.pair)
        assert left[0] + left[2] < right[0] + right[2]
        assert all(0 <= side <= 1 for side in (*left, *right))
        assert one.pose.size == (64, 64)
    assert pair_sheet(few, {"as drawn": [drawn(one) for one in few]}).height > 3 * 128


@pytest.mark.slow
def test_true_pictures_read_as_their_own_and_mirrored_ones_as_the_other() -> None:
    oracle = Oracle.load(get_profile("pocket").weights / "oracle")
    requests = pair_requests(12, VALIDATION)
    true = [measure_pair(oracle, one, drawn(one)) for one in requests]
    swapped = [
        measure_pair(
            oracle,
            PairRequest((one.pair[1], one.pair[0]), one.seed),
            drawn(one).transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        )
        for one in requests
    ]
    mean = {name: float(np.nanmean([each[name] for each in true])) for name in ("weaker", "leakage", "classes")}
    assert mean["weaker"] > 0.6
    assert mean["leakage"] < 0.25
    assert float(np.nanmean([each["leakage"] for each in swapped])) > mean["leakage"] + 0.2


def test_a_wide_image_is_read_half_by_half_and_swapped_halves_as_the_other() -> None:
    oracle = Oracle.load(get_profile("pocket").weights / "oracle")
    requests = pair_requests(6, VALIDATION)
    asked = {"weaker": 1.0, "leakage": 0.0}
    for swapped in (False, True):
        found = []
        for one in requests:
            alike = [one.reference(each).image for each in one.pair]
            wide = Image.new("RGB", (128, 64))
            for half, image in zip((0, 64), reversed(alike) if swapped else alike, strict=True):
                wide.paste(image, (half, 0))
            found.append(measure_pair(oracle, one, wide))
        mean = {name: float(np.nanmean([each[name] for each in found])) for name in asked}
        assert mean == pytest.approx({"weaker": 0.0, "leakage": 1.0} if swapped else asked, abs=0.4)
    assert pair_sheet(requests[:2], {WIDE: [wide, wide]}).width > 5 * 128


def test_lost_images_of_a_sheet_are_generated_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(measure, "drawn", lambda *_: Image.new("RGB", (64, 64)))
    monkeypatch.setattr(measure, "measure_pair", lambda *_: {"weaker": 0.5})
    bench: Any = SimpleNamespace(backbone=None, oracle=None, profile=get_profile("pocket"))
    cells, requests = CellsInMemory(), pair_requests(3, VALIDATION)
    cache, said = EvaluationCache(tmp_path, cells, get_profile("pocket")), list[str]()
    measure_pairs(bench, cache, requests, [BOXES], said.append)
    cells.lose_all()
    with pytest.raises(KeyError):
        pictures_of(cache, requests[:2], BOXES)
    measure_pairs(bench, cache, requests, [BOXES], said.append, pictured=2)
    assert len(pictures_of(cache, requests[:2], BOXES)) == 2
    assert cells.saved == 5, "the third is not shown"


def test_the_pose_controlnet_decides_the_posed_row_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    [one, *_], by_parts = pair_requests(1, VALIDATION), caches.parts_digest

    def digests(change: Callable[..., str]) -> dict[str, str]:
        monkeypatch.setattr(caches, "parts_digest", change)
        cache = EvaluationCache(tmp_path, CellsInMemory(), get_profile("pocket"))
        return {row: digest_of(cache, one, row) for row in ROWS}

    before = digests(by_parts)
    after = digests(lambda profile, parts: "other" if "controlnet-pose" in parts else by_parts(profile, parts))
    assert [row for row in ROWS if before[row] != after[row]] == [POSED]
