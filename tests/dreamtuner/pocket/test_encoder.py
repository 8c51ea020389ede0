"""What the subject-encoder is shown while it learns."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from dreamtuner.pocket.encoder import EncoderFactory
from dreamtuner.pocket.shards import PER_IDENTITY, load_layouts, load_shards
from dreamtuner.train.encoder import Examples


@pytest.fixture
def factory(workshop: Path) -> EncoderFactory:
    return EncoderFactory(workshop / "weights", workshop / "data/train", 1, workshop / "latents.npy", 16)


def _drawn(factory: EncoderFactory) -> Examples:
    return factory.build(torch.device("cpu")).draw(torch.Generator().manual_seed(0))


def _rows(workshop: Path, batch: Examples) -> tuple[list[int], list[int]]:
    """Of those with a layout: which training picture is seen, and which is drawn."""
    images = torch.from_numpy(load_shards(workshop / "data/train", 1).images).permute(0, 3, 1, 2).float().div(255)
    depths = torch.from_numpy(load_layouts(workshop / "data/train", 1, "depth")).permute(0, 3, 1, 2).float().div(255)

    def nearest(wanted: Tensor, among: Tensor, where: Tensor) -> int:
        return int(((among - wanted).abs().sum(1) * where).sum((1, 2)).argmin())

    subjects = batch.subjects[batch.layout]
    seen = [nearest(one, images, (one < 1).any(0)) for one in subjects]
    drawn = [nearest(one[:1], depths, torch.ones(one.shape[1:])) for one in batch.depth]
    return seen, drawn


def test_it_sees_another_picture_of_the_subject_and_depth_for_every_second(workshop: Path, factory: EncoderFactory):
    batch = _drawn(factory)
    assert batch.layout.diff().tolist() == [2] * 7
    seen, drawn = _rows(workshop, batch)
    assert all(a != b for a, b in zip(seen, drawn, strict=True))
    assert [row // PER_IDENTITY for row in seen] == [row // PER_IDENTITY for row in drawn]


def test_as_in_the_paper_it_sees_the_picture_itself_and_depth_always(workshop: Path, factory: EncoderFactory):
    batch = _drawn(replace(factory, own_picture=True))
    assert batch.layout.tolist() == list(range(16))
    seen, drawn = _rows(workshop, batch)
    assert seen == drawn
