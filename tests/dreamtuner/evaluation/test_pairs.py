"""Pairs: each box is read alone, and swapped subjects are found out."""

import numpy as np
import pytest
from PIL import Image

from dreamtuner.evaluation.pairs.measure import measure_pair
from dreamtuner.evaluation.pairs.request import PairRequest, pair_requests
from dreamtuner.evaluation.pairs.sheet import pair_sheet
from dreamtuner.models.profiles import get_profile
from dreamtuner.pocket.world import VALIDATION
from dreamtuner.score.oracle import Oracle


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
