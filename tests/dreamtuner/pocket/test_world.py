"""The pocket world: who is who, what is drawn, and that the truth it states is true."""

import random
from dataclasses import replace

import pytest
import torch

from dreamtuner.pocket.world import CLASSES, HELD_OUT, POSES, SCENES, TEST, TRAIN, VALIDATION, Context, Identity, render
from dreamtuner.pocket.world.captions import caption, detailed_caption, sheet_caption
from dreamtuner.pocket.world.identity import ATTRIBUTES, COLOURS, COUNT


def _drawn(count: int, seed: int = 0) -> tuple[list[Identity], list[Context]]:
    rng = random.Random(seed)
    return [Identity.from_seed(rng.choice(TRAIN)) for _ in range(count)], [Context.draw(rng) for _ in range(count)]


@pytest.mark.slow
def test_seeds_never_share_an_identity():
    assert COUNT > 10**6
    seeds = random.Random(0).sample(range(COUNT), 60_000)
    assert len({Identity.from_seed(seed) for seed in seeds}) == len(seeds)


def test_training_never_sees_a_held_out_combination_of_class_and_colours():
    def triples(seeds: range, count: int) -> set[tuple[str, str, str]]:
        drawn = (Identity.from_seed(seed) for seed in random.Random(1).sample(seeds, count))
        return {(i.class_word, i.primary, i.secondary) for i in drawn}

    seen, held = triples(TRAIN, 20_000), triples(HELD_OUT, 5_000)
    assert not seen & held
    assert len(seen) == 6 * 8 * 6
    assert len(held) == 6 * 8


def test_held_out_seeds_are_apart_from_training():
    assert not set(TRAIN) & set(HELD_OUT)
    assert set(VALIDATION) | set(TEST) == set(HELD_OUT)
    assert not set(VALIDATION) & set(TEST)
    assert max(HELD_OUT) == COUNT - 1


def test_every_attribute_occurs_in_the_held_out_range():
    identities = [Identity.from_seed(seed) for seed in random.Random(0).sample(HELD_OUT, 3000)]
    for name, choices in ATTRIBUTES.items():
        assert {getattr(identity, name) for identity in identities} == set(choices)
    assert all(len({i.primary, i.secondary, i.accent}) == 3 for i in identities)


def test_a_seed_out_of_range_is_refused():
    with pytest.raises(ValueError, match=str(COUNT)):
        Identity.from_seed(COUNT)


def test_a_context_refuses_unknown_words():
    with pytest.raises(ValueError, match="scene: 'on the moon'"):
        Context(scene="on the moon", pose="standing", style="natural")


def test_rendering_is_the_same_alone_and_in_a_batch():
    identities, contexts = _drawn(24)
    batch = render(identities, contexts)
    for i in (0, 7, 23):
        alone = render([identities[i]], [contexts[i]])
        for field in ("image", "mask", "depth", "pose", "joints"):
            torch.testing.assert_close(getattr(alone, field)[0], getattr(batch, field)[i], atol=1e-5, rtol=0)


def test_the_mask_is_exact():
    """Another subject in the same place changes pixels only where one of the two masks says a subject is."""
    identities, contexts = _drawn(32, seed=3)
    others = [Identity.from_seed(random.Random(i).choice(HELD_OUT)) for i in range(32)]
    one, other = render(identities, contexts), render(others, contexts)
    changed = ((one.image - other.image).abs().amax(1, keepdim=True) > 1e-4).float()
    background = (one.mask == 0) & (other.mask == 0)
    assert float(changed[background].max()) == 0.0
    assert float(changed[(one.mask == 1) & (other.mask == 1)].mean()) > 0.5


def test_subjects_fill_the_height_they_should():
    identities, contexts = _drawn(64, seed=1)
    rows = (render(identities, contexts).mask[:, 0] > 0.5).any(2)
    heights = rows.sum(1) / rows.shape[1]
    assert float(heights.mean()) > 0.7
    assert float(heights.min()) > 0.5


def test_joints_lie_on_the_subject_and_the_subject_is_nearer_than_the_scene():
    identities, contexts = _drawn(32, seed=2)
    drawn = render(identities, contexts)
    for picture in range(32):
        for x, y in drawn.joints[picture].tolist():
            column, row = min(63, max(0, int(x))), min(63, max(0, int(y)))
            assert drawn.mask[picture, 0, row, column] > 0.5
    subject = drawn.mask > 0.99
    assert float(drawn.depth[subject].min()) >= 0.6
    assert float(drawn.depth[drawn.mask == 0].max()) <= 0.6


def test_poses_scenes_and_styles_change_the_picture():
    identity = [Identity.from_seed(5)]
    base = Context(scene=SCENES[0], pose=POSES[0], style="natural")
    pictures = [render(identity, [replace(base, pose=pose)]).image for pose in POSES]
    pictures += [render(identity, [replace(base, scene=scene)]).image for scene in SCENES[1:]]
    pictures.append(render(identity, [replace(base, style="anime")]).image)
    for i, first in enumerate(pictures):
        for second in pictures[:i]:
            assert float((first - second).abs().mean()) > 0.005


def test_captions_say_class_and_context_and_withhold_identity():
    identities, contexts = _drawn(50)
    for identity, context in zip(identities, contexts, strict=True):
        plain, detailed = caption(identity, context), detailed_caption(identity, context)
        for words in (plain, detailed):
            assert identity.class_word in words
            assert context.scene in words
            assert context.pose in words
        assert not any(colour in plain for colour in COLOURS)
        for name in ATTRIBUTES:
            assert getattr(identity, name) in detailed


def test_a_sheet_names_its_class_once_and_both_contexts():
    identities, contexts = _drawn(2)
    words = sheet_caption(identities[0], contexts[0], contexts[1])
    assert sum(words.count(name) for name in CLASSES) == 1
    assert contexts[0].pose in words
    assert contexts[1].scene in words


def test_render_refuses_lists_of_different_length():
    identities, contexts = _drawn(2)
    with pytest.raises(ValueError, match="2 identities and 1 contexts"):
        render(identities, contexts[:1])
