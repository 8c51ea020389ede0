"""Figures of the larger world: a model that shows what is asked is read as one; one that swaps two subjects is not."""

from collections.abc import Sequence

import pytest
import torch
from PIL import Image

from dreamtuner.evaluation import views_and_pairs
from dreamtuner.evaluation.views_and_pairs import pair_metrics, sample_pairs, sample_views, view_metrics
from dreamtuner.pocket.training.oracle import READ, truth
from dreamtuner.pocket.training.shards import Pair
from dreamtuner.pocket.world import VALIDATION, visible
from dreamtuner.score.oracle import Oracle

BLANK = [Image.new("RGB", (64, 64))]


class Knows(Oracle):
    """Reads, batch by batch, what it is told to."""

    def __init__(self, *batches: Sequence[dict[str, str]]) -> None:
        super().__init__(READ)
        self.batches = list(batches)

    def read(self, pictures: torch.Tensor) -> list[dict[str, str]]:
        return list(self.batches.pop(0))


@pytest.fixture(autouse=True)
def _blank(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views_and_pairs, "draw", lambda pipe, prompts, say: BLANK * len(prompts))


def _quiet(line: str) -> None:
    pass


def _values(pairs: Sequence[Pair], *, swapped: bool) -> dict[str, float]:
    left, right = ([truth(pair[k]) for pair in pairs] for k in (0, 1))
    sides = (right, left) if swapped else (left, right)
    return {f.name: f.value for f in pair_metrics(Knows(*sides), None, pairs, _quiet)}


def test_two_subjects_count_on_their_own_sides():
    pairs = sample_pairs(12, VALIDATION)
    assert all(a.context.x < b.context.x for a, b in pairs)
    assert set(_values(pairs, swapped=False).values()) == {1.0}
    alike = sum(a.identity.class_word == b.identity.class_word for a, b in pairs) / len(pairs)
    assert _values(pairs, swapped=True)["both classes"] == pytest.approx(alike)


def test_what_a_view_hides_is_not_asked_of_it():
    asked = sample_views(6, VALIDATION)
    wrong = []
    for picture in asked:
        shown = visible(picture.identity, picture.context)
        hidden = {name: "nothing" for name in truth(picture) if name in ("emblem", "hat", "eyes") and name not in shown}
        wrong.append(truth(picture) | hidden)
    assert any("nothing" in read.values() for read in wrong)
    assert {f.value for f in view_metrics(Knows(wrong), None, asked, _quiet)} == {1.0}
