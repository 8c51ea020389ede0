"""What the tower is shown side by side: often pictures that class, scene and style do not tell apart."""

from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
import torch

from dreamtuner.pocket.training.clip import ALIKE, ClipStage
from dreamtuner.pocket.training.shards import Picture, Shards
from dreamtuner.pocket.world import TRAIN, Context

BATCHES = 80


@pytest.mark.slow
def test_many_batches_are_of_one_class_scene_and_style(monkeypatch: pytest.MonkeyPatch):
    rng = Random(0)
    pictures = [Picture(rng.choice(TRAIN), Context.draw(rng)) for _ in range(1000)]
    blank = np.zeros((1000, 64, 64, 3), np.uint8), np.full((1000, 64, 64), 255, np.uint8)
    stage = ClipStage(Shards(*blank, pictures), 4, torch.device("cpu"), None)
    batches: list[list[int]] = []

    class Watched(Random):
        def sample(self, population: Sequence[int], k: int) -> list[int]:  # type: ignore[override]
            batches.append(super().sample(population, k))
            return batches[-1]

    monkeypatch.setattr("dreamtuner.pocket.training.clip.random.Random", Watched)
    with torch.no_grad():
        for step in range(BATCHES):
            stage.loss(step, torch.Generator().manual_seed(step))
    shown = [[pictures[row] for row in rows] for rows in batches]
    alike = [len({(p.identity.class_word, p.context.scene, p.context.style) for p in batch}) == 1 for batch in shown]
    assert abs(sum(alike) / BATCHES - ALIKE) < 0.2
    assert len({p.identity_seed for batch in shown for p in batch}) > BATCHES
