"""Pictures: with all off, stock diffusers; a cell alone, its grid; references, edges and Eq. 4-6 end to end."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import EulerDiscreteScheduler, PNDMScheduler, StableDiffusionPipeline
from PIL import Image
from torch import Tensor

from dreamtuner.families.unet.attach import attached
from dreamtuner.families.unet.backbone import UNetBackbone
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.guidance import interleaved
from dreamtuner.sampling.loop import step_lambda
from dreamtuner.sampling.reference_crop import square
from dreamtuner.sampling.reference_pass import Row, encode_reference, foreground_tokens, reference_digest
from dreamtuner.sampling.request import Cell, Reference
from dreamtuner.settings.sampling import Sampling
from tests.dreamtuner.sampling.latents import LatentsKept

CELLS = [Cell("a photo of a bear on the beach", 1), Cell("a photo of a bear, waving", 2), Cell("a bear", 3)]
S = Sampling(steps=4, p_r=0.6, w_r=2.0, w_c=4.0)


def latents(backbone: UNetBackbone, *args: Any, **kwargs: Any) -> Tensor:
    kept = LatentsKept(backbone)
    generate(kept, *args, **kwargs)
    return torch.stack(kept.latents)


def stock(backbone: UNetBackbone) -> StableDiffusionPipeline:
    b = backbone
    pipe = StableDiffusionPipeline(
        b.vae, b.text_encoder, b.tokenizer, b.unet, b.scheduler, None, None, requires_safety_checker=False
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # inside diffusers
@pytest.mark.parametrize("scheduler", [None, EulerDiscreteScheduler, PNDMScheduler])
@pytest.mark.parametrize("w_c", [1.0, 4.0])
def test_with_everything_off_it_is_the_stock_pipeline_to_the_last_bit(
    tiny: UNetBackbone, scheduler: type | None, w_c: float
) -> None:
    if scheduler is not None:
        tiny = replace(
            tiny, scheduler=scheduler(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, steps_offset=1)
        )
    cells = [Cell("a photo of a bear", seed) for seed in (1, 2, 3)]
    ours = generate(tiny, None, cells, S.model_copy(update={"w_c": w_c}), negative_prompt="a frog")
    theirs = stock(replace(tiny, scheduler=type(tiny.scheduler).from_config(tiny.scheduler.config)))(
        prompt="a photo of a bear",
        negative_prompt="a frog",
        num_images_per_prompt=3,
        num_inference_steps=S.steps,
        guidance_scale=w_c,
        generator=[torch.Generator().manual_seed(cell.seed) for cell in cells],
    ).images
    assert [a.tobytes() for a in ours] == [b.tobytes() for b in theirs]


def test_latents_are_the_stock_pipelines_for_a_grid_of_prompts(tiny: UNetBackbone) -> None:
    theirs = stock(tiny)(
        prompt=[cell.prompt for cell in CELLS],
        num_inference_steps=S.steps,
        guidance_scale=S.w_c,
        generator=[torch.Generator().manual_seed(cell.seed) for cell in CELLS],
        output_type="latent",
    ).images
    torch.testing.assert_close(latents(tiny, None, CELLS, S), theirs, rtol=1e-5, atol=1e-5)


def test_no_reference_no_weight_and_an_empty_mask_are_one_to_the_last_bit(tiny: UNetBackbone, pip: Reference) -> None:
    plain = latents(tiny, None, CELLS, S)
    empty = replace(pip, mask=Image.new("L", pip.image.size, 0))
    assert torch.equal(latents(tiny, pip, CELLS, S.model_copy(update={"w_ref": 0.0})), plain)
    assert torch.equal(latents(tiny, empty, CELLS, S), plain)
    assert torch.equal(latents(tiny, [], CELLS, S), plain)
    assert float((latents(tiny, pip, CELLS, S) - plain).abs().max()) > 1e-3


def test_a_cell_alone_is_the_cell_in_its_grid_at_any_batch_size(tiny: UNetBackbone, pip: Reference) -> None:
    grid = latents(tiny, pip, CELLS, S)
    for i, cell in enumerate(CELLS):
        torch.testing.assert_close(latents(tiny, pip, [cell], S)[0], grid[i], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(latents(tiny, pip, CELLS, S, batch_size=2), grid, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(latents(tiny, pip, CELLS[::-1], S).flip(0), grid, rtol=1e-5, atol=1e-5)


def test_a_rerun_is_equal_to_the_last_bit_and_the_global_generator_is_not_touched(
    tiny: UNetBackbone, pip: Reference
) -> None:
    before = torch.get_rng_state()
    first = latents(tiny, pip, CELLS, S)
    torch.manual_seed(99)
    assert torch.equal(latents(tiny, pip, CELLS, S), first)
    torch.set_rng_state(before)
    assert torch.equal(torch.get_rng_state(), before)


@torch.no_grad()
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"p_r": 0.0},
        {"p_r": 1.0},
        {"w_r": 1.0},
        {"w_r": 0.0},
        {"w_r": 0.0, "p_r": 1.0},
        {"dt": 200, "dt_prime": 300},
    ],
)
def test_the_loop_is_equations_4_to_6_with_a_reference_pass_at_every_step(
    tiny: UNetBackbone, pip: Reference, changes: dict[str, float]
) -> None:
    """Slow and obvious: one cell, one U-Net call a branch, the reference encoded anew for each."""
    from hashlib import sha256

    s = S.model_validate({**S.model_dump(), **changes})
    cell, digest = CELLS[0], reference_digest(pip.image)
    image, cover = square(pip.image, pip.mask, 64)
    m_r = torch.from_numpy(np.array(cover) / 255)
    scheduler = type(tiny.scheduler).from_config(tiny.scheduler.config)
    scheduler.set_timesteps(s.steps)
    x = torch.randn(1, 8, 16, 16, generator=torch.Generator().manual_seed(cell.seed))
    text = {"c": tiny.encode_text(cell.prompt), "uc": tiny.encode_text("")}
    for step, t in enumerate(scheduler.timesteps.tolist()):
        lam = step_lambda(sha256(digest.encode()).hexdigest(), step)
        pair = interleaved(lam, t, s, t_max=999, reference=True)
        eps = []
        for branch in (pair.other, pair.wanted):
            with attached(tiny.unet) as ssa:
                seen = None
                if branch.x_r is not None:
                    row = Row(step, branch.x_r)
                    seen = encode_reference(
                        ssa,
                        lambda x, t, c: tiny.denoiser().predict(x, t, c, {}),
                        tiny.denoiser().noised,
                        tiny.encode_image(image),
                        tiny.encode_text(pip.caption),
                        foreground_tokens(m_r, [(16, 16), (8, 8), (4, 4)]),
                        [row],
                        w_ref=s.w_ref,
                        digest=digest,
                    ).at(row)
                with ssa.attend([(1, seen)]):
                    eps.append(tiny.unet(x, t, text[branch.text].states, return_dict=False)[0])
        x = scheduler.step(pair.w * eps[1] - (pair.w - 1) * eps[0], t, x).prev_sample
    torch.testing.assert_close(latents(tiny, pip, [cell], s), x, rtol=1e-4, atol=1e-4)


def test_several_references_of_a_subject_are_taken(tiny: UNetBackbone, pip: Reference) -> None:
    turned = Reference(pip.image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), None, "a photo of a bear")
    one, two = latents(tiny, pip, CELLS, S), latents(tiny, [pip, turned], CELLS, S)
    assert float((one - two).abs().max()) > 1e-4
    torch.testing.assert_close(latents(tiny, [pip, turned], CELLS[1:2], S)[0], two[1], rtol=1e-5, atol=1e-5)


def test_progress_counts_every_step_of_every_batch(tiny: UNetBackbone, pip: Reference) -> None:
    seen: list[tuple[int, int]] = []
    pictures = generate(tiny, pip, CELLS, S, batch_size=2, on_step=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 8) for done in range(1, 9)]
    assert [(p.mode, p.size) for p in pictures] == [("RGB", (64, 64))] * 3
    assert generate(tiny, pip, [], S) == []


def test_an_interrupt_leaves_the_model_as_it_was(tiny: UNetBackbone, pip: Reference) -> None:
    before = dict(tiny.unet.attn_processors)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(tiny, pip, CELLS, S, on_step=stop)
    assert all(tiny.unet.attn_processors[name] is processor for name, processor in before.items())


@pytest.mark.parametrize(
    ("changes", "batch_size", "message"),
    [
        ({"beta": 0.2}, 16, "sampling.beta: this profile has no subject-encoder"),
        ({}, 0, "batch_size: 0"),
    ],
)
def test_what_cannot_be_done_is_named(
    tiny: UNetBackbone, changes: dict[str, float], batch_size: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        generate(tiny, None, CELLS, S.model_copy(update=changes), batch_size=batch_size)
