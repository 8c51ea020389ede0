"""What the U-Net's loss looks at: the subject more than its scene, its small parts most."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from dreamtuner.pocket.training.loss_weights import PARTS, SUBJECT, boxes, load_emphasis
from dreamtuner.pocket.training.shards import Picture, draw_pictures, load_truth, render_shards, shard_files
from dreamtuner.pocket.world import EXPRESSIONS, TRAIN, render
from dreamtuner.pocket.world.identity import EMBLEMS, HATS, SHAPES, Identity


def _drawn(identity: Identity, picture: Picture, **context: str) -> Tensor:
    return render([identity], [replace(picture.context, **context)]).image[0]


def _versions(part: str, picture: Picture) -> list[Tensor]:
    """The picture by everything that the part can be."""
    identity = picture.identity
    if part == "face":
        return [_drawn(identity, picture, expression=expression) for expression in EXPRESSIONS]
    if part == "hat":
        return [_drawn(replace(identity, hat=hat), picture) for hat in HATS]
    return [_drawn(replace(identity, emblem=emblem), picture) for emblem in EMBLEMS]


@pytest.mark.slow
@pytest.mark.parametrize("part", ["face", "hat", "emblem"])
def test_what_a_part_can_be_changes_pixels_inside_its_box_alone(part: str):
    pictures = draw_pictures(random.Random(3), TRAIN, 12)
    for picture, box in zip(pictures, boxes(PARTS[part], pictures), strict=True):
        drawn = _versions(part, picture)
        changed = torch.stack([(d - drawn[0]).abs().amax(0) > 0.02 for d in drawn]).any(0).nonzero()
        top, left = changed.min(0).values.tolist()
        bottom, right = changed.max(0).values.tolist()
        assert box[0] - 1 <= left
        assert box[1] - 1 <= top
        assert right <= box[2] + 1
        assert bottom <= box[3] + 1


def test_the_trunks_width_changes_most_inside_its_box():
    """Arms begin at the trunk's sides, so some pixels beyond its box change with it."""
    pictures = draw_pictures(random.Random(3), TRAIN, 12)
    for picture, box in zip(pictures, boxes(PARTS["trunk"], pictures), strict=True):
        slim, wide = (_drawn(replace(picture.identity, shape=shape), picture) for shape in (SHAPES[0], SHAPES[-1]))
        y, x = ((slim - wide).abs().amax(0) > 0.02).nonzero().unbind(1)
        inside = (box[0] - 1 <= x) & (x <= box[2] + 1) & (box[1] - 1 <= y) & (y <= box[3] + 1)
        assert float(inside.float().mean()) > 0.75


@pytest.mark.slow
def test_weights_are_those_of_scenery_subject_and_parts(tmp_path: Path):
    list(render_shards(tmp_path, 1, identities=8, processes=1))
    pictures = load_truth(tmp_path, 1)
    weights = load_emphasis(shard_files(tmp_path, 1), pictures, 4)
    highest = max(part.weight for part in PARTS.values())
    assert weights.shape == (32, 1, 16, 16)
    assert float(weights.min()) == 1.0
    assert float(weights.max()) <= highest
    assert float(weights.amax((1, 2, 3)).min()) > (SUBJECT + highest) / 2  # every picture has a face
    assert torch.all(weights[:, 0, 0, 0] <= SUBJECT)
