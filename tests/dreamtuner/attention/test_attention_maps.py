"""Where a query looks: it is the formula's softmax, it sums to 1, it finds its equal, and watching changes nothing."""

import pytest
import torch
from PIL import Image
from torch import Tensor

from dreamtuner.attention.maps import query_attention, query_weights
from dreamtuner.attention.self_subject import SubjectKeys, self_subject_attention
from dreamtuner.families.unet.backbone import UNetBackbone
from dreamtuner.rendering.attention_map import TILE, Column, Shown, attention_picture, layer_title
from dreamtuner.rendering.heatmap import heat
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.recorder import AttentionRecorder
from dreamtuner.sampling.request import Cell, Reference
from dreamtuner.settings.sampling import Sampling

S = Sampling(steps=4, p_r=0.6, w_r=2.0, w_c=4.0)
CELL = Cell("a photo of a bear on the beach", 1)


def draw(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_weights_are_the_formulas_softmax_and_sum_to_one() -> None:
    q, k, k_r = draw(0, 1, 2, 16, 8), draw(1, 1, 2, 16, 8), draw(2, 1, 2, 5, 8)
    subject = SubjectKeys(k_r, k_r, torch.full((5,), 3.0).log())
    weights = query_weights(q[0, :, 6], k[0], subject)
    torch.testing.assert_close(weights.sum(1), torch.ones(2))
    # with one-hot values the formula's output is its own weights
    one_hot = torch.eye(21).expand(1, 2, -1, -1)
    formula = self_subject_attention(q, k, one_hot[:, :, :16], k_r, one_hot[:, :, 16:], torch.ones(5), 3.0)
    torch.testing.assert_close(weights, formula[0, :, 6], rtol=0, atol=1e-6)
    torch.testing.assert_close(
        query_weights(q[0, :, 6], k[0], None), (k[0] @ q[0, :, 6, :, None] / 8**0.5)[..., 0].softmax(1)
    )


def test_a_query_that_equals_a_key_of_the_reference_finds_its_patch() -> None:
    kept = torch.tensor([5, 6, 9, 10])  # the middle of a grid of 4 x 4
    k_r = draw(1, 1, 2, 4, 32)
    subject = SubjectKeys(k_r, k_r, torch.zeros(4))
    found = query_attention(query_weights(4 * k_r[0, :, 2], 0.1 * draw(2, 2, 16, 32), subject), (4, 4), [kept])
    assert int(found.patches().argmax()) == 9
    assert found.share > 0.9
    assert found.patches().sum() == pytest.approx(found.share)
    assert set(found.references[0].sum(0).nonzero()[:, 0].tolist()) <= set(kept.tolist())
    assert found.even_share(3.0) == pytest.approx(12 / 28)


def test_several_references_keep_apart_and_one_unseen_stays_empty() -> None:
    weights = torch.tensor([[0.1] * 4 + [0.3, 0.2, 0.1]])
    found = query_attention(weights, (2, 2), [torch.tensor([3]), None, torch.tensor([0, 2])])
    assert [reference[0].tolist() for reference in found.references] == [
        pytest.approx([0, 0, 0, 0.3]),
        [0, 0, 0, 0],
        pytest.approx([0.2, 0, 0.1, 0]),
    ]
    assert found.share == pytest.approx(0.6)
    assert query_attention(weights[:, :4], (2, 2), [torch.tensor([3])]).share == 0
    with pytest.raises(ValueError, match="are not 4 of the image and 1 of references"):
        query_attention(weights, (2, 2), [torch.tensor([3])])


def test_watching_asks_only_for_its_steps_and_layers_and_the_picture_is_the_same(
    tiny: UNetBackbone, pip: Reference
) -> None:
    recorder = AttentionRecorder((0.5, 0.3), frozenset({1, 3}), frozenset({256}))
    [watched] = generate(tiny, pip, [CELL], S, recorder=recorder)
    assert watched.tobytes() == generate(tiny, pip, [CELL], S)[0].tobytes()
    assert {step for step, _ in recorder.maps} == {1, 3}
    assert {one.grid for one in recorder.maps.values()} == {(16, 16)}
    for one in recorder.maps.values():
        torch.testing.assert_close(one.own.sum(1) + one.references[0].sum(1), torch.ones(len(one.own)))
        assert 0 < one.share < 1
    plain = AttentionRecorder((0.5, 0.3), frozenset({0}))
    generate(tiny, None, [CELL], S, recorder=plain)
    assert {one.grid for one in plain.maps.values()} == {(16, 16), (8, 8), (4, 4)}
    assert all(one.share == 0 and one.references == () for one in plain.maps.values())


def test_what_cannot_be_watched_is_named(tiny: UNetBackbone, pip: Reference) -> None:
    with pytest.raises(ValueError, match=r"point: y is 1\.5"):
        AttentionRecorder((0.5, 1.5), frozenset({0}))
    with pytest.raises(ValueError, match="recorder: attention is recorded for one cell, not 2"):
        generate(tiny, pip, [CELL, CELL], S, recorder=AttentionRecorder((0.5, 0.5), frozenset({0})))


def test_layers_have_names_for_people() -> None:
    rest = "transformer_blocks.0.attn1"
    assert layer_title(f"up_blocks.2.attentions.0.{rest}") == "up 3, layer 1"
    assert layer_title(f"mid_block.attentions.0.{rest}") == "middle"
    assert layer_title(f"controlnet_pose.down_blocks.0.attentions.1.{rest}") == "pose ControlNet: down 1, layer 2"
    assert layer_title("something.else") == "something.else"


def test_the_picture_shows_heat_where_the_weight_is_and_nowhere_else() -> None:
    grey = Image.new("RGB", (64, 64), (128, 128, 128))
    weights = torch.zeros(4, 4)
    weights[1, 2] = 0.5
    hot = heat(grey, weights.numpy(), (64, 64))
    coloured = [(x, y) for x in range(64) for y in range(64) if len(set(hot.getpixel((x, y)))) > 1]  # type: ignore[arg-type]
    assert (min(coloured), max(coloured)) == ((32, 16), (47, 31))
    found = query_attention(
        torch.cat([torch.full((1, 16), 0.03), weights.view(1, -1) + 0.00125], 1), (4, 4), [torch.arange(16)]
    )
    columns = [Column("middle step", {"mid_block.attentions.0.transformer_blocks.0.attn1": found})]
    shown = Shown(grey, Image.new("L", (64, 64), 255))
    sheet = attention_picture(grey, (0.5, 0.5), shown, columns, w_ref=3.0, title="t", detail="d")
    assert sheet.width > 2 * TILE
    with pytest.raises(ValueError, match="no layer was recorded"):
        attention_picture(grey, (0.5, 0.5), shown, [], w_ref=3.0, title="t", detail="d")
