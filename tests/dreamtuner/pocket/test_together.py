"""Several subjects in one picture: masks, boxes and joints of each, and captions that tell them apart."""

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dreamtuner.pocket.training.loss_weights import PARTS, boxes, load_pair_emphasis
from dreamtuner.pocket.training.oracle import alone
from dreamtuner.pocket.training.shards import draw_pairs, load_pair_truth, render_shards, shard_file
from dreamtuner.pocket.world import TRAIN, Context, Identity, draw_pair, pair_caption, render, render_together
from dreamtuner.pocket.world.captions import sample_pair_caption
from dreamtuner.pocket.world.together import Cast


def _casts(count: int) -> list[Cast]:
    pairs = draw_pairs(random.Random(5), TRAIN, count)
    return [[(p.identity, p.context) for p in pair] for pair in pairs]


def test_one_subject_is_rendered_as_ever():
    rng = random.Random(2)
    identities, contexts = (
        [Identity.from_seed(rng.choice(TRAIN)) for _ in range(5)],
        [Context.draw(rng) for _ in range(5)],
    )
    contexts[1] = replace(contexts[1], view="side", framing="close-up")
    together = render_together([[one] for one in zip(identities, contexts, strict=True)])
    drawn = render(identities, contexts)
    for mine, ever in ((together.image, drawn.image), (together.depth, drawn.depth), (together.pose, drawn.pose)):
        torch.testing.assert_close(mine, ever, atol=1e-5, rtol=0)
    torch.testing.assert_close(together.masks, drawn.mask, atol=1e-5, rtol=0)
    torch.testing.assert_close(together.joints[:, 0], drawn.joints)


def test_masks_say_which_pixels_are_whose():
    casts = _casts(6)
    drawn = render_together(casts)
    for k in range(2):
        # only a colour that the subject lacks changes all of it; what changes lies in its mask
        others = [[*cast] for cast in casts]
        for other in others:
            identity, context = other[k]
            other[k] = (replace(identity, emblem="heart", eyes="glasses", hat="no hat", primary="white"), context)
        changed = (render_together(others).image - drawn.image).abs().amax(1) > 0.05
        assert not changed[(drawn.masks[:, k] == 0) & (drawn.masks[:, 1 - k] == 1)].any()
    assert float(drawn.masks.sum(1).max()) <= 1.0 + 1e-6


def test_boxes_hold_each_whole_subject_and_depth_says_who_stands_in_front():
    drawn = render_together(_casts(6))
    seen = drawn.masks > 0.5
    for picture in range(6):
        for k in range(2):
            left, top, right, bottom = drawn.boxes[picture, k].long().tolist()
            inside = torch.zeros(64, 64, dtype=torch.bool)
            inside[top:bottom, left:right] = True
            assert not (seen[picture, k] & ~inside).any()
        behind, before = (drawn.depth[picture, 0][seen[picture, k]].max() for k in range(2))
        assert behind < before


def test_pairs_stand_apart_and_hide_little_of_one_another():
    casts = _casts(24)
    drawn = render_together(casts)
    alone_behind = render_together([cast[:1] for cast in casts])
    share = (drawn.masks[:, 0] > 0.5).sum((1, 2)) / (alone_behind.masks[:, 0] > 0.5).sum((1, 2))
    assert float(share.min()) > 0.7
    assert float(share.min()) < 1.0  # some overlap


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scene": "at night"}, r"casts\[0\]: its subjects differ in scene"),
        ({"seed": 1}, r"casts\[0\]: its subjects differ in seed"),
    ],
)
def test_a_picture_has_one_scene(change: dict[str, object], message: str):
    ((first, (identity, context)),) = [tuple(cast) for cast in _casts(1)]
    with pytest.raises(ValueError, match=message):
        render_together([[first, (identity, replace(context, **{"scene": "in a room", "seed": 5} | change))]])


def test_as_many_subjects_in_every_picture():
    casts = _casts(2)
    with pytest.raises(ValueError, match=r"casts\[1\]: 1 subjects, but 2 in the first"):
        render_together([casts[0], casts[1][:1]])
    with pytest.raises(ValueError, match="casts: no subject"):
        render_together([])


def test_captions_name_subjects_from_left_to_right():
    bear = Identity("bear", "red", "blue", "green", "stripes", "star", "crown", "big eyes", "medium")
    robot = replace(bear, class_word="robot")
    left = Context("on the beach", "waving", "natural", "smiling", x=-0.4)
    right = Context("on the beach", "sitting", "natural", x=0.4, view="back")
    words = "a photo of a bear and a robot on the beach, left waving, smiling, right sitting, seen from behind"
    assert pair_caption([(bear, left), (robot, right)]) == words
    assert pair_caption([(robot, right), (bear, left)]) == words
    assert pair_caption([(robot, right), (bear, left)], ["blue robot", "bear"], (True, False)) == (
        "a photo of a bear and a blue robot on the beach, right sitting, seen from behind"
    )


def test_training_captions_name_both_classes():
    rng = random.Random(0)
    for cast in _casts(10):
        words = sample_pair_caption(rng, cast)
        assert all(identity.class_word in words for identity, _ in cast)


def test_a_subject_alone_is_its_box_enlarged():
    picture = torch.rand(2, 3, 64, 64)
    whole = torch.tensor([[0.0, 0.0, 64.0, 64.0]] * 2) / 1.15 + 64 * (1 - 1 / 1.15) / 2
    torch.testing.assert_close(alone(picture, whole), picture, atol=1e-5, rtol=0)
    drawn = render_together(_casts(1))
    filled = alone((drawn.masks[:, 1:] > 0.5).float(), drawn.boxes[:, 1])[0, 0] > 0.5
    rows, columns = filled.any(1).nonzero(), filled.any(0).nonzero()
    assert max(rows[-1] - rows[0], columns[-1] - columns[0]) >= 50


@pytest.mark.slow
def test_shards_of_pairs_hold_both_subjects(tmp_path: Path):
    list(render_shards(tmp_path, 1, identities=2, processes=1, kind="pairs"))
    truth = load_pair_truth(tmp_path, 1)
    drawn = render_together([[(p.identity, p.context) for p in pair] for pair in truth])
    with np.load(shard_file(tmp_path, 0, "pairs")) as shard:
        assert shard["masks"].shape == (8, 2, 64, 64)
        assert np.abs(shard["boxes"].astype(float) - drawn.boxes.numpy()).max() <= 1
        assert np.abs(shard["depth"][..., 0] / 255 - drawn.depth[:, 0].numpy()).max() < 0.01
    weights = load_pair_emphasis([shard_file(tmp_path, 0, "pairs")], truth, 4)
    assert weights.shape == (8, 1, 16, 16)
    for k in range(2):  # both emblems count
        middle = boxes(PARTS["emblem"], [pair[k] for pair in truth])
        x, y = ((middle[:, 0] + middle[:, 2]) / 8).long(), ((middle[:, 1] + middle[:, 3]) / 8).long()
        assert all(float(weights[i, 0, y[i], x[i]]) > 20 for i in range(8))


def test_a_pair_shares_scene_style_and_details():
    for seed in range(20):
        a, b = draw_pair(random.Random(seed))
        assert (a.scene, a.style, a.seed) == (b.scene, b.style, b.seed)
        assert a.x * b.x < 0
