"""What speed is measured by: FLOPs are exact and within what was wanted, the naive form draws the same picture."""

import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from dreamtuner.attention.self_subject import SubjectKeys, attend
from dreamtuner.bench import sd15
from dreamtuner.bench.flops import Flops, count_flops
from dreamtuner.bench.gpu import gpu_ways
from dreamtuner.bench.naive import naive_generate
from dreamtuner.bench.sd15 import StepTiming
from dreamtuner.bench.shapes import VISION, even_plan
from dreamtuner.bench.speed import flop_ratios, step_ratios
from dreamtuner.bench.timing import Ratio, Timing, interleaved_timings, ratio
from dreamtuner.families.unet.backbone import UNetBackbone
from dreamtuner.families.unet.subject_encoder import SubjectEncoder
from dreamtuner.sampling.request import Cell, Reference
from dreamtuner.settings.sampling import Sampling
from tests.dreamtuner.sampling.test_batch import LatentsKept, latents

S = Sampling(steps=4, p_r=0.6, w_r=2.0, w_c=4.0)


def test_attention_is_counted_whole_with_our_row_of_weights() -> None:
    q = torch.empty(2, 8, 64, 40, device="meta")
    k_r = torch.empty(1, 8, 26, 40, device="meta")
    with FlopCounterMode(display=False) as counter:
        attend(q, q, q, SubjectKeys(k_r, k_r, torch.empty(26, device="meta")))
    assert counter.get_total_flops() == 2 * (2 * 2 * 8 * 64 * (64 + 26) * 40)
    with FlopCounterMode(display=False) as counter:
        F.scaled_dot_product_attention(q, q, q)
    assert counter.get_total_flops() == 2 * (2 * 2 * 8 * 64 * 64 * 40)


@pytest.fixture(scope="module")
def flops() -> Flops:
    return count_flops(cells=64, steps=30, share=0.4)


@pytest.mark.slow
def test_a_reference_costs_few_flops_over_plain_guidance_and_the_naive_form_many(flops: Flops) -> None:
    assert 1 < flops.over_plain(flops.ours) <= 1.05
    assert flops.over_plain(flops.ours) < flops.over_plain(flops.ours_sea) <= 1.09
    assert flops.over_plain(flops.naive) > 1.5
    assert [figure.met for figure in flop_ratios(flops)] == [True, True, None]
    assert flops.plain == 64 * 30 * 2 * 803_273_441_280  # one row of one step of SD 1.5, counted apart


def test_the_plan_of_the_bench_has_p_r_of_its_steps_by_eq_4() -> None:
    plan = even_plan(30, Sampling())
    assert sum(pair.other.x_r is None for pair in plan) == 27
    assert all(pair.other == ("uc", None) for pair in even_plan(30, Sampling(), reference=False))


def test_the_naive_form_draws_the_same_picture(tiny: UNetBackbone, pip: Reference) -> None:
    cells = [Cell("a photo of a bear on the beach", 1), Cell("a bear", 3)]
    kept = LatentsKept(tiny)
    naive_generate(kept, pip, cells, S, batch_size=2)  # type: ignore[arg-type]
    torch.testing.assert_close(torch.stack(kept.latents), latents(tiny, pip, cells, S), rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match=r"sampling\.w_ref"):
        naive_generate(tiny, pip, cells, S.model_copy(update={"w_ref": 0.0, "beta": 0.0}), batch_size=2)


@torch.inference_mode()
def test_the_ways_for_a_gpu_run_where_there_is_none(tiny: UNetBackbone, monkeypatch: pytest.MonkeyPatch) -> None:
    unet = tiny.unet
    monkeypatch.setattr("dreamtuner.bench.gpu.TEXT", (5, 16))
    monkeypatch.setattr("dreamtuner.bench.shapes.TEXT", (5, 16))
    monkeypatch.setattr("dreamtuner.bench.shapes.LATENT", (8, 16, 16))
    for run in gpu_ways(unet, SubjectEncoder.for_unet(unet, VISION, width=16).eval(), 3, 2, 2, 0.4).values():
        run()


@pytest.mark.slow
def test_steps_at_true_shapes_are_timed_beside_stock_guidance(
    tiny: UNetBackbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("sd15", "shapes"):
        monkeypatch.setattr(f"dreamtuner.bench.{module}.TEXT", (5, 16))
        monkeypatch.setattr(f"dreamtuner.bench.{module}.LATENT", (8, 16, 16))
    before = dict(tiny.unet.attn_processors)
    ran: list[str] = []
    found = sd15.time_steps(2, lambda name, repeat, seconds: ran.append(name), steps=10, unet=tiny.unet)
    assert len(ran) == 2 * len(set(ran)) == 2 * 9
    assert found.plan == {sd15.EQ_4: 9, sd15.EQ_5: 1}
    assert list(found.batches) == [4, 1]
    assert list(found.pieces) == [1, sd15.PIECE] == [1, 8]
    assert [(one.name, one.wanted) for one in step_ratios(found)][-2:] == [
        ("64 cells, S-S-A", 1.13),
        ("1 cell, S-S-A", 1.60),
    ]
    assert dict(tiny.unet.attn_processors) == before


def test_a_grid_is_composed_of_its_steps_and_one_reference_pass() -> None:
    def takes(seconds: float) -> Timing:
        return Timing((99.0,), (seconds,))

    batches = {
        4: {sd15.STOCK: takes(10), sd15.EQ_4: takes(11), sd15.EQ_5: takes(12)},
        1: {sd15.STOCK: takes(3), sd15.EQ_4: takes(4), sd15.EQ_5: takes(5)},
    }
    plan = {sd15.EQ_4: 27, sd15.EQ_5: 3}
    found = StepTiming(30, 0.4, plan, batches, {1: takes(2), sd15.PIECE: takes(8)})
    assert found.pass_seconds() == (2 + 32,)
    assert found.stock_seconds(64) == (16 * 30 * 10,)
    assert found.our_seconds(64) == (16 * (27 * 11 + 3 * 12) + 34,)
    assert found.our_seconds(1) == (27 * 4 + 3 * 5 + 34,)


@pytest.mark.slow
def test_timings_stand_side_by_side() -> None:
    order: list[str] = []
    ways = {name: lambda name=name: order.append(name) for name in "ab"}
    found = interleaved_timings(ways, 3)
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert {len(timing.wall) for timing in found.values()} == {3}
    assert ratio((2.0, 3.0, 9.0), (1.0, 1.0, 2.0)) == Ratio(3.0, 2.0, 4.5)
