"""Views and crops: what they hide, what captions say of them, and that plain pictures stay what they were."""

import random
from dataclasses import asdict, replace
from hashlib import sha256

import pytest
import torch

from dreamtuner.pocket.training.shards import SEEN, draw_pictures, draw_views
from dreamtuner.pocket.world import HELD_OUT, POSES, VIEWS, Context, Identity, caption, render, visible
from dreamtuner.pocket.world.identity import ATTRIBUTES, CLASSES
from dreamtuner.settings.recipe_fields import to_fields

BASE = Context("in a room", "standing", "anime", "smiling")


def _identity(class_word: str = "bear") -> Identity:
    return Identity(class_word, "red", "blue", "green", "stripes", "star", "crown", "big eyes", "medium")


@pytest.mark.parametrize(
    ("view", "framing", "hidden", "shown"),
    [
        ("front", "full", set(), set(ATTRIBUTES)),
        ("back", "full", {"emblem", "eyes"}, {"hat", "pattern", "shape", "primary", "secondary"}),
        ("side", "full", {"emblem"}, {"hat", "eyes", "pattern", "shape"}),
        ("front", "bust", {"hat"}, {"emblem", "eyes", "pattern"}),
        ("front", "close-up", {"emblem"}, {"hat", "eyes", "primary"}),
        ("back", "bust", {"hat", "emblem", "eyes", "accent"}, {"pattern", "primary"}),
    ],
)
def test_a_view_hides_what_it_should_and_nothing_else(view: str, framing: str, hidden: set[str], shown: set[str]):
    seen = visible(_identity(), replace(BASE, view=view, framing=framing))
    assert not seen & hidden
    assert shown <= seen


def test_the_emblem_and_the_face_never_show_from_behind_and_hats_never_in_a_bust():
    pictures = draw_pictures(random.Random(4), HELD_OUT, 6)
    for picture in pictures[::4]:
        identity, context = picture.identity, picture.context
        other = replace(identity, emblem="heart" if identity.emblem != "heart" else "star", eyes="glasses")
        behind = replace(context, view="back")
        assert torch.equal(render([identity], [behind]).image, render([other], [behind]).image)
        hats = [replace(identity, hat=hat) for hat in ATTRIBUTES["hat"]]
        busts = render(hats, [replace(context, framing="bust")] * 4).image
        assert float(((busts - busts[:1]).abs().amax(1) > 0.1).sum((1, 2)).max()) < 10


def test_from_behind_the_coat_and_the_joints_are_mirrored():
    halves = replace(_identity(), pattern="halves")
    front, back = (render([halves], [replace(BASE, pose="waving", view=view)]) for view in ("front", "back"))
    torch.testing.assert_close(back.joints[..., 0], 64 - front.joints[..., 0])
    torch.testing.assert_close(back.joints[..., 1], front.joints[..., 1])


def test_joints_of_a_profile_lie_on_the_subject():
    contexts = [replace(BASE, pose=pose, view="side", mirrored=flip) for pose in POSES for flip in (False, True)]
    drawn = render([_identity()] * len(contexts), contexts)
    for picture in range(len(contexts)):
        for x, y in drawn.joints[picture].tolist():
            assert drawn.mask[picture, 0, min(63, int(y)), min(63, max(0, int(x)))] > 0.5
    torch.testing.assert_close(drawn.joints[1::2, :, 0], 64 - drawn.joints[::2, :, 0])


def test_views_and_framings_change_every_class():
    for class_word in CLASSES:
        contexts = [replace(BASE, view=view, framing=framing) for view, framing in SEEN]
        images = render([_identity(class_word)] * len(contexts), contexts).image
        for i, image in enumerate(images):
            assert all(float((image - other).abs().mean()) > 0.005 for other in images[:i])


@pytest.mark.parametrize(
    ("context", "words"),
    [
        (replace(BASE, view="back"), "a drawing of a bear in a room, standing, seen from behind"),
        (replace(BASE, view="side"), "a drawing of a bear in a room, standing, smiling, from the side"),
        (replace(BASE, framing="close-up"), "a drawing of a bear in a room, smiling, close-up"),
        (replace(BASE, framing="bust"), "a drawing of a bear in a room, standing, smiling, bust"),
        (BASE, "a drawing of a bear in a room, standing, smiling"),
    ],
)
def test_captions_name_what_the_view_shows(context: Context, words: str):
    assert caption(_identity(), context) == words


def test_an_unknown_view_is_refused():
    with pytest.raises(ValueError, match="view: 'above' is not one of front, side, back"):
        replace(BASE, view="above")


def test_a_plain_context_is_recorded_as_it_was_before_there_were_views():
    plain = {k: v for k, v in asdict(BASE).items() if k not in ("view", "framing")}
    assert to_fields(BASE) == plain
    assert to_fields(replace(BASE, view="side")) == {**plain, "view": "side"}


def test_plain_pictures_are_those_of_the_first_world():
    pictures = draw_pictures(random.Random(7), HELD_OUT, 6)
    drawn = render([p.identity for p in pictures], [p.context for p in pictures])
    # coarse, so that another machine's rounding does not count
    coarse = (torch.nn.functional.avg_pool2d(drawn.image, 16) * 32).round().byte().numpy()
    assert sha256(coarse.tobytes()).hexdigest()[:16] == "71c1e623690cd152"


def test_drawn_views_keep_identities_and_the_rest_of_the_context():
    plain, views = (draw(random.Random(1), HELD_OUT, 40) for draw in (draw_pictures, draw_views))
    assert plain[0].identity_seed == views[0].identity_seed
    assert all(len({p.identity_seed for p in views[i : i + 4]}) == 1 for i in range(0, 160, 4))
    assert {p.context.view for p in views} == set(VIEWS)
