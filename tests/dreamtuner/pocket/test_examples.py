"""What examples/ ships is what the world draws: of held-out identities, in known poses, and on the way between them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dreamtuner.models.layouts import fitted
from dreamtuner.pocket.examples import EXAMPLES, draw_example, example_files
from dreamtuner.pocket.world import POSES, TEST, Context, Identity, render
from dreamtuner.pocket.world.poses import draw_poses
from dreamtuner.pocket.world.skeleton import JOINTS, Skeleton, between, skeleton
from flows.spec.yaml_file import read_spec

FOLDER = Path(__file__).parents[3] / "examples"
FILES = example_files()


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_the_shipped_reference_is_the_drawn_one(name: str):
    assert EXAMPLES[name].identity_seed in TEST
    shipped = np.asarray(Image.open(FOLDER / "references" / f"{name}.png"), dtype=int)
    assert np.abs(shipped - np.asarray(draw_example(name), dtype=int)).max() <= 2


def test_every_shipped_picture_is_drawn_here_and_every_drawn_one_is_shipped():
    assert {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.png")} == set(FILES)
    for place, image in FILES.items():
        shipped = Image.open(FOLDER / place)
        assert (shipped.mode, shipped.size) == (image.mode, image.size), place
        assert np.abs(np.asarray(shipped, dtype=int) - np.asarray(image, dtype=int)).max() <= 2, place


def test_every_shipped_layout_is_one_that_a_spec_takes():
    for place, image in FILES.items():
        if place.startswith(("poses/", "depth/")):
            fitted("depth" if place.startswith("depth/") else "pose", image, 64)
    for name in ("pocket", "poses", "depth", "wave"):
        spec = read_spec(FOLDER / f"{name}.yaml")
        for place in (p for places in spec.layouts.values() for p in places if p is not None):
            assert Path(place).is_file(), place


@pytest.mark.parametrize("pose", POSES)
def test_the_librarys_pose_is_the_worlds_at_four_times_the_size(pose: str):
    world = render([Identity.from_seed(0)], [Context("in a room", pose, "natural")]).pose[0].permute(1, 2, 0).numpy()
    library = np.asarray(fitted("pose", FILES[f"poses/{pose.replace(' ', '-')}.png"], 64)) / 255
    assert np.abs(world - library).mean() < 0.002
    assert np.abs(world - library).max() < 0.4


def test_between_two_skeletons_limbs_swing_round_and_keep_their_length():
    start, end = skeleton(["standing"], [False]), skeleton(["waving"], [False])
    way = between(start, end, torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0]))
    torch.testing.assert_close(way.joints[:1], start.joints)
    torch.testing.assert_close(way.joints[-1:], end.joints)
    arm = (way.joints[:, JOINTS.index("right_hand")] - way.joints[:, JOINTS.index("neck")]).norm(dim=1)
    assert float(arm.min()) >= float(min(arm[0], arm[-1])) - 1e-6
    height = way.joints[:, JOINTS.index("right_hand"), 1]
    assert bool((height.diff() < 0).all()), "the hand goes up all the way"
    still = [i for i, joint in enumerate(JOINTS) if joint != "right_hand"]
    torch.testing.assert_close(way.joints[:, still], start.joints[:, still].expand(5, -1, -1))


def test_a_turn_takes_the_shorter_way():
    joints = skeleton(["standing"], [False]).joints
    neck = joints[0, JOINTS.index("neck")]
    ends = []
    for angle in (3.0, -3.0):
        turned = joints.clone()
        turned[0, JOINTS.index("right_hand")] = neck + torch.tensor([np.cos(angle), np.sin(angle)])
        ends.append(Skeleton(turned))
    [half] = between(*ends, torch.tensor([0.5])).joints[:, JOINTS.index("right_hand")] - neck
    torch.testing.assert_close(half, torch.tensor([-1.0, 0.0]), atol=1e-5, rtol=0)


def test_the_waves_frames_are_near_one_another_and_lead_round():
    frames = [np.asarray(FILES[f"poses/wave/{i:02d}.png"], dtype=int) for i in range(16)]
    steps = [np.abs(a - b).mean() for a, b in zip(frames, frames[1:] + frames[:1], strict=True)]
    far = np.abs(frames[0] - np.asarray(FILES["poses/arms-up.png"], dtype=int)).mean()
    assert 0 < max(steps) < far
    assert draw_poses(skeleton(["waving"], [False]), 64)[0].size == (64, 64)
