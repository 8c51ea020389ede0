"""The second pass: its size, its steps, the subject in it, and a cell alone as in its grid."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionImg2ImgPipeline
from PIL import Image

from dreamtuner.families.schedulers import chosen_scheduler
from dreamtuner.families.unet.backbone import UNetBackbone
from dreamtuner.pipeline import DreamTunerPipeline
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.loop import fresh_scheduler, seeded
from dreamtuner.sampling.request import Cell, Reference
from dreamtuner.sampling.second_pass import second_calls, second_size
from dreamtuner.settings.sampling import Sampling

pytestmark = pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")  # inside diffusers
CELLS = [Cell("a photo of a bear on the beach", 1), Cell("a bear in the snow", 2)]
S = Sampling(steps=4, p_r=0.6, w_c=4.0, second_pass=1.5, second_strength=0.5)


def far(a: Image.Image, b: Image.Image) -> int:
    return int(np.abs(np.asarray(a, dtype=int) - np.asarray(b, dtype=int)).max())


def test_sizes_are_multiples_of_what_the_first_size_is(tiny: UNetBackbone, pip: Reference) -> None:
    assert second_size(S) == (96, 96)
    assert second_size(Sampling(size="56x40", second_pass=1.3)) == (72, 48)  # 72.8 and 52, to multiples of 8
    assert [one.size for one in generate(tiny, pip, CELLS, S)] == [(96, 96)] * 2


def test_the_subject_is_seen_in_it_and_without_a_reference_it_is_the_plain_models(
    tiny: UNetBackbone, pip: Reference
) -> None:
    plain = generate(tiny, None, CELLS[:1], S)[0]
    assert far(generate(tiny, pip, CELLS[:1], S.model_copy(update={"w_ref": 0.0}))[0], plain) == 0
    # Eq. 4 and 5 alike see the subject, so strong weights change what the second pass makes of one first image
    first = S.model_copy(update={"second_pass": 1.0})
    assert far(generate(tiny, pip, CELLS[:1], S)[0], plain) > 0
    assert generate(tiny, pip, CELLS[:1], first)[0].size == (64, 64)


def test_a_cell_alone_is_the_cell_in_its_grid_and_steps_are_counted(tiny: UNetBackbone, pip: Reference) -> None:
    seen: list[tuple[int, int]] = []
    together = generate(tiny, pip, CELLS, S, on_step=lambda done, total: seen.append((done, total)))
    assert seen == [(i, 6) for i in range(1, 7)]  # four steps, and two of them again
    for cell, image in zip(CELLS, together, strict=True):
        assert far(generate(tiny, pip, [cell], S)[0], image) <= 1


def test_it_is_stock_image_to_image_of_the_enlarged_first_image(
    tiny: UNetBackbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    [first] = generate(tiny, None, CELLS[:1], S.model_copy(update={"second_pass": 1.0}))
    [ours] = generate(tiny, None, CELLS[:1], S)
    stock = StableDiffusionImg2ImgPipeline(
        vae=tiny.vae, text_encoder=tiny.text_encoder, tokenizer=tiny.tokenizer, unet=tiny.unet,
        scheduler=tiny.scheduler, safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    stock.set_progress_bar_config(disable=True)
    latents = tiny.encode_image(enlarged := first.resize((96, 96), Image.Resampling.LANCZOS))[None]
    noise = torch.randn(latents.shape, generator=seeded(CELLS[0].seed, "second pass"))
    scheduler = fresh_scheduler(tiny.scheduler, S.steps)
    noised = scheduler.add_noise(latents, noise, scheduler.timesteps[2:3])
    monkeypatch.setattr(stock, "prepare_latents", lambda *args, **kwargs: noised)
    theirs = stock(
        CELLS[0].prompt, image=enlarged, strength=S.second_strength, num_inference_steps=S.steps,
        guidance_scale=S.w_c,
    ).images[0]  # fmt: skip
    assert far(ours, theirs) == 0


@pytest.mark.parametrize(
    "name",
    [
        "Heun",
        *(pytest.param(one, marks=pytest.mark.slow) for one in ("Euler a", "DPM++ 2M Karras", "UniPC", "PNDM", "LCM")),
    ],
)
def test_every_kind_of_solver_begins_in_the_middle(tiny: UNetBackbone, pip: Reference, name: str) -> None:
    s = S.model_copy(update={"scheduler": name, "steps": 6})
    fresh = fresh_scheduler(chosen_scheduler(tiny.scheduler, s), s.steps)
    assert 3 <= second_calls(s, fresh) <= 6
    [image] = generate(tiny, pip, CELLS[:1], s)
    assert image.size == (96, 96)
    assert np.asarray(image).std() > 1


@pytest.mark.slow
def test_control_images_are_enlarged_with_it(whole: DreamTunerPipeline, tiny: UNetBackbone, pip: Reference) -> None:
    led = replace(tiny, controlnets={"pose": whole.controlnet_pose})
    pose = Image.new("RGB", (64, 64))
    pose.paste("yellow", (20, 10, 30, 50))
    cell = replace(CELLS[0], layouts={"pose": pose})
    [image] = generate(led, pip, [cell], S)
    assert far(image, generate(led, pip, CELLS[:1], S)[0]) > 0
