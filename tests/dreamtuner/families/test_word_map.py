"""Where words look: the layers' own weights, read without changing what they compute; regions on every grid."""

import torch

from dreamtuner.attention.word_region import word_region
from dreamtuner.families.unet.attach import transformer_blocks
from dreamtuner.families.unet.backbone import UNetBackbone
from dreamtuner.families.unet.word_map import word_maps


@torch.inference_mode()
def test_maps_are_the_layers_weights_and_change_nothing(tiny: UNetBackbone) -> None:
    x = torch.randn(2, 8, 16, 16, generator=torch.Generator().manual_seed(0))
    c = tiny.encode_text("a bear").expand(2).states
    before = tiny.unet(x, 500, c, return_dict=False)[0]
    words = torch.zeros(2, 24, dtype=torch.bool)
    words[1] = True
    with word_maps(tiny.unet, words) as maps:
        during = tiny.unet(x, 500, c, return_dict=False)[0]
    assert torch.equal(during, before)
    assert len(maps) == len(transformer_blocks(tiny.unet))
    for one in maps:
        torch.testing.assert_close(one[1], torch.ones_like(one[1]))  # all words together have all of the attention
        assert not one[0].any()  # and none has none
    count = len(maps)
    tiny.unet(x, 500, c, return_dict=False)
    assert len(maps) == count  # the hooks are gone


def test_regions_follow_the_map_on_every_grid() -> None:
    fine = torch.full((1, 16), 0.1)
    fine[0, [0, 1, 4, 5]] = 0.9  # the upper left quarter of a grid of 4 x 4
    coarse = torch.tensor([[0.5, 0.0, 0.0, 0.0]])
    region = word_region([fine, coarse], {16: (4, 4), 4: (2, 2)}, 0.5)
    assert region[16][0].view(4, 4)[:2, :2].all()
    assert int(region[16].sum()) == 4
    assert region[4].tolist() == [[True, False, False, False]]
