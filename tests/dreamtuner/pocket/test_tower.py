"""What the tower is shown side by side: often pictures that class, scene and style do not tell apart."""

from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
import torch

from dreamtuner.pocket.tower import ALIKE, TowerFactory

BATCHES = 80


def test_many_batches_are_of_one_class_scene_and_style(workshop: Path, monkeypatch: pytest.MonkeyPatch):
    stage = TowerFactory(workshop / "data/train", 1, 4).build(torch.device("cpu"))
    batches: list[list[int]] = []

    class Watched(Random):
        def sample(self, population: Sequence[int], k: int) -> list[int]:  # type: ignore[override]
            batches.append(super().sample(population, k))
            return batches[-1]

    monkeypatch.setattr("dreamtuner.pocket.tower.random.Random", Watched)
    with torch.no_grad():
        for step in range(BATCHES):
            stage.loss(step, torch.Generator().manual_seed(step))
    pictures = [[stage.pictures[row] for row in rows] for rows in batches]
    alike = [len({(p.identity.class_word, p.context.scene, p.context.style) for p in batch}) == 1 for batch in pictures]
    assert abs(sum(alike) / BATCHES - ALIKE) < 0.2
    assert len({p.identity_seed for batch in pictures for p in batch}) > 4
