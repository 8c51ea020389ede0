"""What the U-Net's loss looks at: the subject more than its scene, its face most."""

import random
from pathlib import Path

import torch

from dreamtuner.pocket.emphasis import FACE, SUBJECT, faces, load_emphasis
from dreamtuner.pocket.shards import draw_pictures, load_truth, render_shards
from dreamtuner.pocket.world import EXPRESSIONS, TRAIN, Context, render


def test_an_expression_changes_pixels_inside_the_faces_box_alone():
    pictures = draw_pictures(random.Random(3), TRAIN, 12)
    for picture, box in zip(pictures, faces(pictures), strict=True):
        drawn = [
            render([picture.identity], [Context(**{**vars(picture.context), "expression": e})]).image[0]
            for e in EXPRESSIONS
        ]
        changed = torch.stack([(d - drawn[0]).abs().amax(0) > 0.02 for d in drawn]).any(0).nonzero()
        top, left = changed.min(0).values.tolist()
        bottom, right = changed.max(0).values.tolist()
        assert box[0] - 1 <= left
        assert box[1] - 1 <= top
        assert right <= box[2] + 1
        assert bottom <= box[3] + 1


def test_weights_are_those_of_scenery_subject_and_face(tmp_path: Path):
    list(render_shards(tmp_path, 1, identities=8, processes=1))
    pictures = load_truth(tmp_path, 1)
    weights = load_emphasis(tmp_path, 1, pictures, 4)
    assert weights.shape == (32, 1, 16, 16)
    assert float(weights.min()) == 1.0
    assert float(weights.max()) <= FACE
    assert float(weights.amax((1, 2, 3)).min()) > (SUBJECT + FACE) / 2  # every picture has a face
    assert torch.all(weights[:, 0, 0, 0] <= SUBJECT)
