"""How frames see earlier ones: their order, which they see, and what each setting changes in an image."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from PIL import Image
from pydantic import ValidationError
from torch import Tensor

from dreamtuner.families.text_states import TextStates
from dreamtuner.families.unet.backbone import UNetBackbone
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.request import Cell, Reference, TextBlend
from dreamtuner.sampling.video import changes, flicker, frame_reference
from dreamtuner.settings.frames import FrameUse, earlier_frames, frame_order
from dreamtuner.settings.recipe_fields import from_fields, to_fields
from dreamtuner.settings.sampling import Sampling
from tests.dreamtuner.sampling.latents import LatentsKept

S = Sampling(steps=2, p_r=0.6, w_r=2.0, w_c=4.0)
CELL = Cell("a bear on the beach", 1)


def latents(backbone: UNetBackbone, references: list[Reference], cell: Cell = CELL, *, many: int = 2) -> Tensor:
    kept = LatentsKept(backbone)
    generate(kept, references, [cell], S.model_copy(update={"steps": many}))
    return kept.latents[0]


@pytest.mark.parametrize("count", [2, 3, 4, 7, 16])
def test_every_frame_sees_what_was_made_before_it_and_a_loop_meets_in_the_middle(count: int) -> None:
    for loop in (False, True):
        order = frame_order(count, loop=loop)
        assert sorted(order) == list(range(count))
        for place, i in enumerate(order):
            seen = earlier_frames(i, count, loop=loop)
            assert set(seen.values()) <= set(order[:place])
            if i:
                neighbours = {(i - 1) % count, (i + 1) % count if loop else i - 1}
                assert seen["first"] == 0
                assert set(seen.values()) - {0} <= neighbours
    last = earlier_frames(frame_order(count, loop=True)[-1], count, loop=True)
    assert {"previous", "next"} <= set(last)
    assert earlier_frames(count - 1, count, FrameUse(see="first"), loop=True) == {"first": 0}
    assert earlier_frames(0, count, FrameUse(see="draft")) == {"draft": 0}
    assert earlier_frames(1, count, FrameUse(see="none")) == {}


def test_a_neutral_use_is_in_no_recipe_and_comes_back() -> None:
    assert to_fields(FrameUse()) == {}
    use = FrameUse(see="first", weight=0.5, noise="image", guided=False)
    assert from_fields(FrameUse, to_fields(use)) == use
    with pytest.raises(ValidationError, match="begin must be less"):
        FrameUse(begin=0.5, end=0.5)


QUICK = ({"noise": "image"}, {"guided": False})
ALL = (
    *QUICK,
    {"weight": 0.1},
    {"noise": "shared"},
    {"begin": 0.5},
    {"end": 0.5},
    {"layers": "fine"},
    {"layers": "coarse"},
)


@pytest.mark.parametrize("settings", [QUICK, pytest.param(ALL, marks=pytest.mark.slow)])
def test_each_setting_changes_the_image_and_the_neutral_one_does_not(
    tiny: UNetBackbone, pip: Reference, settings: tuple[dict[str, Any], ...]
) -> None:
    frame = Image.effect_noise((64, 64), 90).convert("RGB")

    def made(**fields: Any) -> Tensor:
        return latents(tiny, [pip, frame_reference(frame, "a bear", {}, FrameUse(**fields), 1)])

    plain = latents(tiny, [pip, Reference(frame, None, "a bear", frame=True)])
    assert torch.equal(made(), plain)
    alone = latents(tiny, [pip])
    found = [alone, plain]
    for fields in settings:
        one = made(**fields)
        assert min(float((one - other).abs().max()) for other in found) > 1e-4, fields
        found.append(one)
    assert float((made(weight=1e-6) - alone).abs().max()) < 1e-3


def test_a_reference_that_is_not_seen_seeds_what_images_share(tiny: UNetBackbone, pip: Reference) -> None:
    frame, alone = Image.linear_gradient("L").resize((64, 64)).convert("RGB"), latents(tiny, [pip])
    unseen = replace(pip, image=frame, mask=None)
    assert torch.allclose(latents(tiny, [pip, replace(unseen, seen=False)]), alone, atol=1e-5)
    of_pip, of_frame = latents(tiny, [replace(pip, seen=False), unseen], many=8), latents(tiny, [unseen], many=8)
    assert not torch.allclose(of_pip, of_frame, atol=1e-3)


def test_text_states_fade_from_one_prompt_to_the_other(tiny: UNetBackbone) -> None:
    first, second = CELL, Cell("a bear at night", 1)
    ends = [latents(tiny, [], one) for one in (first, second)]
    mixed = [latents(tiny, [], replace(first, blend=TextBlend(second.prompt, share))) for share in (0.0, 0.5, 1.0)]
    torch.testing.assert_close(mixed[0], ends[0], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(mixed[2], ends[1], rtol=1e-4, atol=1e-4)
    assert min(float((mixed[1] - end).abs().max()) for end in ends) > 1e-3
    a, b = TextStates(torch.zeros(1, 2, 3), torch.zeros(1, 4)), TextStates(torch.ones(1, 2, 3), torch.ones(1, 4))
    between = a.lerp(b, 0.25)
    assert between.pooled is not None
    assert {float(between.states.min()), float(between.pooled.max())} == {0.25}


def test_the_flicker_of_a_loop_counts_its_last_step_too() -> None:
    pose = Image.new("RGB", (64, 64))
    pose.putpixel((3, 3), (255, 0, 0))
    frames = [Image.new("RGB", (64, 64), (level,) * 3) for level in (100, 104, 108)]
    assert flicker(frames, [pose] * 3) == 4
    assert flicker(frames, [pose] * 3, loop=True) == pytest.approx(16 / 3)
    other = Image.new("RGB", (64, 64))
    other.putpixel((40, 40), (255, 0, 0))
    assert changes(frames[:2], [pose, pose]) == (4, None)
    static, moving = changes(frames[:2], [pose, other])
    assert static == moving == 4
